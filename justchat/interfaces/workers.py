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

    async def keep(data: bytes, stem: str) -> str:
        """Re-encode a picture without its metadata, store it under the name ``stem`` and an extension, and return that.

        Raises NotAnImage, TooLarge (pixels), DiskFull, Busy, and what the store raises; then nothing is left behind.
        """

    async def keep_file(file: Path, stem: str, owner: str) -> tuple[str, int]:
        """``keep`` for a picture in a file. The queue is fair among owners.

        Returns the file name and its size in bytes.
        """

    async def remove(stem: str) -> None:
        """Remove a picture. It is not an error if there is none. Raises what the store raises."""
