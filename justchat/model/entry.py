"""Entries: the numbered events of a room's or a user's stream. The log of a stream is the list of its entries."""

from enum import StrEnum

from justchat.model.gift import Gift
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.record import record


class Kind(StrEnum):
    """What an entry records. The values are the wire's types of messages and events."""

    # Of a room's stream:
    MESSAGE = "message"
    NEW_ROOMMATE = "new roommate"
    LEAVE = "leave"
    KICK = "kick"
    SILENCE = "silence"
    BAN = "ban"
    UNBAN = "unban"
    NEW_MODERATOR = "new moderator"
    REMOVE_MODERATOR = "remove moderator"
    REMOVE_ROOM = "remove room"

    # Of a user's stream:
    DIRECT_MESSAGE = "direct-message"
    READ = "read-message"
    GIFT = "gift-message"
    NOTICE = "service-message"
    """A room's service message for the user it is about, who is not in the room. ``ref_message`` is that entry."""

    VOID = "void"
    """No event: fills the seq of an entry refused while the database was not available (docs/database.rst)."""


@record(kw_only=True)
class Entry:
    """One entry of a stream's log. ``(stream, seq)`` is unique, and ``seq`` counts 1, 2, 3 ….

    ``user`` is the subject of a service message. ``ref_message`` is the whole entry that this one refers to; it has no
    ``ref_message`` itself. ``finished`` is when a silence ends. ``gift`` is a gift received, ``room`` the receiver's
    room at that time. ``order`` is the position among the direct messages, or the changes of rooms, of all streams,
    where the store has set one. ``voids`` is the seq of an earlier entry of the stream that a ``VOID`` takes back.
    """

    id: Id
    stream: Id
    seq: int
    kind: Kind
    author: Id
    created_at: Moment
    text: str | None = None
    user: Id | None = None
    ref_message: "Entry | None" = None
    finished: Moment | None = None
    gift: Gift | None = None
    room: Id | None = None
    order: int | None = None
    voids: int | None = None
