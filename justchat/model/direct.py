"""Direct messages. Each is an entry of the receiver's stream; each side can remove its own copy."""

from attrs import frozen

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.record import record


@frozen(kw_only=True)
class Mailbox:
    """The state of a user's stream, which holds what is addressed to them. It has no state but its length."""

    id: Id

    def after(self, entry: Entry) -> "Mailbox":
        return self


@record(kw_only=True)
class DirectMessage:
    """A message from ``author`` to ``user``. ``read_at`` is None until the receiver marks it as read.

    ``order`` is its position among all direct messages; None for a message stored by an earlier release.
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
    """A summary of the messages between its owner and ``other``."""

    other: Id
    last_message: DirectMessage
    unread: int
