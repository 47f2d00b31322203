"""Complaints about messages."""

from attrs import frozen

from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment


@frozen(kw_only=True)
class Complaint:
    """A complaint. ``message`` is a copy from that time. ``note`` is by the operator who closed it."""

    id: Id
    author: Id
    message: Entry | DirectMessage
    text: str
    created_at: Moment
    note: str | None = None
    closed_at: Moment | None = None

    @property
    def room(self) -> Id | None:
        """The room of the message; None for a direct message."""
        return self.message.stream if isinstance(self.message, Entry) else None
