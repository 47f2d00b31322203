"""Two daemons on one log and one bus, of which the second follows a room."""

from collections.abc import Callable

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.room import Room
from justchat.store.log import liveness
from justchat.store.log.neighbours import Neighbours
from justchat.store.mongo.client import Document
from justchat.store.rooms import Rooms
from tests.support.log_case import LogCase
from tests.support.memory_bus import MemoryNode
from tests.support.waiting import eventually


class Joined(LogCase):
    """Two daemons; the second follows the room. ``seconds`` is the time by which they notice that they stood still."""

    async def setUp(self) -> None:
        await super().setUp()
        self.seconds = 0.0
        self.patch(liveness, "seconds_since_boot", lambda: self.seconds)
        self.node = MemoryNode()
        self.buses = [self.node.bus(), self.node.bus()]
        self.seen: tuple[list[Entry], list[Entry]] = ([], [])
        self.one = await self.a_daemon(lambda room, entry: self.seen[0].append(entry), bus=self.buses[0])
        self.other = await self.a_daemon(lambda room, entry: self.seen[1].append(entry), bus=self.buses[1])
        self.room = await self.a_room(self.one)
        await self.follow(1, self.room)

    async def follow(self, place: int, room: Id) -> None:
        """Follow a room as one does that has local connections to it."""
        await self.buses[place].follow(room)
        await (self.one, self.other)[place].position(room)

    def reads(self, rooms: Rooms) -> list[Document]:
        """The reads of a daemon from now on."""
        database = self.database_of(rooms)
        read = database._read
        reads: list[Document] = []

        async def noted(command: Document, *args: object) -> Document:
            reads.append(command)
            return await read(command, *args)

        self.patch(database, "_read", noted)
        return reads

    async def eventually_after_looks(self, rooms: Rooms, condition: Callable[[], object]) -> None:
        async def looked() -> bool:
            await look(rooms)
            return bool(condition())

        await eventually(looked, "a sweep to find it")

    def seqs_published(self, place: int) -> list[int]:
        return [entry.seq for entry in self.seen[place]]


def neighbours_of(rooms: Rooms) -> Neighbours[Room]:
    assert rooms.neighbours is not None
    return rooms.neighbours


async def look(rooms: Rooms) -> None:
    await neighbours_of(rooms).look()
