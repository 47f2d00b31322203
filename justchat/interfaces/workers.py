"""What actions ask of workers outside the reactor thread."""

from pathlib import Path
from typing import Literal, NamedTuple

from zope.interface import Interface


class HashOwner(NamedTuple):
    """Who a hash is computed for: one of the queues, and the owner of the request in that fair queue.

    ``owners`` is for sign-in keys tried from a known network of their owner, ``keys`` for all other sign-in keys,
    ``rooms`` for room passwords.
    """

    queue: Literal["owners", "keys", "rooms"]
    owner: str


class IPasswords(Interface):
    """Slow salted hashes, computed outside the reactor thread. Raises Busy where the owner has too many queued."""

    async def hash(secret: str, owner: HashOwner) -> str:
        """The hash to store."""

    async def matches(secret: str, hash: str | None, owner: HashOwner) -> bool:
        """Whether a hash is of a secret. Takes as long for None, and returns False."""


class IImages(Interface):
    """Uploaded pictures."""

    async def keep(data: bytes) -> str:
        """Re-encode a picture without its metadata, store it, and return its file name.

        Raises NotAnImage, TooLarge (pixels), DiskFull, Busy; then nothing is left on the disk.
        """

    async def keep_file(file: Path, stem: str, owner: str) -> tuple[str, int]:
        """``keep`` for a picture in a file, under the name ``stem`` and an extension. The queue is fair among owners.

        Returns the file name and its size in bytes.
        """

    def remove(stem: str) -> None:
        """Remove a picture. It is not an error if there is none."""
