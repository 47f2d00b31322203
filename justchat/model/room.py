"""Rooms: what the log of a room adds up to."""

from collections.abc import Mapping

from attrs import evolve, field, frozen

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, Members, joined, parted
from justchat.model.moment import Moment
from justchat.model.record import record

VISITERS_KEPT = 1_000
"""A room remembers its latest visitors, not everyone who ever came: its document must stay bounded."""


@record(kw_only=True)
class Room:
    """A room at one point of its log. ``password`` is a hash, or None for a room that is open."""

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
    """The seqs of its void entries, which its history does not count."""

    def after(self, entry: Entry) -> "Room":
        """The room once this entry has happened. Entries are facts: nothing is checked here."""
        if entry.kind is Kind.MESSAGE:
            return self  # words change nothing; nearly all entries are words, and below they would be compared last
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
                # Who is banned has no rank to come back with.
                whom = _whom(entry)
                # One who came before the latest thousand is still known to have been inside.
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
                return evolve(self, removed=True)  # who was inside is told
            case Kind.VOID:
                return evolve(self, voids=(*self.voids, entry.seq))
            case _:
                return self

    def _silenced(self, entry: Entry) -> Mapping[Id, Moment]:
        """Silences after a new one; those that have run out by then, and one that ends in the past, are dropped."""
        silences = {**self.silenced_until, _whom(entry): entry.finished or entry.created_at}
        return {user: until for user, until in silences.items() if until > entry.created_at}


LISTED_PEOPLE = 100
"""Users, and moderators, that a list of rooms has of each."""


@record(kw_only=True)
class ListedRoom:
    """A room in a list of rooms: of its people the first LISTED_PEOPLE alone, and how many are inside."""

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
    """Which rooms to list. ``private`` and ``full``: only those that are, or are not; None is both.

    ``sort`` names a field of the room, ``direction`` is 1 or -1; ``page`` counts from 1.
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
        """How many rooms the pages before have."""
        return (self.page - 1) * self.per_page


def _whom(entry: Entry) -> Id:
    assert entry.user is not None, f"{entry.kind} is about nobody"
    return entry.user


def _latest(visitors: Members) -> Members:
    if len(visitors) <= VISITERS_KEPT:
        return visitors
    return dict.fromkeys(list(visitors)[-VISITERS_KEPT:])
