"""Complaints about messages, users and rooms."""

from enum import StrEnum

from attrs import frozen

from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment


class ComplaintReason(StrEnum):
    """What a complaint is about. The values are the wire's, and are stored."""

    SPAM = "spam"
    ABUSE = "abuse"
    NUDITY = "nudity"
    VIOLENCE = "violence"
    CHILD_SAFETY = "child-safety"
    FRAUD = "fraud"
    OTHER = "other"


@frozen(kw_only=True)
class Complaint:
    """A complaint about a message, a user or a room. ``message`` is a copy from that time.

    ``user`` is whom it is about: a message's author; None for a room. ``room`` is a message's room. ``note`` is by the
    operator who closed it.
    """

    id: Id
    author: Id
    text: str
    created_at: Moment
    message: Entry | DirectMessage | None = None
    user: Id | None = None
    room: Id | None = None
    reason: ComplaintReason = ComplaintReason.OTHER
    note: str | None = None
    closed_at: Moment | None = None

    @property
    def about(self) -> str:
        """What it is about, as a kind and an id."""
        if self.message is not None:
            return f"message:{self.message.id}"
        return f"room:{self.room}" if self.user is None else f"user:{self.user}"
