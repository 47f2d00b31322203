"""What actions ask of work that is done outside the reactor thread."""

from pathlib import Path
from typing import Literal, NamedTuple

from zope.interface import Interface


class HashOwner(NamedTuple):
    """Whose turn a hash is: ``queue`` says of what, ``owner`` who shares turns there.

    ``owners`` are keys that are tried from where their owner signed in lately, ``keys`` all others.
    """

    queue: Literal["owners", "keys", "rooms"]
    owner: str


class IPasswords(Interface):
    """Slow salted hashes, made off the reactor thread. Raises Busy where too much of whose turn it is waits already."""

    async def hash(secret: str, turn: HashOwner) -> str:
        """The hash to keep."""

    async def matches(secret: str, hash: str | None, turn: HashOwner) -> bool:
        """Whether the hash is the secret's; takes as long where there is no hash."""


class IImages(Interface):
    """Pictures that people uploaded."""

    async def keep(data: bytes) -> str:
        """Decode a picture, write it again without what else the file told, and return its name.

        Raises NotAnImage, TooLarge (pixels), DiskFull or Busy, and then nothing is left on the disk.
        """

    async def keep_file(file: Path, stem: str, owner: str) -> tuple[str, int]:
        """The same with a picture that is in a file; its name is ``stem`` and an ending. Owners take turns.

        Returns its name and its bytes.
        """

    def remove(stem: str) -> None:
        """Remove a picture; none is no error."""
