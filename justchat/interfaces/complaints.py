"""What actions ask of the store of complaints."""

from datetime import timedelta

from zope.interface import Interface

from justchat.model.complaint import Complaint
from justchat.model.ids import Id
from justchat.model.moment import Moment


class IComplaints(Interface):
    """The store of complaints."""

    async def add_once(complaint: Complaint, within: timedelta) -> Complaint:
        """Add a complaint, under an id of the store's. If its author has complained about the same thing ``within``
        that time, return that complaint instead: of simultaneous ones the first, on any number of daemons.
        """

    async def get(complaint: Id) -> Complaint:
        """A complaint. Raises NotFound."""

    async def latest(limit: int, *, closed: bool | None = None, skip: int = 0) -> list[Complaint]:
        """Complaints that are closed or open, or both with None, the latest first, without the first ``skip``."""

    async def count_open(most: int) -> int:
        """How many complaints are open, counted up to ``most``."""

    async def about_user(user: Id, limit: int) -> list[Complaint]:
        """Complaints about a user and their messages, the latest first."""

    async def by_author(author: Id, limit: int) -> list[Complaint]:
        """A user's own complaints, the latest first."""

    async def reopen(complaint: Id) -> None:
        """Open a closed complaint, without its note. Raises NotFound; Conflict for one that is open."""

    async def close(complaint: Id, note: str, at: Moment) -> None:
        """Close a complaint with a note. Raises NotFound; Conflict for one that is already closed."""
