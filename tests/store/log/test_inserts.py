"""How batches are stored: a refusal fells its own stream alone, and so does a doubt."""

import random
from collections.abc import Awaitable

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater

from justchat.errors import AlreadyStored, DatabaseAway
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.room import Room
from justchat.store.log import append as append_module
from justchat.store.log import in_doubt
from justchat.store.mongo.client import Document
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, Insert, LogCase, Refused, say
from tests.support.waiting import at_once

ROOMS = 20


class ManyWriters(LogCase):
    """Another daemon appended to every room since."""

    async def setUp(self) -> None:
        await super().setUp()
        self.one, self.other = await self.a_daemon(), await self.a_daemon()
        self.rooms = [await self.a_room(self.one) for _ in range(ROOMS)]
        await self.say_all(self.other, 1)
        self.inserts: list[int] = []

    async def say_all(self, daemon: Rooms, times: int) -> None:
        await at_once(daemon.append(room, say(self.anna)) for room in self.rooms for _ in range(times))

    def count_inserts(self, *, first: Awaitable[None] | None = None) -> None:
        """Count the inserts of one daemon; ``first`` happens just before the first of them."""

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            self.inserts.append(len(documents))
            if len(self.inserts) == 1 and first is not None:
                await first
            return await insert()

        self.on_insert(self.one, insert)

    async def test_outdated(self) -> None:
        """Heads that another daemon has made out of date are read together before anything is inserted."""
        self.count_inserts()

        await self.say_all(self.one, 1)

        self.assertEqual([ROOMS], self.inserts)

    async def test_refused(self) -> None:
        """Where every room was taken at the last moment, everything is inserted again at once."""
        self.count_inserts(first=self.say_all(self.other, 1))

        await self.say_all(self.one, 1)

        self.assertEqual([ROOMS, ROOMS], self.inserts)

    async def test_one_refused(self) -> None:
        """Of entries that are refused, those behind them in their room alone are inserted again."""
        self.count_inserts(first=self.append_one(self.other, self.rooms[0]))

        await self.say_all(self.one, 2)

        # All in order, up to the first; what the other rooms lack: first entries, then the rest; then the room again.
        self.assertEqual([2 * ROOMS, ROOMS - 1, ROOMS - 1, 2], self.inserts)

    async def append_one(self, daemon: Rooms, room: Id) -> None:
        await daemon.append(room, say(self.anna))

    async def test_several_refused(self) -> None:
        """However many rooms are refused at once, the number of inserts does not grow with them."""
        self.count_inserts(first=self.say_all(self.other, 1))

        await self.say_all(self.one, 3)

        self.assertLessEqual(len(self.inserts), 4)
        for room in self.rooms:
            self.assertEqual(list(range(1, 7)), await self.seqs(self.one, room))


class SameId(LogCase):
    async def test_others_go_on(self) -> None:
        """An id that is stored already fells its append alone, whatever else is in the batch."""
        rooms = await self.a_daemon()
        room, elsewhere = await self.a_room(rooms), await self.a_room(rooms)
        _, first = await rooms.append(elsewhere, say(self.anna))
        assert first is not None
        before = ensureDeferred(rooms.append(room, say(self.anna, "keeps the log busy")))

        def again(room: Room, seq: int) -> Entry:
            return Entry(
                id=first.id, stream=room.id, seq=seq, kind=Kind.MESSAGE, author=self.anna, created_at=first.created_at
            )

        results = [ensureDeferred(rooms.append(to, p)) for to, p in ((room, again), (room, say(self.anna)))]
        results.append(ensureDeferred(rooms.append(elsewhere, say(self.anna))))

        await before
        await self.assertFailure(results[0], AlreadyStored)
        await results[1]
        await results[2]
        self.assertEqual([1, 2, 3], await self.seqs(rooms, room))


class Doubts(LogCase):
    async def test_certain_are_answered(self) -> None:
        """Callers whose entries are certainly stored do not wait for those of other rooms that are in doubt."""
        rooms = await self.a_daemon()
        doubtful, certain = await self.a_room(rooms), await self.a_room(rooms)
        back = Deferred[None]()

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            if str(documents[0]["stream"]) == doubtful and not back.called:
                raise DatabaseAway
            return await insert()

        self.on_insert(rooms, insert)
        doubted = [ensureDeferred(rooms.append(doubtful, say(self.anna))) for _ in range(2)]
        answered = ensureDeferred(rooms.append(certain, say(self.anna)))

        await answered.addTimeout(2, reactor)
        self.assertNoResult(doubted[0])

        back.callback(None)
        for each in doubted:
            await each
        self.assertEqual([1, 2, 3], await self.seqs(rooms, doubtful))

    async def test_any_fault(self) -> None:
        """Whatever of an insert is stored, before or after it is given up, with two daemons or one: an acknowledged
        entry is there once, a refused one never, and every daemon has the same state.
        """
        self.patch(append_module, "APPEND_TIMEOUT", 0.3)
        self.patch(in_doubt, "RESEND_INTERVAL", 0.02)
        seed = random.randrange(1_000_000)
        for shared in (False,):
            self.shared = shared
            chance = Chance(seed)
            try:
                await self.survive(chance, 2 if shared else 1)
            except AssertionError as error:
                raise AssertionError(f"shared {shared}, seed {seed}") from error
            finally:
                await chance.over()

    async def survive(self, chance: "Chance", daemons: int) -> None:
        all_rooms = [await self.a_daemon() for _ in range(daemons)]
        rooms = [await self.a_room(all_rooms[0]) for _ in range(4)]
        for daemon in all_rooms:
            self.on_insert(daemon, chance.insert)
        acknowledged: set[str] = set()
        refused: set[str] = set()

        async def talk(daemon: Rooms, name: str) -> None:
            for n in range(25):
                text = f"{name} {n}"
                try:
                    await daemon.append(chance.random.choice(rooms), say(self.anna, text))
                    acknowledged.add(text)
                except DatabaseAway:
                    refused.add(text)

        await at_once(talk(daemon, f"{place} {m}") for place, daemon in enumerate(all_rooms) for m in range(6))

        fresh = await self.a_daemon()
        texts: list[str] = []
        for room in rooms:
            said = [entry.text for entry in await fresh.history(room, 0, ALL) if entry.text]
            texts += said
            for daemon in all_rooms:
                self.assertEqual(await fresh.length(room), await daemon.length(room))
                self.assertEqual(said, [entry.text for entry in await daemon.history(room, 0, ALL) if entry.text])
        self.assertEqual(sorted(acknowledged), sorted(texts))
        self.assertGreater(len(refused), 0)


class Chance:
    """Inserts that are lost, or stored and not answered, or stored late, every now and then."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._late: list[Deferred[Refused]] = []

    async def insert(self, insert: Insert, documents: list[Document]) -> Refused:
        fate = self.random.choice(["answered"] * 6 + ["lost", "unanswered", "late", "slow"])
        if fate == "lost":
            raise DatabaseAway
        if fate == "late":
            self._late.append(deferLater(reactor, 0.05, lambda: ensureDeferred(insert())))
            raise DatabaseAway
        if fate == "slow":
            await deferLater(reactor, 0.4)
        refused = await insert()
        if fate == "unanswered":
            raise DatabaseAway
        return refused

    async def over(self) -> None:
        """Wait for the late ones."""
        for late in self._late:
            await late
