"""Entries: what happened in a room, numbered. The log of a room is the list of its entries."""

from enum import StrEnum

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment


class Kind(StrEnum):
    """What an entry tells. All but the first and the last are the contract's service messages."""

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
    VOID = "void"
    """Nothing: the place of something that was refused while the database was away (docs/database.rst)."""


@frozen(kw_only=True)
class Entry:
    """One entry of a stream's log. ``(stream, seq)`` is unique, ``seq`` counts 1, 2, 3 ….

    ``user`` is whom a service message is about; ``ref_message`` the whole entry referred to, itself without one;
    ``finished`` when a silence ends.
    """

    id: Id
    stream: Id
    seq: int
    kind: Kind
    author: Id
    create_at: Moment
    text: str | None = None
    user: Id | None = None
    ref_message: "Entry | None" = None
    finished: Moment | None = None
