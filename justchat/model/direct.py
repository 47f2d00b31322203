"""Direct messages: an entry of the receiver's stream, of which each side has a copy of its own to remove."""

from attrs import frozen

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.record import record


@frozen(kw_only=True)
class Mailbox:
    """A user's stream: what is addressed to them. It adds up to nothing but its length."""

    id: Id

    def after(self, entry: Entry) -> "Mailbox":
        return self


@record(kw_only=True)
class DirectMessage:
    """What ``author`` wrote to ``user``; ``read_at`` is None until the receiver has marked it as read.

    ``order`` is its place among all direct messages; None for one that an earlier release stored.
    """

    id: Id
    author: Id
    user: Id
    text: str
    created_at: Moment
    read_at: Moment | None = None
    order: int | None = None


@frozen(kw_only=True)
class Dialog:
    """All between its owner and ``other``, in short."""

    other: Id
    last_message: DirectMessage
    unread: int
