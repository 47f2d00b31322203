"""What actions ask of the store of rooms."""

from collections.abc import Callable, Collection

from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.room import ListedRoom, Room, RoomSearch

Proposal = Callable[[Room, int], Entry | None]
"""Asks the rules of a room at the head of its log, and makes the entry with the given seq.

Raises the rule's error; returns None where there is nothing to do. May be called more than once.
"""


class IRooms(Interface):
    """The rooms and their logs."""

    async def create(room: Room) -> None:
        """Keep a new room. Raises Conflict where its id is taken."""

    async def get(room: Id) -> Room:
        """The room at the head of its log, or RoomNotFound."""

    async def append(room: Id, propose: Proposal) -> tuple[Room, Entry | None]:
        """Let a proposal happen: returns once its entry is durable, with the room just after it.

        Raises RoomNotFound, what ``propose`` raises, AlreadyStored, or Unavailable, and then it has not happened.
        """

    async def length(room: Id) -> int:
        """How many entries the room's history has."""

    async def history(room: Id, skip: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries after the first ``skip``, in order."""

    async def entry(room: Id, entry: Id) -> Entry:
        """An entry of this room, or MessageNotFound."""

    async def search(wanted: RoomSearch, by: Id) -> list[ListedRoom]:
        """A page of rooms, for a user. Raises TooManyRequests where too many slow searches are under way."""

    async def count_of_admin(admin: Id, most: int) -> int:
        """How many rooms there are of this admin, counted to ``most``."""

    async def private(rooms: Collection[Id]) -> set[Id]:
        """Those of the rooms that have a password."""

    async def count(wanted: RoomSearch, by: Id) -> int:
        """How many rooms there are on all pages. Raises TooManyRequests, as ``search``."""

    async def delete(room: Id) -> None:
        """Delete a removed room with its history. Returns when it is certain to happen."""

    async def finish_removals() -> None:
        """Delete what is left of rooms whose removal a crash interrupted."""

    async def reconcile() -> list[Entry]:
        """Bring snapshots up to date that a crash left behind; returns the latest entries that changed a room."""

    async def position(room: Id) -> int:
        """The seq of the room's last entry, 0 for none."""

    async def enters_next(user: Id, room: Id, after: int) -> bool:
        """Whether the first move of this user after an entry is into the room: they were out of it before."""

    async def entries(room: Id, after: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries with a seq greater than ``after``, in order, void ones too."""

    async def any_entry(entry: Id) -> Entry:
        """An entry of whatever room, or MessageNotFound."""

    async def sent(author: Id, entry: Id) -> Entry | None:
        """An author's entry, in whatever room."""
