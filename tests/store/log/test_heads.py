"""Heads of streams, while something reads, expires or evicts what a batch is about."""

from collections.abc import Iterable

from bson import ObjectId

from justchat.interfaces.bus import PacketKind
from justchat.model.entry import Entry, Expired
from justchat.model.ids import Id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.log.beginnings import delete_beginning
from justchat.store.rooms import Rooms
from tests.support.joined_log import Joined, look
from tests.support.log_case import LogCase, say


class Expiring(Joined):
    """What a daemon has just stored, and not published yet, expires."""

    async def setUp(self) -> None:
        await super().setUp()
        await self.follow(0, self.room)
        self.buses[0].loses = lambda stream, kind: kind is PacketKind.ENTRY

    async def expire(self, rooms: Rooms, upto: int) -> None:
        """Let the history begin behind an entry, as retention does."""

        async def find(room: Room, seq: int) -> Expired:
            return Expired(upto, 0)

        await rooms.expire(self.room, now(), find)
        await delete_beginning(self.database_of(rooms), ObjectId(self.room), upto)

    async def race(self) -> Entry:
        """Another daemon writes and lets expire, and this one reads that, before it knows that its entry is stored."""

        async def others() -> None:
            await self.other.append(self.room, say(self.anna, "theirs"))
            await self.expire(self.other, 3)
            await self.other.append(self.room, say(self.anna, "theirs, too"))
            await look(self.one)
            self.assertEqual(5, await self.one.position(self.room))

        self.after_insert(self.one, 1, others)
        _, entry = await self.one.append(self.room, say(self.anna, "ours"))
        assert entry is not None
        self.assertEqual(2, entry.seq)
        return entry

    async def test_place(self) -> None:
        """The head stays at the end: the next entry gets no place that has become free before it."""
        await self.race()
        _, entry = await self.one.append(self.room, say(self.anna))

        self.assertEqual(6, entry and entry.seq)
        self.assertEqual(await self.other.latest(self.room), await self.one.latest(self.room))
        self.assertEqual([5, 6], await self.seqs(self.one, self.room))

    async def test_published(self) -> None:
        """What is left behind a hole is published once, in order; the expired entry only to those of own entries."""
        own: list[int] = []
        self.one.subscribe_own(lambda room, entry: own.append(entry.seq))

        await self.race()
        await self.one.append(self.room, say(self.anna))

        self.assertEqual([1, 4, 5, 6], self.seqs_published(0))
        self.assertEqual([2, 6], own)


class Evictions(LogCase):
    """More streams than heads are kept."""

    async def test_during_batch(self) -> None:
        """The head of a stream that a batch is about stays, whatever others read meanwhile."""
        one, other = await self.a_daemon(), await self.a_daemon()
        rooms = [await self.a_room(other) for _ in range(4)]
        heads = one._log.heads
        heads.in_memory.max_items = 2
        for room in rooms[:2]:
            await one.get(room)
        catch_up = heads.catch_up

        async def crowded(streams: Iterable[Id]) -> None:
            await catch_up(streams)
            for room in rooms[1:]:
                await heads.get(room)

        self.patch(heads, "catch_up", crowded)
        _, entry = await one.append(rooms[0], say(self.anna))

        self.assertEqual(2, entry and entry.seq)
        self.assertLessEqual(len(heads.in_memory), 3)
