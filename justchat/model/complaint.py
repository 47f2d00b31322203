"""Complaints: what somebody found wrong with a message."""

from attrs import frozen

from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment


@frozen(kw_only=True)
class Complaint:
    """``message`` is the whole message as it was then; ``note`` what the operator who closed it wrote."""

    id: Id
    author: Id
    message: Entry | DirectMessage
    text: str
    created_at: Moment
    note: str | None = None
    closed_at: Moment | None = None

    @property
    def room(self) -> Id | None:
        """The room of the message; None for a direct one."""
        return self.message.stream if isinstance(self.message, Entry) else None
