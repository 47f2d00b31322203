"""What actions ask of the store of complaints."""

from zope.interface import Interface

from justchat.model.complaint import Complaint
from justchat.model.ids import Id
from justchat.model.moment import Moment


class IComplaints(Interface):
    """What people complained of."""

    async def add(complaint: Complaint) -> bool:
        """Keep a complaint; False where there is one with its id."""

    async def get(complaint: Id) -> Complaint:
        """A complaint, or NotFound."""

    async def open(limit: int) -> list[Complaint]:
        """Complaints nobody has closed, the latest first."""

    async def all(limit: int) -> list[Complaint]:
        """Complaints, open and closed, the latest first."""

    async def close(complaint: Id, note: str, at: Moment) -> None:
        """Close a complaint with a note. Raises NotFound, and Conflict where it is closed already."""
