"""Seqs that are free again: what expired, or was deleted with its room, leaves no place for a daemon that is behind."""

from bson import ObjectId
from twisted.internet.defer import ensureDeferred, succeed

from justchat.errors import DatabaseAway, RoomNotFound
from justchat.interfaces.pause import no_pause
from justchat.model.entry import Expired, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.indexes import LOG
from justchat.store.log import liveness
from justchat.store.log.beginnings import delete_beginning
from justchat.store.mongo.client import Document
from justchat.store.rooms import Rooms
from tests.support.joined_log import Joined, look, neighbours_of
from tests.support.log_case import Insert, LogCase, Refused, move, say
from tests.support.waiting import eventually


class Behind(Joined):
    """The other daemon has a live head, and hears nothing of what comes."""

    async def setUp(self) -> None:
        await super().setUp()
        self.buses[1].loses = lambda stream, kind: True

    async def expire(self) -> None:
        """The first daemon goes on, and lets expire what it had: 1 to 4 are free, the last entry is 5."""
        for _ in range(3):
            await self.one.append(self.room, say(self.anna))

        async def find(room: Room, seq: int) -> Expired:
            return Expired(4, 0)

        await self.one.expire(self.room, now(), find)
        await delete_beginning(self.database_of(self.one), ObjectId(self.room), 4)

    async def stand_still(self) -> None:
        """What happens while the other daemon is suspended."""
        await self.expire()
        self.seconds += 2 * liveness.STANDSTILL

    async def assert_behind_all(self, seq: int | None) -> None:
        self.assertEqual(6, seq)
        self.assertEqual([6], await self.seqs(self.one, self.room))
        self.assertEqual(await self.one.latest(self.room), await self.other.latest(self.room))

    async def test_stood_still(self) -> None:
        """A daemon that goes on after it was suspended appends behind all that there is."""
        await self.stand_still()

        _, entry = await self.other.append(self.room, say(self.anna))

        await self.assert_behind_all(entry and entry.seq)

    async def test_noticed_by_a_timer(self) -> None:
        """So it does where its timers have run since, before it has anything to append."""
        await self.stand_still()
        sweep = neighbours_of(self.other)._sweep
        for read in ("compare_all", "round"):
            self.patch(sweep, read, lambda: succeed(None))
        await look(self.other)

        _, entry = await self.other.append(self.room, say(self.anna))

        await self.assert_behind_all(entry and entry.seq)

    async def test_in_the_middle(self) -> None:
        """So it does where it was suspended after it had looked at its head."""
        batches = self.other._log._batches
        propose = batches.propose_again

        async def propose_slowly(*args: object) -> object:
            self.patch(batches, "propose_again", propose)
            await self.stand_still()
            return await propose(*args)  # type: ignore[arg-type]

        self.patch(batches, "propose_again", propose_slowly)
        _, entry = await self.other.append(self.room, say(self.anna))

        await self.assert_behind_all(entry and entry.seq)

    async def test_in_doubt(self) -> None:
        """An entry in doubt is not stored again in a place that was taken and is free."""

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            self.patch(self.database_of(self.other), "insert_many", insert_many)
            await self.expire()
            raise DatabaseAway

        insert_many = self.database_of(self.other).insert_many
        self.on_insert(self.other, insert)
        _, entry = await self.other.append(self.room, say(self.anna))

        await self.assert_behind_all(entry and entry.seq)

    async def test_live_without_a_pause(self) -> None:
        """A daemon that does not stand still reads nothing for it."""
        self.seconds += liveness.STANDSTILL / 2
        reads = self.reads(self.other)

        await self.other.append(self.room, say(self.anna))

        self.assertEqual([], reads)


async def remove(case: LogCase, by: Rooms, room: Id) -> None:
    """Remove a room through a daemon, and delete all of its history."""
    await by.append(room, move(case.anna, Kind.REMOVE_ROOM))
    await by.delete(room)
    await by.finish_removals(no_pause)
    database = case.database_of(by)

    async def is_deleted() -> bool:
        return not await database.find(LOG, {"stream": ObjectId(room)}, limit=1)

    await eventually(is_deleted, "the history to be deleted")


class Removed(LogCase):
    """A room is removed through one daemon, and all of its history is deleted, while another one has its head."""

    async def assert_gone(self, rooms: Rooms, room: Id) -> None:
        """Whoever is inside at that daemon's head gets a 404, as does whoever is not."""
        for author in (self.anna, new_id()):
            with self.assertRaises(RoomNotFound):
                await rooms.append(room, say(author))
        with self.assertRaises(RoomNotFound):
            await rooms.latest(room)
        self.assertNotIn(room, rooms._log.heads.in_memory)
        self.assertEqual([], await self.database_of(rooms).find(LOG, {"stream": ObjectId(room)}, limit=1))

    async def test_without_a_bus(self) -> None:
        """Daemons without a bus look into the log before they append."""
        one, other = await self.a_daemon(), await self.a_daemon()
        room = await self.a_room(one)
        await other.get(room)

        await remove(self, one, room)

        await self.assert_gone(other, room)

    async def test_empty(self) -> None:
        """So with a room that nobody had been in."""
        one, other = await self.a_daemon(), await self.a_daemon()
        empty = Room(id=new_id(), name="room", admin=self.anna, created_at=now(), max_users=10)
        await one.create(empty)
        await other.get(empty.id)

        await remove(self, one, empty.id)

        with self.assertRaises(RoomNotFound):
            await other.append(empty.id, move(self.anna, Kind.NEW_ROOMMATE))

    async def test_others_go_on(self) -> None:
        """Who speaks in other rooms at the same moment does not notice."""
        one, other = await self.a_daemon(), await self.a_daemon()
        room, elsewhere = await self.a_room(one), await self.a_room(one)
        for each in (room, elsewhere):
            await other.get(each)
        await remove(self, one, room)

        lost, said = (ensureDeferred(other.append(each, say(self.anna))) for each in (room, elsewhere))

        await self.assertFailure(lost, RoomNotFound)
        await said
        self.assertEqual([1, 2], await self.seqs(other, elsewhere))


class RemovedUnheard(Joined):
    async def test_sweep(self) -> None:
        """A daemon that follows a room, and loses the packet of its removal, finds out by a sweep."""
        self.buses[1].loses = lambda stream, kind: True

        await remove(self, self.one, self.room)
        self.buses[1].leave()
        self.buses[1].come_back()
        await self.eventually_after_looks(self.other, lambda: self.room not in self.other._log.heads.in_memory)

        with self.assertRaises(RoomNotFound):
            await self.other.append(self.room, say(self.anna))
