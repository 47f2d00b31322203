"""Entries: the numbered events of a room's or a user's stream. The log of a stream is the list of its entries."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from attrs import evolve

from justchat.model.gift import Gift
from justchat.model.ids import Id
from justchat.model.moment import Moment, milliseconds
from justchat.model.record import record
from justchat.model.room_settings import RoomSettings


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
    NEW_ADMIN = "new admin"
    """``user`` is the admin from now on: the one before is being deleted."""
    REMOVE_ROOM = "remove room"
    EDIT_ROOM = "edit room"
    """``settings`` are the room's from here on."""
    MESSAGE_REMOVED = "message-removed"
    """``message`` was removed: an entry of its own, which is no message of the history."""
    RELEASE = "message released"
    """A held message of the room is let go: the others are told it now."""

    # Of a user's stream:
    DIRECT_MESSAGE = "direct-message"
    READ = "read-message"
    GIFT = "gift-message"
    NOTICE = "service-message"
    """A room's service message for the user it is about, who is not in the room. ``ref_message`` is that entry."""
    BLOCK = "block"
    """The stream's owner blocks ``user``."""
    UNBLOCK = "unblock"
    BLOCKED = "blocked"
    """Somebody blocks the stream's owner, for the first time."""
    REFUSED = "refused"
    """A gift under this id was refused, since one of the two blocks the other."""

    DIRECT_RELEASE = "direct-message released"
    """The same for a direct message to the user."""
    DIRECT_REMOVED = "direct-message removed"
    """The direct message ``message``, which the user sent or received, was removed by an operator, for both."""

    EXPIRY = "history expired"
    """The history of the room begins anew: ``expired`` says where. No event."""

    VOID = "void"
    """No event: fills the seq of an entry refused while the database was not available (docs/database.rst)."""


CHANGES_MESSAGE = frozenset({Kind.MESSAGE_REMOVED, Kind.RELEASE, Kind.EXPIRY})
"""Entries of a room that say something about messages: they come in order, and are no messages of its history."""
OPERATOR = Id("0" * 24)
"""The author of what an operator did."""
SILENT = frozenset({Kind.VOID, Kind.EXPIRY, Kind.BLOCK, Kind.UNBLOCK, Kind.BLOCKED, Kind.REFUSED})
"""Kinds that have no event."""


class Expired(NamedTuple):
    """The beginning of a room's log that is gone: up to the seq ``upto``, of which ``changes`` were CHANGES_MESSAGE."""

    upto: int
    changes: int

    @property
    def places(self) -> int:
        """How many entries are gone that the history counted."""
        return self.upto - self.changes


class Hold(StrEnum):
    """How far a message is that was held because of its words."""

    WAITING = "waiting"
    DECIDED = "decided"
    """An operator has let it go or dropped it. When it was stored it was told to its author alone, so a client that
    comes back is told it so, too.
    """


@record(kw_only=True)
class Entry:
    """One entry of a stream's log. ``(stream, seq)`` is unique, and ``seq`` counts 1, 2, 3 ….

    ``user`` is the subject of a service message. ``ref_message`` is the whole entry that this one refers to; it has no
    ``ref_message`` itself. ``finished`` is when a silence ends. ``gift`` is a gift received, ``room`` the receiver's
    room at that time. ``order`` is the position among the direct messages, or the changes of rooms, of all streams,
    where the store has set one. ``voids`` is the seq of an earlier entry of the stream that a ``VOID`` takes back.
    ``message`` is the id of the message that a change of a message is about. ``removed_at`` is when the entry's words
    were removed. ``gap`` is set by the store (``store/history.py``).
    ``blocks`` are all users whom the owner blocks after a ``BLOCK`` or ``UNBLOCK``, and since when; some of these
    entries have it.

    ``held`` is of a message that was not told to others when it was stored. A ``RELEASE`` or ``DIRECT_RELEASE`` has it
    as ``ref_message``, which then has the ``ref_message`` of its own, and its ``author``. A ``VOID`` that takes a held
    message back, since it was dropped, has it as ``message``.

    ``is_announcement`` is of a direct message to everybody, until it is stored: its author keeps no copy, since nobody
    could use a million dialogs.
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
    message: Id | None = None
    removed_at: Moment | None = None
    gap: int | None = None
    blocks: Mapping[Id, Moment] | None = None
    settings: RoomSettings | None = None
    held: Hold | None = None
    expired: Expired | None = None
    is_announcement: bool = False

    @property
    def is_drop(self) -> bool:
        """Whether this entry says, to the author alone, that a held message was dropped."""
        return self.kind is Kind.VOID and self.message is not None and self.voids != self.seq

    @property
    def is_silent(self) -> bool:
        """Whether the entry has no event."""
        return self.kind in SILENT and not self.is_drop

    @property
    def is_hidden(self) -> bool:
        """Whether only the author may see this message, for now."""
        return self.held is Hold.WAITING and self.removed_at is None

    def without_words(self, removed_at: Moment) -> "Entry":
        """The entry as everybody sees it once its words are removed: its text, and what it quoted."""
        return evolve(self, text=None, ref_message=None, removed_at=removed_at)

    def as_removed(self, removed: Mapping[Id, Moment]) -> "Entry":
        """The entry without the words of these messages, which were removed at these times; its quotation too."""
        at = removed.get(self.id)
        if at is not None and self.removed_at is None:
            return self.without_words(at)
        if self.ref_message is None:
            return self
        quoted = self.ref_message.as_removed(removed)
        return self if quoted is self.ref_message else evolve(self, ref_message=quoted)

    @property
    def place(self) -> int:
        """Where an entry sorts among those of all streams: by its ``order``, or by its time if it has none."""
        return self.order or milliseconds(self.created_at) * 1000
