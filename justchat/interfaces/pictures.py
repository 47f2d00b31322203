"""What actions ask of the records and of the files of uploaded pictures."""

from collections.abc import Sequence
from pathlib import Path

from zope.interface import Attribute, Interface

from justchat.model.ids import Id
from justchat.model.moment import Moment


class IPictureRecords(Interface):
    """The records of uploaded pictures. Every method raises DatabaseAway where the database is not available."""

    async def add(stem: str, user: Id | None, size: int) -> None:
        """Record a picture that is about to be stored, by its name without extension. Nothing refers to it yet."""

    async def has(stem: str) -> bool:
        """Whether there is a picture, or there is about to be one."""

    async def adopt(stem: str, size: int) -> None:
        """Record that the store of this daemon has a picture; one without a record is kept from now on."""

    async def refer(stems: Sequence[str]) -> None:
        """Keep these pictures from now on: something is about to refer to them."""

    async def take_orphans(before: Moment, limit: int) -> list[str]:
        """The oldest pictures from before a time that nothing refers to, to be removed and then forgotten.

        From now on nothing can refer to them. One that is not forgotten within RETAKEN is returned again.
        """

    async def forget(stem: str) -> None:
        """Delete the record of a picture that was taken and has been removed."""

    async def take_bytes(name: str, of: str, most: int, size: int) -> None:
        """Count bytes of a day. Raises TooManyRequests, and counts nothing, where that exceeds ``most``."""

    async def add_bytes(name: str, of: str, size: int) -> None:
        """Add bytes to a day's count; a negative size subtracts."""


class IPictureStore(Interface):
    """Where the files of uploaded pictures are kept, by the names that they are served under.

    Every method raises Unavailable where the store cannot be reached.
    """

    folder: Path = Attribute("The folder in which a picture is written before ``put``.")

    async def put(name: str) -> None:
        """Store the picture of this name in the folder. It is durable when this returns; again is no error.

        Where this raises, the file is gone.
        """

    async def find(name: str) -> Path | None:
        """A local file with a picture's content; None where there is no such picture."""

    async def remove(stem: str) -> None:
        """Remove a picture, by its name without extension. It is not an error if there is none."""


class IRemotePictures(Interface):
    """Pictures in a place that several daemons share. Every method raises Unavailable where it cannot be reached."""

    async def start() -> None:
        """Make the place ready."""

    async def put(name: str, content: bytes) -> None:
        """Store a picture. It is durable when this returns, and not there before; again is no error."""

    async def get(name: str) -> bytes | None:
        """A picture's content; None where there is no such picture."""

    async def remove(names: Sequence[str]) -> None:
        """Remove pictures. It is not an error if some are not there."""
