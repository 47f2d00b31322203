"""Heads of streams, while something reads, expires or evicts what a batch is about."""

from collections.abc import Iterable, Mapping

from bson import ObjectId
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from justchat.interfaces.bus import PacketKind
from justchat.model.entry import Entry, Expired
from justchat.model.ids import Id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.log.beginnings import delete_beginning
from justchat.store.log.stream_head import StreamHead
from justchat.store.rooms import Rooms
from tests.support.joined_log import Joined, look
from tests.support.log_case import LogCase, entry, say
from tests.support.waiting import eventually


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
        _, appended = await self.one.append(self.room, say(self.anna, "ours"))
        assert appended is not None
        self.assertEqual(2, appended.seq)
        return appended

    async def test_place(self) -> None:
        """The head stays at the end: the next entry gets no place that has become free before it."""
        await self.race()
        _, appended = await self.one.append(self.room, say(self.anna))

        self.assertEqual(6, appended and appended.seq)
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

        async def crowded(streams: Iterable[Id]) -> Mapping[Id, Failure]:
            gone = await catch_up(streams)
            for room in rooms[1:]:
                await heads.get(room)
            return gone

        self.patch(heads, "catch_up", crowded)
        _, appended = await one.append(rooms[0], say(self.anna))

        self.assertEqual(2, appended and appended.seq)
        self.assertLessEqual(len(heads.in_memory), 3)

    async def test_while_read(self) -> None:
        """A head that was read does not replace one that has come into memory meanwhile, and is further."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        heads, load, gate = rooms._log.heads, rooms._log.heads._load, Deferred[None]()

        async def slow(stream: Id) -> StreamHead[Room]:
            head = await load(stream)
            await gate
            return head

        self.patch(heads, "_load", slow)
        known = heads.in_memory.pop(room)
        reading = ensureDeferred(heads.get(room))
        # As where it was evicted after its entry was stored, and before that was published.
        next = entry(known.state, known.seq + 1, self.anna)
        await eventually(lambda: room in heads.loading, "the read to begin")
        heads.advance(StreamHead(known.state.after(next), next.seq), next)
        gate.callback(None)

        self.assertEqual(next.seq, (await reading).seq)
        self.assertEqual(next.seq, heads.in_memory[room].seq)
