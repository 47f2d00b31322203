"""A text that a user wants to send, before it is stored."""

from justchat.model.ids import Id
from justchat.model.record import record


@record
class Draft:
    """A message to a ``room``, or to a ``user``; the other is None."""

    author: Id
    text: str
    room: Id | None = None
    user: Id | None = None
    ref_message: Id | None = None
    client_id: str | None = None
