"""The log of rooms: one order, no gaps, no duplicates, even if its database fails."""

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import deferLater

from justchat.errors import AlreadyStored, NotInRoom, RoomNotFound
from justchat.metrics.declarations import LOG_BATCHES, LOG_ENTRIES, LOG_REFUSALS
from justchat.model.entry import Entry, Kind
from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.mongo.client import Document
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, NOBODY, Insert, LogCase, Refused, move, say
from tests.support.waiting import in_time


class OneDaemon(LogCase):
    shared = False

    async def test_numbered(self) -> None:
        """Simultaneous appends are numbered 1, 2, 3 … without gaps or duplicates."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)

        await gatherResults([ensureDeferred(rooms.append(room, say(self.anna))) for _ in range(300)])

        self.assertEqual(list(range(1, 302)), await self.seqs(rooms, room))

    async def test_event(self) -> None:
        """Each entry is published once, in order, and only when it is stored."""
        received: list[int] = []
        rooms = await self.a_daemon(lambda room, entry: received.append(entry.seq))
        room = await self.a_room(rooms)

        await gatherResults([ensureDeferred(rooms.append(room, say(self.anna))) for _ in range(100)])

        self.assertEqual(await self.seqs(rooms, room), received)

    async def test_fault_of_a_subscriber(self) -> None:
        """A subscriber that raises keeps no entry from the others, and fails no append."""
        published: list[int] = []

        def fail(room: Room, entry: Entry) -> None:
            raise RuntimeError("a fault of ours")

        rooms = await self.a_daemon(fail)
        rooms.subscribe(lambda room, entry: published.append(entry.seq))

        await self.a_room(rooms)

        self.assertEqual([1], published)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    async def test_answered_meanwhile(self) -> None:
        """While one batch is on its way, the callers of the one before get their results; so do the last ones."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        stored, go_on = Deferred[None](), Deferred[None]()

        async def wait() -> None:
            stored.callback(None)
            await go_on

        self.after_insert(rooms, 2, wait)
        first = ensureDeferred(rooms.append(room, say(self.anna)))
        await deferLater(reactor, 0)  # it is on its way
        second = ensureDeferred(rooms.append(room, say(self.anna)))
        await stored

        self.successResultOf(first)
        self.assertNoResult(second)
        go_on.callback(None)
        _, last = await in_time(second, 5)
        self.assertEqual(3, last.seq)

    async def test_next_before_telling(self) -> None:
        """The next batch leaves before the last one is published, and is published after it."""
        done: list[object] = []
        rooms = await self.a_daemon(lambda room, entry: done.append(entry.seq))
        room = await self.a_room(rooms)

        async def send(insert: Insert, documents: list[Document]) -> Refused:
            done.append([document["seq"] for document in documents])
            return await insert()

        self.on_insert(rooms, send)
        done.clear()
        first = ensureDeferred(rooms.append(room, move(self.anna, Kind.LEAVE)))
        await deferLater(reactor, 0)  # it is on its way
        second = ensureDeferred(rooms.append(room, move(self.anna, Kind.NEW_ROOMMATE)))
        third = ensureDeferred(rooms.append(room, say(self.anna)))

        await gatherResults([first, second, third])

        self.assertEqual([[2], [3, 4], 2, 3, 4], done)

    async def test_refusal(self) -> None:
        """A proposal that the rules refuse raises their error and stores nothing."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)

        with self.assertRaises(NotInRoom):
            await rooms.append(room, say(new_id()))

        self.assertEqual([1], await self.seqs(rooms, room))

    async def test_rules_at_the_head(self) -> None:
        """Within one batch, a proposal after a leave sees the room without the user who left."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        first = ensureDeferred(rooms.append(room, say(self.anna, "keeps the database busy")))

        leave = ensureDeferred(rooms.append(room, move(self.anna, Kind.LEAVE)))
        late = ensureDeferred(rooms.append(room, say(self.anna, "too late")))

        await first
        await leave
        await self.assertFailure(late, NotInRoom)
        self.assertEqual([1, 2, 3], await self.seqs(rooms, room))

    async def test_nothing_to_do(self) -> None:
        """A proposal may find that there is nothing to do."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)

        state, made = await rooms.append(room, lambda room, seq: None)

        self.assertIsNone(made)
        self.assertIn(self.anna, state.users)

    async def test_same_id(self) -> None:
        """An id that is in the log already is refused, and the rest of its batch happens."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        _, first = await rooms.append(room, say(self.anna))
        assert first is not None

        def again(room: Room, seq: int) -> Entry:
            return Entry(id=first.id, stream=room.id, seq=seq, kind=Kind.MESSAGE, author=self.anna, created_at=now())

        results = [ensureDeferred(rooms.append(room, p)) for p in (say(self.anna), again, say(self.anna), again)]

        await results[0]
        await self.assertFailure(results[1], AlreadyStored)
        await results[2]
        await self.assertFailure(results[3], AlreadyStored)
        self.assertEqual([1, 2, 3, 4], await self.seqs(rooms, room))

    async def test_counted(self) -> None:
        """Batches, entries and refusals are counted."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        _, first = await rooms.append(room, say(self.anna))
        assert first is not None
        counted = (LOG_BATCHES.series["rooms",], LOG_ENTRIES.series["rooms",])
        refused = [LOG_REFUSALS.series["rooms", reason] for reason in ("rule", "id")]

        await rooms.append(room, say(self.anna))
        await self.assertFailure(ensureDeferred(rooms.append(room, say(new_id()))), NotInRoom)
        again = ensureDeferred(rooms.append(room, lambda _, seq: evolve(first, seq=seq)))
        await self.assertFailure(again, AlreadyStored)

        self.assertGreaterEqual(LOG_BATCHES.series["rooms",], counted[0] + 2)
        self.assertEqual(counted[1] + 2, LOG_ENTRIES.series["rooms",])  # the second of them was refused
        self.assertEqual([n + 1 for n in refused], [LOG_REFUSALS.series["rooms", reason] for reason in ("rule", "id")])

    async def test_unknown_room(self) -> None:
        """A proposal to an unknown room raises RoomNotFound, with any other proposals beside it."""
        rooms = await self.a_daemon()
        nowhere = new_id()

        for asking in [ensureDeferred(rooms.append(nowhere, say(self.anna))) for _ in range(3)]:
            await self.assertFailure(asking, RoomNotFound)

    async def test_cold_start(self) -> None:
        """A restarted daemon has the room as its log left it, with or without a snapshot."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        boris = new_id()
        await rooms.append(room, move(boris, Kind.NEW_ROOMMATE))
        await rooms.append(room, move(self.anna, Kind.LEAVE))

        cold = await (await self.a_daemon()).get(room)
        await rooms.stop()
        from_snapshot = await (await self.a_daemon()).get(room)

        self.assertEqual([[boris], [boris]], [list(cold.users), list(from_snapshot.users)])
        self.assertEqual(await rooms.get(room), from_snapshot)

    async def test_long_tail(self) -> None:
        """A snapshot may lag behind by more than one reading of the log."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        await gatherResults([ensureDeferred(rooms.append(room, say(self.anna))) for _ in range(2300)])

        self.assertEqual(2301, await (await self.a_daemon()).position(room))


class TwoDaemons(LogCase):
    async def test_hammering_one_room(self) -> None:
        """Two daemons that write to one room leave one order without gaps or duplicates, and both publish it."""
        received: tuple[list[Entry], list[Entry]] = ([], [])
        one = await self.a_daemon(lambda room, entry: received[0].append(entry))
        other = await self.a_daemon(lambda room, entry: received[1].append(entry))
        room = await self.a_room(one)
        await other.get(room)

        async def hammer(rooms: Rooms, name: str) -> None:
            for n in range(60):
                await gatherResults(
                    [ensureDeferred(rooms.append(room, say(self.anna, f"{name} {n} {m}"))) for m in range(5)]
                )

        await gatherResults([ensureDeferred(hammer(one, "one")), ensureDeferred(hammer(other, "other"))])

        stored = await one.history(room, 0, ALL, NOBODY)
        self.assertEqual(list(range(1, 602)), [entry.seq for entry in stored])
        self.assertEqual(600, len({entry.text for entry in stored if entry.text}))
        for entries in received:
            seqs = [entry.seq for entry in entries]
            self.assertEqual(list(range(seqs[0], seqs[0] + len(seqs))), seqs)
            self.assertTrue({e.id for e in entries} <= {e.id for e in stored})

    async def test_nobody_speaks_who_has_left(self) -> None:
        """While one daemon lets people come and go and the other lets them speak, the log has no word of one who
        was not inside at that point.
        """
        one, other = await self.a_daemon(), await self.a_daemon()
        room = await self.a_room(one)
        boris = new_id()
        refused = 0

        async def come_and_go() -> None:
            for _ in range(60):
                await one.append(room, move(boris, Kind.NEW_ROOMMATE))
                await one.append(room, move(boris, Kind.LEAVE))

        async def speak() -> None:
            nonlocal refused
            for _ in range(200):
                try:
                    await other.append(room, say(boris))
                except NotInRoom:
                    refused += 1
                    await other.append(room, say(self.anna))  # a look at the log

        await gatherResults([ensureDeferred(come_and_go()), *[ensureDeferred(speak()) for _ in range(3)]])

        inside, said = False, 0
        for entry in await one.history(room, 0, ALL, NOBODY):
            if entry.author == boris:
                if entry.kind is Kind.MESSAGE:
                    said += 1
                    self.assertTrue(inside, f"spoke at {entry.seq}, outside")
                else:
                    inside = entry.kind is Kind.NEW_ROOMMATE
        self.assertGreater(said, 0)
        self.assertGreater(refused, 0)

    async def test_read_meanwhile(self) -> None:
        """A read of the log may find entries that are on their way from here: each is published once."""
        received: list[int] = []
        rooms = await self.a_daemon(lambda room, entry: received.append(entry.seq))
        room = await self.a_room(rooms)

        async def look() -> None:
            await rooms.get(room)

        self.after_insert(rooms, 1, look)
        await rooms.append(room, say(self.anna))

        self.assertEqual([1, 2], received)
        self.assertEqual((await rooms.get(room)).id, room)

    async def test_rules_asked_again(self) -> None:
        """A proposal that lost its seq to another daemon is repeated, on the room as that one left it."""
        one, other = await self.a_daemon(), await self.a_daemon()
        room = await self.a_room(one)
        await other.get(room)
        await one.append(room, move(self.anna, Kind.LEAVE))

        with self.assertRaises(NotInRoom):
            await other.append(room, say(self.anna))
