"""What actions ask of the store of rooms."""

from collections.abc import Callable, Collection

from zope.interface import Interface

from justchat.interfaces.pause import Pause
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.room import ListedRoom, Room, RoomSearch

Proposal = Callable[[Room, int], Entry | None]
"""Checks the rules against a room at the head of its log, and makes the entry with the given seq.

Raises a rule's error; returns None where there is nothing to do. It may be called more than once.
"""


class IRooms(Interface):
    """The store of rooms and their logs."""

    async def create(room: Room) -> None:
        """Add a room. Raises Conflict where its id exists."""

    async def get(room: Id) -> Room:
        """The room at the head of its log. Raises RoomNotFound.

        What another daemon has just appended may be missing, for as long as the bus takes.
        """

    async def latest(room: Id) -> Room:
        """The room with all that any daemon has appended by now. Raises RoomNotFound. May cost a read."""

    async def append(room: Id, propose: Proposal) -> tuple[Room, Entry | None]:
        """Append a proposal's entry. Returns once it is durable: the room after it, and the entry.

        Raises RoomNotFound, AlreadyStored, Unavailable and what ``propose`` raises; then nothing was appended.
        """

    async def history(room: Id, skip: int, limit: int, viewer: Id) -> list[Entry]:
        """At most ``limit`` entries after the first ``skip``, in order; a negative ``skip`` counts from the end.

        It has all that any daemon has appended by now, but no message that is held from the viewer; ``skip`` counts
        none of these.
        """

    async def entry(room: Id, entry: Id) -> Entry:
        """An entry of a room, to be quoted. Raises MessageNotFound, also for a message that is held."""

    async def search(wanted: RoomSearch, by: Id) -> list[ListedRoom]:
        """A page of rooms for the user ``by``. Raises TooManyRequests where too many slow searches are in progress."""

    async def count_of_admin(admin: Id, most: int) -> int:
        """The number of an admin's rooms, counted up to ``most``."""

    async def private(rooms: Collection[Id]) -> set[Id]:
        """Those of the rooms that have a password."""

    async def count(wanted: RoomSearch, by: Id) -> int:
        """The number of rooms on all pages. Raises TooManyRequests, as ``search`` does."""

    async def delete(room: Id) -> None:
        """Delete a removed room with its history. Returns once the deletion is certain to happen."""

    async def finish_removals(pause: Pause) -> None:
        """Complete deletions: of long histories, and what a crash interrupted. Raises what ``pause`` raises."""

    async def reconcile() -> list[Entry]:
        """Update the snapshots that a crash left stale. Returns the latest entries that changed a room."""

    async def position(room: Id, at_least: int = 0) -> int:
        """The seq of a room's last entry, 0 for none.

        What another daemon has just appended may be missing, as for ``get``, but none of the first ``at_least``.
        """

    async def enters_next(user: Id, room: Id, after: int) -> bool:
        """Whether the first move of a user after the seq ``after`` enters the room: so they were outside before."""

    async def entries(room: Id, after: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries with a seq greater than ``after``, in order, void entries included."""

    async def drop(message: Entry) -> bool:
        """Make a held message void, and erase its text, unless it is decided already. Its room learns of it soon.

        Returns whether this did it.
        """

    async def any_entry(entry: Id) -> Entry:
        """An entry of any room, which may be a held message. Raises MessageNotFound."""
