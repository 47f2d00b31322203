"""Rooms and their log, as one or several daemons have them."""

from collections.abc import Awaitable, Callable, Sequence

from bson import decode
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.errors import NotInRoom
from justchat.interfaces.bus import IBus
from justchat.interfaces.rooms import Proposal
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.indexes import create_indexes
from justchat.store.log import append as append_module
from justchat.store.mongo.client import Database, Document
from justchat.store.rooms import Rooms
from tests.support.kept import note_module
from tests.support.mongo import close, drop, empty_uri
from tests.support.waiting import eventually

Refused = list[tuple[int, Document]]
Insert = Callable[[], Awaitable[Refused]]
ALL = 100_000
"""More than any history here is long."""
NOBODY = Id("0" * 24)


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
    shared = True
    """Whether each daemon knows that others may write."""

    async def setUp(self) -> None:
        note_module(self)
        self.uri = empty_uri()
        self.addCleanup(drop, self.uri)
        self._parts: list[tuple[Rooms, Database]] = []
        self.anna = new_id()

    async def tearDown(self) -> None:
        for rooms, database in self._parts:
            await rooms.stop()
            await close(database)

    async def a_daemon(
        self, on_entry: Callable[[Room, Entry], None] = lambda room, entry: None, *, bus: IBus | None = None
    ) -> Rooms:
        """The rooms as one daemon has them."""
        database = Database(self.uri)
        database.open()
        await create_indexes(database)
        rooms = Rooms(database, reactor, shared=self.shared, bus=bus)
        rooms.subscribe(on_entry)
        rooms.start()
        self._parts.append((rooms, database))
        return rooms

    async def a_room(self, rooms: Rooms) -> Id:
        """A room with Anna inside; her entry has seq 1."""
        room = Room(id=new_id(), name="room", admin=self.anna, created_at=now(), max_users=10)
        await rooms.create(room)
        await rooms.append(room.id, move(self.anna, Kind.NEW_ROOMMATE))
        # What is appended next is a batch of its own. On a busy machine this one may still be answering.
        await eventually(lambda: not rooms._log.heads.is_batch_in_flight, "the batch to end")
        return room.id

    def shorten_appends(self, seconds: float) -> None:
        """Fail the appends that wait for so long, from now on: to make a room may take longer on a busy machine."""
        for rooms, _ in self._parts:
            rooms._log._deadlines.forget_answered()
            rooms._log._deadlines.stop()  # its timer goes by the time-out of before
        self.patch(append_module, "APPEND_TIMEOUT", seconds)

    def database_of(self, rooms: Rooms) -> Database:
        (database,) = (database for each, database in self._parts if each is rooms)
        return database

    def on_insert(self, rooms: Rooms, insert: "Callable[[Insert, list[Document]], Awaitable[Refused]]") -> None:
        """Call ``insert`` instead of each insert of a daemon, with the insert itself and its documents."""
        database = self.database_of(rooms)
        insert_many = database.insert_many

        async def do(collection: str, documents: Sequence[bytes], *, ordered: bool) -> Refused:
            return await insert(
                lambda: insert_many(collection, documents, ordered=ordered),
                [decode(document) for document in documents],
            )

        self.patch(database, "insert_many", do)

    def after_insert(self, rooms: Rooms, number: int, do: Callable[[], Awaitable[None]]) -> None:
        """Call ``do`` once when this many more inserts are done, before the log knows."""
        inserted = 0

        async def insert_and_do(insert: Insert, documents: list[Document]) -> Refused:
            nonlocal inserted
            result = await insert()
            inserted += 1
            if inserted == number:
                await do()
            return result

        self.on_insert(rooms, insert_and_do)

    async def seqs(self, rooms: Rooms, room: Id) -> list[int]:
        return [entry.seq for entry in await rooms.history(room, 0, ALL, NOBODY)]
