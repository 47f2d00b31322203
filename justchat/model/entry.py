"""Entries: what happened in a room, or was addressed to a user, numbered. A stream's log is the list of its entries."""

from enum import StrEnum

from justchat.model.gift import Gift
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.record import record


class Kind(StrEnum):
    """What an entry tells. From a room's stream: a message, or a service message by its type."""

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
    """A service message of a room, for one it is about who is not in it; ``ref_message`` is that entry."""

    VOID = "void"
    """Nothing: the place of something that was refused while the database was away (docs/database.rst)."""


@record(kw_only=True)
class Entry:
    """One entry of a stream's log. ``(stream, seq)`` is unique, ``seq`` counts 1, 2, 3 ….

    ``user`` is whom a service message is about; ``ref_message`` the whole entry referred to, itself without one;
    ``finished`` when a silence ends; ``gift`` what was given, and ``room`` where its receiver was then; ``order`` its
    place among the direct messages, or the changes of rooms, of all streams, where the store has given it one.
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
