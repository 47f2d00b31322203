"""What actions ask of the records of uploaded pictures."""

from collections.abc import Sequence

from zope.interface import Interface

from justchat.model.ids import Id
from justchat.model.moment import Moment


class IPictureRecords(Interface):
    """What is known of uploaded pictures. Every method raises DatabaseAway when the database does not answer."""

    async def add(stem: str, user: Id | None, size: int) -> None:
        """There will be a picture of this name, without its ending, that nothing refers to yet."""

    async def refer(stems: Sequence[str]) -> None:
        """Something is about to refer to these pictures: they are kept from now on."""

    async def take_orphans(before: Moment, limit: int) -> list[str]:
        """The oldest pictures, uploaded before a time, that nothing refers to: they are on record no more."""

    async def take_bytes(name: str, of: str, most: int, size: int) -> None:
        """Count bytes of a day. Raises TooManyRequests where that is more than ``most``, and counts them not."""

    async def add_bytes(name: str, of: str, size: int) -> None:
        """So many more, or fewer, were used."""
