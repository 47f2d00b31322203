"""What actions ask of the records of uploaded pictures."""

from collections.abc import Sequence

from zope.interface import Interface

from justchat.model.ids import Id
from justchat.model.moment import Moment


class IPictureRecords(Interface):
    """The records of uploaded pictures. Every method raises DatabaseAway where the database is not available."""

    async def add(stem: str, user: Id | None, size: int) -> None:
        """Record a picture that is about to be stored, by its name without extension. Nothing refers to it yet."""

    async def refer(stems: Sequence[str]) -> None:
        """Keep these pictures from now on: something is about to refer to them."""

    async def take_orphans(before: Moment, limit: int) -> list[str]:
        """Delete and return the oldest records of pictures from before a time that nothing refers to."""

    async def take_bytes(name: str, of: str, most: int, size: int) -> None:
        """Count bytes of a day. Raises TooManyRequests, and counts nothing, where that exceeds ``most``."""

    async def add_bytes(name: str, of: str, size: int) -> None:
        """Add bytes to a day's count; a negative size subtracts."""
