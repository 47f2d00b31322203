"""Rooms: the state that the entries of a room's log add up to."""

from collections.abc import Mapping

from attrs import evolve, field, frozen

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, Members, joined, parted
from justchat.model.moment import Moment
from justchat.model.record import record

VISITORS_KEPT = 1_000
"""A room keeps this many of its latest visitors, so that its document stays bounded."""


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
    voids: tuple[int, ...] = ()
    """The seqs of its void entries, which its history skips."""

    def after(self, entry: Entry) -> "Room":
        """The room after an entry. Entries are facts, so nothing is checked here."""
        if entry.kind is Kind.MESSAGE:
            return self  # nearly all entries are messages, and the match would compare them last
        match entry.kind:
            case Kind.NEW_ROOMMATE:
                return evolve(
                    self,
                    users=joined(self.users, entry.author),
                    visitors=_latest(joined(self.visitors, entry.author)),
                )
            case Kind.LEAVE:
                return evolve(self, users=parted(self.users, entry.author))
            case Kind.KICK:
                return evolve(self, users=parted(self.users, _whom(entry)))
            case Kind.SILENCE:
                return evolve(self, silenced_until=self._silenced(entry))
            case Kind.BAN:
                # A banned moderator loses the rank, and does not get it back with an unban.
                whom = _whom(entry)
                # A user inside may have dropped out of the latest visitors; add them again.
                was_inside = whom in self.users and whom not in self.visitors
                return evolve(
                    self,
                    users=parted(self.users, whom),
                    visitors=_latest(joined(self.visitors, whom)) if was_inside else self.visitors,
                    moderators=parted(self.moderators, whom),
                    banned=joined(self.banned, whom),
                )
            case Kind.UNBAN:
                return evolve(self, banned=parted(self.banned, _whom(entry)))
            case Kind.NEW_MODERATOR:
                return evolve(self, moderators=joined(self.moderators, _whom(entry)))
            case Kind.REMOVE_MODERATOR:
                return evolve(self, moderators=parted(self.moderators, _whom(entry)))
            case Kind.REMOVE_ROOM:
                return evolve(self, removed=True)  # ``users`` stays: they get the event
            case Kind.VOID:
                return evolve(self, voids=(*self.voids, entry.seq))
            case _:
                return self

    def _silenced(self, entry: Entry) -> Mapping[Id, Moment]:
        """The silences after a new one, without those that have ended by then. A new one may end in the past."""
        silences = {**self.silenced_until, _whom(entry): entry.finished or entry.created_at}
        return {user: until for user, until in silences.items() if until > entry.created_at}


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
    sort: str = "create_at"
    direction: int = -1
    page: int = 1
    per_page: int = 40

    @property
    def skip(self) -> int:
        """The number of rooms on the pages before."""
        return (self.page - 1) * self.per_page


def _whom(entry: Entry) -> Id:
    assert entry.user is not None, f"{entry.kind} is about nobody"
    return entry.user


def _latest(visitors: Members) -> Members:
    if len(visitors) <= VISITORS_KEPT:
        return visitors
    return dict.fromkeys(list(visitors)[-VISITORS_KEPT:])
