"""Several daemons on one database and one bus: all have everything once and in order, whatever the bus loses."""

from collections.abc import Mapping

from bson import Int64, ObjectId, decode, encode
from twisted.internet import reactor
from twisted.internet.task import deferLater

from justchat.errors import DatabaseAway
from justchat.interfaces.bus import CONTROL, PacketKind
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.store.log import announcements, incoming
from justchat.store.log.packets import hint
from justchat.store.mongo.client import Document
from justchat.store.rooms import Rooms
from tests.support.joined_log import Joined, neighbours_of
from tests.support.log_case import ALL, NOBODY, Insert, Refused, say
from tests.support.waiting import at_once, eventually


class Lossy(Joined):
    async def test_gap(self) -> None:
        """An entry that came before the one in front of it waits for it; then the log is read."""
        lost = iter((True, False))
        self.buses[1].loses = lambda stream, kind: kind is PacketKind.ENTRY and next(lost, False)

        await self.one.append(self.room, say(self.anna, "lost"))
        await self.one.append(self.room, say(self.anna, "received"))

        await eventually(lambda: len(self.seen[1]) == 2, "the other daemon to publish both")
        self.assertEqual([2, 3], self.seqs_published(1))
        await eventually(lambda: self.other._log.heads.is_live(self.room), "the head to be live")

    async def test_out_of_order(self) -> None:
        """Entries that change places on the way are published in order, and nothing is read."""
        reads = self.reads(self.other)
        packets: list[bytes] = []
        self.buses[1].loses = lambda stream, kind: True
        for n in range(3):
            await self.one.append(self.room, say(self.anna, str(n)))
        packets = [body for _, kind, body in self.buses[0].published if kind is PacketKind.ENTRY][-3:]
        await deferLater(reactor, 0)
        self.buses[1].loses = lambda stream, kind: False

        for body in reversed(packets):
            self.buses[1].receive(self.room, PacketKind.ENTRY, body)
            self.buses[1].receive(self.room, PacketKind.ENTRY, body)

        self.assertEqual([2, 3, 4], self.seqs_published(1))
        self.assertTrue(self.other._log.heads.is_live(self.room))
        self.assertEqual([], reads)

    async def test_last_is_lost(self) -> None:
        """A sweep finds an entry that was not announced."""
        self.buses[1].loses = lambda stream, kind: kind is PacketKind.ENTRY

        await self.one.append(self.room, say(self.anna))

        await self.eventually_after_looks(self.other, lambda: self.seqs_published(1) == [2])

    async def test_while_loading(self) -> None:
        """An entry that arrives while the head is being read is not lost."""
        room = await self.a_room(self.one)
        await self.one._save()  # so that one reading of the log is enough
        await self.buses[1].follow(room)
        database = self.database_of(self.other)
        find_one = database.find_one
        arrived: list[Id] = []
        self.buses[1].on_packet(PacketKind.ENTRY, lambda stream, body: arrived.append(stream))

        async def find_and_append(*args: object, **options: object) -> object:
            found = await find_one(*args, **options)  # type: ignore[arg-type]
            tail = database.find

            async def find_tail(*args: object, **options: object) -> object:
                entries = await tail(*args, **options)  # type: ignore[arg-type]
                self.patch(database, "find", tail)
                await self.one.append(room, say(self.anna))
                await eventually(lambda: room in arrived, "the packet")
                return entries

            self.patch(database, "find", find_tail)
            return found

        self.patch(database, "find_one", find_and_append)

        self.assertEqual(2, await self.other.position(room))

    async def test_hint_during_a_read(self) -> None:
        """A hint that comes while the log is read, of an entry that was stored since, is not forgotten."""
        self.buses[1].loses = lambda stream, kind: kind is PacketKind.ENTRY
        heads = self.other._log.heads
        tails = heads._reader.tails

        async def read_and_append(after: Mapping[Id, int], limit: int) -> list[Entry]:
            entries = await tails(after, limit)
            self.patch(heads._reader, "tails", tails)
            await self.one.append(self.room, say(self.anna))
            self.buses[1].receive(self.room, PacketKind.HINT, hint(2))
            return entries

        self.patch(heads._reader, "tails", read_and_append)
        await heads.catch_up([self.room])

        await eventually(lambda: self.seqs_published(1) == [2], "the other daemon to read it")
        await eventually(lambda: heads.is_live(self.room), "the head to be live")

    async def test_hint_while_loading(self) -> None:
        """A hint that comes while the head is read for the first time is not forgotten."""
        room = await self.a_room(self.one)
        await self.one._save()  # so that one reading of the log is enough
        self.buses[1].loses = lambda stream, kind: kind is PacketKind.ENTRY
        await self.buses[1].follow(room)
        reader = self.other._log.heads._reader
        read = reader.entries

        async def read_and_append(stream: ObjectId, after: int, limit: int) -> list[Entry]:
            entries = await read(stream, after, limit)
            self.patch(reader, "entries", read)
            await self.one.append(room, say(self.anna))
            self.buses[1].receive(room, PacketKind.HINT, hint(2))
            return entries

        self.patch(reader, "entries", read_and_append)
        await self.other.position(room)

        await eventually(lambda: self.seqs_published(1) == [2], "the other daemon to read it")

    async def test_more_than_is_held(self) -> None:
        """Of more entries behind a gap than are held, the last one keeps the head from being live."""
        self.patch(incoming, "MOST_EARLY", 2)
        self.buses[1].loses = lambda stream, kind: True
        for _ in range(6):
            await self.one.append(self.room, say(self.anna))
        third, _, *later = [body for _, kind, body in self.buses[0].published if kind is PacketKind.ENTRY][-5:]
        await deferLater(reactor, 0)
        self.buses[1].loses = lambda stream, kind: False
        reader = self.other._log.heads._reader
        tails = reader.tails

        async def read_early(after: Mapping[Id, int], limit: int) -> list[Entry]:
            self.patch(reader, "tails", tails)
            entries = [entry for entry in await tails(after, limit) if entry.seq <= 3]  # the others were not stored yet
            for body in later:
                self.buses[1].receive(self.room, PacketKind.ENTRY, body)
            return entries

        self.patch(reader, "tails", read_early)
        self.buses[1].receive(self.room, PacketKind.ENTRY, third)

        await eventually(lambda: self.seqs_published(1) == [2, 3, 4, 5, 6, 7], "the other daemon to publish all")

    async def test_forged(self) -> None:
        """A packet of an entry that was never stored is dropped once the log was read, and is not looked for again."""
        await self.one.append(self.room, say(self.anna))
        await eventually(lambda: self.seen[1], "the other daemon to publish it")
        real = decode(self.buses[0].published[-1][2])

        for seq in (2_000_000_000, 1 << 40):
            self.buses[1].receive(self.room, PacketKind.ENTRY, encode({**real, "_id": ObjectId(), "seq": Int64(seq)}))

        heads = self.other._log.heads
        await eventually(lambda: heads.is_live(self.room), "the head to be live")
        reads = self.reads(self.other)
        await self.one.append(self.room, say(self.anna))
        await eventually(lambda: self.seqs_published(1) == [2, 3], "the next entry")
        self.assertEqual([], reads)
        self.assertEqual({}, heads.early)

    async def test_fault_of_ours(self) -> None:
        """After a batch that failed in an unforeseen way, others' entries still reach who is connected here."""
        heads = self.other._log.heads

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            await insert()
            raise RuntimeError("a fault of ours")

        insert_many = self.database_of(self.other).insert_many
        self.on_insert(self.other, insert)
        with self.assertRaises(RuntimeError):
            await self.other.append(self.room, say(self.anna))
        await deferLater(reactor, 0)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.patch(self.database_of(self.other), "insert_many", insert_many)

        await self.one.append(self.room, say(self.anna))

        await eventually(lambda: self.seqs_published(1) == [2, 3], "the other daemon to publish both")
        self.assertIn(self.room, heads.in_memory)

    async def test_found_while_in_doubt(self) -> None:
        """An entry whose answer is lost is published once, even where a sweep has found it before."""

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            await insert()
            await self.one._log.heads.catch_up([self.room])
            raise DatabaseAway

        self.on_insert(self.one, insert)
        await self.one.append(self.room, say(self.anna))

        self.assertEqual([1, 2], self.seqs_published(0))

    async def test_received_while_in_doubt(self) -> None:
        """Nor is it published twice where another daemon, which has appended the same entry, announces it before."""

        await self.follow(0, self.room)

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            await insert()
            self.buses[0].receive(self.room, PacketKind.ENTRY, encode(documents[0]))
            raise DatabaseAway

        self.on_insert(self.one, insert)
        await self.one.append(self.room, say(self.anna))

        self.assertEqual([1, 2], self.seqs_published(0))

    async def test_early_while_in_doubt(self) -> None:
        """Nor where it came before the one in front of it."""

        await self.follow(0, self.room)

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            await insert()
            for document in reversed(documents):
                self.buses[0].receive(self.room, PacketKind.ENTRY, encode(document))
            raise DatabaseAway

        self.on_insert(self.one, insert)
        await at_once(self.one.append(self.room, say(self.anna)) for _ in range(3))

        self.assertEqual([1, 2, 3, 4], self.seqs_published(0))

    async def test_malformed(self) -> None:
        """A packet that is no entry of its stream changes nothing, and is logged."""
        _, entry = await self.one.append(self.room, say(self.anna, "good"))
        await eventually(lambda: self.seen[1], "the other daemon to publish it")
        good = decode(self.buses[0].published[-1][2])
        for change in (
            {"seq": "3"},
            {"seq": 3, "stream": good["_id"]},
            {"seq": 3, "author": {"$ne": 1}},
            {"seq": 3, "kind": "unheard of"},
            {"seq": 3, "text": 5},
            {"seq": 3, "create_at": None},
            {"seq": 3, "ref_message": {"text": "x"}},
            {"seq": True},
        ):
            self.buses[1].receive(self.room, PacketKind.ENTRY, encode({**good, **change}))
        for body in (b"", b"junk", encode({})):
            for kind in (PacketKind.ENTRY, PacketKind.HINT):
                self.buses[1].receive(self.room, kind, body)

        self.assertEqual([entry], self.seen[1])
        self.assertEqual(2, await self.other.position(self.room))


class Away(Joined):
    async def test_bus_away(self) -> None:
        """While the bus is away, everything goes on, and is found by sweeps; so it is in order, and once."""
        self.node.leave()

        await self.one.append(self.room, say(self.anna))
        await self.other.append(self.room, say(self.anna))
        await self.one.append(self.room, say(self.anna))
        await self.eventually_after_looks(self.other, lambda: self.seqs_published(1) == [2, 3, 4])
        self.assertEqual([1, 2, 3, 4], self.seqs_published(0))

        self.node.come_back()
        await self.other.append(self.room, say(self.anna))
        await self.eventually_after_looks(self.one, lambda: self.seqs_published(0) == [1, 2, 3, 4, 5])
        await self.eventually_after_looks(self.other, lambda: self.other._log.heads.is_live(self.room))
        self.assertEqual([2, 3, 4, 5], self.seqs_published(1))

    async def test_one_is_cut_off(self) -> None:
        """The entries of a daemon that alone has lost the bus are read by the others once it announces them."""
        self.buses[0].leave()
        await self.one.append(self.room, say(self.anna))

        self.buses[0].come_back()

        await eventually(lambda: self.seqs_published(1) == [2], "the other daemon to read it")

    async def test_too_many_to_hint(self) -> None:
        """With more streams than can be remembered, all daemons get a SWEEP."""
        self.patch(announcements, "MOST_UNPUBLISHED", 1)
        rooms = [await self.a_room(self.one) for _ in range(3)]
        for room in rooms:
            await self.follow(1, room)
        self.buses[0].leave()
        await at_once(self.one.append(room, say(self.anna)) for room in rooms)

        self.buses[0].come_back()

        await eventually(lambda: (CONTROL, PacketKind.SWEEP, b"") in self.buses[0].published, "a SWEEP")
        await self.eventually_after_looks(self.other, lambda: self.seqs_published(1) == [2, 2, 2])


class Hammered(Joined):
    async def test_hammering(self) -> None:
        """Two daemons write to ten rooms over a bus that loses one packet in four: both publish every entry, in order
        and once.
        """
        n = 0

        def loses(stream: Id, kind: PacketKind) -> bool:
            nonlocal n
            n += 1
            return n % 4 == 0

        for bus in self.buses:
            bus.loses = loses
        rooms = [await self.a_room(self.one) for _ in range(10)]
        for room in rooms:
            await self.follow(0, room)
            await self.follow(1, room)
        for entries in self.seen:
            entries.clear()

        async def talk(daemon: Rooms, name: str) -> None:
            for n in range(30):
                await daemon.append(rooms[n % 10], say(self.anna, f"{name} {n}"))

        await at_once(talk(daemon, f"{daemon} {m}") for daemon in (self.one, self.other) for m in range(4))

        for place, daemon in enumerate((self.one, self.other)):
            neighbours_of(daemon).compare_all()
            await eventually(lambda place=place: len(self.seen[place]) >= 240, "all to be published")  # type: ignore[misc]
            for room in rooms:
                self.assertEqual(list(range(2, 26)), [entry.seq for entry in self.seen[place] if entry.stream == room])
        for room in rooms:
            self.assertEqual(25, len(await self.one.history(room, 0, ALL, NOBODY)))
