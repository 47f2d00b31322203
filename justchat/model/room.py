"""Rooms: the state that the entries of a room's log add up to."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import takewhile
from typing import NamedTuple

from attrs import evolve, field, frozen

from justchat.model.entry import Entry, Expired, Kind
from justchat.model.ids import Id, Members, joined, parted
from justchat.model.moment import Moment
from justchat.model.record import record

REMOVALS_KEPT = 256
"""A room keeps this many of its latest removals: more than can be at work at once."""
SPEAKERS_KEPT = 10_000
"""A room in slow mode knows of this many users when they spoke last."""
VISITORS_KEPT = 1_000
"""A room keeps this many of its latest visitors, so that its document stays bounded."""


class HeldMessage(NamedTuple):
    """A message that only its author may see, for now."""

    seq: int
    author: Id


@record(kw_only=True)
class Room:
    """A room at one point of its log. ``password`` is a hash, or None for an open room."""

    id: Id
    name: str
    admin: Id
    created_at: Moment
    max_users: int
    password: str | None = field(default=None, repr=False)
    moderators: Members = {}
    users: Members = {}
    banned: Members = {}
    visitors: Members = {}
    silenced_until: Mapping[Id, Moment] = {}
    removed: bool = False
    slow_mode: int = 0
    """Seconds between two messages of one user; 0 for none."""
    spoke_at: Mapping[Id, Moment] = {}
    """In slow mode: who spoke within that time, and when last, the latest last; not the admin and moderators."""
    voids: tuple[int, ...] = ()
    """The seqs of its void entries, rising, which its history skips."""
    message_changes: int = 0
    """How many of its entries are changes of messages, which its history skips too."""
    latest_gap: int = -1
    """How many other entries are before the latest of these."""
    removed_lately: Mapping[Id, Moment] = {}
    """Messages that were removed lately, and when. Their words may still be in the database."""
    held: Mapping[Id, HeldMessage] = {}
    """Held messages by their ids, in order: the history of all but the author skips them."""
    expired: Expired = Expired(0, 0)
    """The beginning of its log that the history has no more."""

    def after(self, entry: Entry) -> "Room":
        """The room after an entry. Entries are facts, so nothing is checked here."""
        if entry.kind is Kind.MESSAGE:
            # Nearly all entries are such messages.
            room = self if entry.held is None else _held(self, entry)
            return _spoken(room, entry) if self.slow_mode else room
        change = _CHANGES.get(entry.kind)
        return self if change is None else change(self, entry)

    def held_from(self, user: Id) -> list[int]:
        """The seqs of the held messages that a user may not see, rising."""
        return [held.seq for held in self.held.values() if held.author != user]


LISTED_PEOPLE = 100
"""How many users, and how many moderators, a list of rooms shows of each room."""


@record(kw_only=True)
class ListedRoom:
    """A room in a list of rooms: the first LISTED_PEOPLE users and moderators, and the number of users."""

    id: Id
    name: str
    admin: Id
    created_at: Moment
    max_users: int
    slow_mode: int
    is_private: bool
    moderators: tuple[Id, ...]
    users: tuple[Id, ...]
    users_count: int


@frozen(kw_only=True)
class RoomSearch:
    """The rooms to list. ``private`` and ``full`` select rooms that are, or are not; None selects both.

    ``sort`` names a field of the room, ``direction`` is 1 or -1, ``page`` counts from 1.
    """

    room_id: Id | None = None
    name: str | None = None
    private: bool | None = None
    full: bool | None = None
    sort: str = "created_at"
    direction: int = -1
    page: int = 1
    per_page: int = 40
    first: int = 0
    """The number of rooms before page 1."""

    @property
    def skip(self) -> int:
        """The number of rooms on the pages before."""
        return self.first + (self.page - 1) * self.per_page


def _entered(room: Room, entry: Entry) -> Room:
    return evolve(room, users=joined(room.users, entry.author), visitors=_latest(joined(room.visitors, entry.author)))


def _left(room: Room, entry: Entry) -> Room:
    return evolve(room, users=parted(room.users, entry.author))


def _kicked(room: Room, entry: Entry) -> Room:
    return evolve(room, users=parted(room.users, _whom(entry)))


def _silenced(room: Room, entry: Entry) -> Room:
    """Silences that have ended by the time of the entry are dropped, the new one included."""
    silences = {**room.silenced_until, _whom(entry): entry.finished or entry.created_at}
    return evolve(room, silenced_until={user: until for user, until in silences.items() if until > entry.created_at})


def _banned(room: Room, entry: Entry) -> Room:
    whom = _whom(entry)
    # A user inside may have dropped out of the latest visitors; then they are added again.
    was_inside = whom in room.users and whom not in room.visitors
    return evolve(
        room,
        users=parted(room.users, whom),
        visitors=_latest(joined(room.visitors, whom)) if was_inside else room.visitors,
        moderators=parted(room.moderators, whom),  # an unban does not give the rank back
        banned=joined(room.banned, whom),
    )


def _unbanned(room: Room, entry: Entry) -> Room:
    return evolve(room, banned=parted(room.banned, _whom(entry)))


def _moderator_named(room: Room, entry: Entry) -> Room:
    return evolve(room, moderators=joined(room.moderators, _whom(entry)))


def _moderator_removed(room: Room, entry: Entry) -> Room:
    return evolve(room, moderators=parted(room.moderators, _whom(entry)))


def _edited(room: Room, entry: Entry) -> Room:
    settings = entry.settings
    assert settings is not None, "no settings are changed"
    return evolve(
        room,
        name=settings.name,
        password=settings.password,
        max_users=settings.max_users,
        slow_mode=settings.slow_mode,
        spoke_at=room.spoke_at if settings.slow_mode else {},
    )


def _spoken(room: Room, entry: Entry) -> Room:
    """The room in slow mode after a message."""
    user, at = entry.author, entry.created_at
    if user == room.admin or user in room.moderators:
        return room
    spoke_at = {**room.spoke_at}
    spoke_at.pop(user, None)
    spoke_at[user] = at
    too_old = at - timedelta(seconds=room.slow_mode)
    old = list(takewhile(lambda each: spoke_at[each] <= too_old, spoke_at))
    for each in old or list(spoke_at)[:-SPEAKERS_KEPT]:
        del spoke_at[each]
    return evolve(room, spoke_at=spoke_at)


def _passed_on(room: Room, entry: Entry) -> Room:
    whom = _whom(entry)
    return evolve(room, admin=whom, moderators=parted(room.moderators, whom))


def _removed(room: Room, entry: Entry) -> Room:
    return evolve(room, removed=True)  # ``users`` stays: they get the event


def _voided(room: Room, entry: Entry) -> Room:
    voids = {*room.voids, entry.seq}
    if entry.voids is not None and entry.voids > room.expired.upto:
        voids.add(entry.voids)
    held = {message: each for message, each in room.held.items() if each.seq != entry.voids}
    return evolve(room, voids=tuple(sorted(voids)), held=held)


def _held(room: Room, entry: Entry) -> Room:
    return evolve(room, held={**room.held, entry.id: HeldMessage(entry.seq, entry.author)})


def _released(room: Room, entry: Entry) -> Room:
    changes = room.message_changes + 1
    held = _without(room.held, entry.message)
    return evolve(room, message_changes=changes, latest_gap=entry.seq - changes, held=held)


def _expired(room: Room, entry: Entry) -> Room:
    assert entry.expired is not None, "nothing has expired"
    changes, upto = room.message_changes + 1, entry.expired.upto
    return evolve(
        room,
        message_changes=changes,
        latest_gap=entry.seq - changes,
        voids=tuple(seq for seq in room.voids if seq > upto),
        held={message: each for message, each in room.held.items() if each.seq > upto},
        expired=entry.expired,
    )


def _without(held: Mapping[Id, HeldMessage], message: Id | None) -> Mapping[Id, HeldMessage]:
    return held if message not in held else {other: each for other, each in held.items() if other != message}


def _message_removed(room: Room, entry: Entry) -> Room:
    assert entry.message is not None, "no message is removed"
    changes = room.message_changes + 1
    removed = {**room.removed_lately, entry.message: entry.created_at}
    if len(removed) > REMOVALS_KEPT:
        del removed[next(iter(removed))]
    return evolve(
        room,
        message_changes=changes,
        latest_gap=entry.seq - changes,
        removed_lately=removed,
        held=_without(room.held, entry.message),
    )


_CHANGES: Mapping[Kind, Callable[[Room, Entry], Room]] = {
    Kind.NEW_ROOMMATE: _entered,
    Kind.LEAVE: _left,
    Kind.KICK: _kicked,
    Kind.SILENCE: _silenced,
    Kind.BAN: _banned,
    Kind.UNBAN: _unbanned,
    Kind.NEW_MODERATOR: _moderator_named,
    Kind.REMOVE_MODERATOR: _moderator_removed,
    Kind.NEW_ADMIN: _passed_on,
    Kind.REMOVE_ROOM: _removed,
    Kind.EDIT_ROOM: _edited,
    Kind.RELEASE: _released,
    Kind.EXPIRY: _expired,
    Kind.VOID: _voided,
    Kind.MESSAGE_REMOVED: _message_removed,
}
"""How an entry of each kind changes a room; other kinds do not."""


def _whom(entry: Entry) -> Id:
    assert entry.user is not None, f"{entry.kind} is about nobody"
    return entry.user


def _latest(visitors: Members) -> Members:
    if len(visitors) <= VISITORS_KEPT:
        return visitors
    return dict.fromkeys(list(visitors)[-VISITORS_KEPT:])
