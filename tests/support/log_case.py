"""Rooms and their log, as one or several daemons have them."""

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.errors import NotInRoom
from justchat.interfaces.rooms import Proposal
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.indexes import create_indexes
from justchat.store.mongo.client import Database, Document
from justchat.store.rooms import Rooms
from tests.support.mongo import close, fresh_uri

ALL = 100_000
"""More than any history here is long."""


def entry(room: Room, seq: int, author: Id, kind: Kind = Kind.MESSAGE, text: str | None = None) -> Entry:
    return Entry(id=new_id(), stream=room.id, seq=seq, kind=kind, author=author, created_at=now(), text=text)


def say(author: Id, text: str = "hello") -> Proposal:
    """A message, if its author is inside."""

    def propose(room: Room, seq: int) -> Entry:
        if author not in room.users:
            raise NotInRoom
        return entry(room, seq, author, text=text)

    return propose


def move(author: Id, kind: Kind) -> Proposal:
    """Enter or leave."""
    return lambda room, seq: entry(room, seq, author, kind)


class LogCase(TestCase):
    async def setUp(self) -> None:
        self.uri = fresh_uri()
        self._parts: list[tuple[Rooms, Database]] = []
        self.anna = new_id()

    async def tearDown(self) -> None:
        for rooms, database in self._parts:
            await rooms.stop()
            await close(database)

    async def a_daemon(self, on_entry: Callable[[Room, Entry], None] = lambda room, entry: None) -> Rooms:
        """The rooms as one daemon has them."""
        database = Database(self.uri)
        database.open()
        await create_indexes(database)
        rooms = Rooms(database, reactor)
        rooms.subscribe(on_entry)
        rooms.start()
        self._parts.append((rooms, database))
        return rooms

    async def a_room(self, rooms: Rooms) -> Id:
        """A room with Anna inside; her entry has seq 1."""
        room = Room(id=new_id(), name="room", admin=self.anna, created_at=now(), max_users=10)
        await rooms.create(room)
        await rooms.append(room.id, move(self.anna, Kind.NEW_ROOMMATE))
        return room.id

    def after_insert(self, rooms: Rooms, number: int, do: Callable[[], Awaitable[None]]) -> None:
        """Call ``do`` once when this many more batches are stored, before the log knows."""
        (database,) = (database for each, database in self._parts if each is rooms)
        insert_many = database.insert_many
        inserted = 0

        async def insert_and_do(collection: str, documents: Sequence[Document]) -> tuple[int, Document | None]:
            nonlocal inserted
            result = await insert_many(collection, documents)
            inserted += 1
            if inserted == number:
                await do()
            return result

        self.patch(database, "insert_many", insert_and_do)

    async def seqs(self, rooms: Rooms, room: Id) -> list[int]:
        return [entry.seq for entry in await rooms.history(room, 0, ALL)]
