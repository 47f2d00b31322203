"""What actions ask of the store of complaints."""

from zope.interface import Interface

from justchat.model.complaint import Complaint
from justchat.model.ids import Id
from justchat.model.moment import Moment


class IComplaints(Interface):
    """The store of complaints."""

    async def add(complaint: Complaint) -> bool:
        """Add a complaint. False where its id exists."""

    async def get(complaint: Id) -> Complaint:
        """A complaint. Raises NotFound."""

    async def open(limit: int) -> list[Complaint]:
        """Open complaints, the latest first."""

    async def all(limit: int) -> list[Complaint]:
        """Open and closed complaints, the latest first."""

    async def close(complaint: Id, note: str, at: Moment) -> None:
        """Close a complaint with a note. Raises NotFound; Conflict for one that is already closed."""
