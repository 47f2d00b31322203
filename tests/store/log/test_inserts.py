"""How batches are stored: a refusal fells its own stream alone, and so does a doubt."""

import contextlib  # (trial looks for a list called suppress)
import random
from collections.abc import Awaitable

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater

from justchat.errors import AlreadyStored, DatabaseAway
from justchat.interfaces.rooms import Proposal
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.room import Room
from justchat.store.log import in_doubt, withdrawals
from justchat.store.mongo.client import Document
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, NOBODY, Insert, LogCase, Refused, move, say
from tests.support.waiting import at_once, eventually, in_time

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

        await in_time(answered, 2)
        self.assertNoResult(doubted[0])

        back.callback(None)
        for each in doubted:
            await each
        self.assertEqual([1, 2, 3], await self.seqs(rooms, doubtful))

    async def test_alone(self) -> None:
        """Whatever of an insert is stored, before or after it is given up: an acknowledged entry is there once, and a
        refused one never.
        """
        self.shared = False
        await self.survive(1)

    async def test_shared(self) -> None:
        """The same with two daemons. Both have the same state as a fresh one, which reads snapshots and log."""
        await self.survive(2)

    async def survive(self, daemons: int) -> None:
        self.patch(in_doubt, "RESEND_INTERVAL", 0.02)
        self.patch(withdrawals, "RETRY_INTERVAL", 0.02)
        seed = random.randrange(1_000_000)
        chance = Chance(seed)
        try:
            await self.survive_chance(chance, daemons)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        finally:
            await chance.over()

    async def survive_chance(self, chance: "Chance", daemons: int) -> None:
        all_rooms = [await self.a_daemon() for _ in range(daemons)]
        rooms = [await self.a_room(all_rooms[0]) for _ in range(4)]
        self.shorten_appends(0.3)
        for daemon in all_rooms:
            self.on_insert(daemon, chance.insert)
        acknowledged: list[str] = []
        refused: set[str] = set()

        async def talk(daemon: Rooms, name: str, boris: Id) -> None:
            for n in range(15):
                room, text = chance.random.choice(rooms), f"{name} {n}"
                with contextlib.suppress(DatabaseAway):
                    await daemon.append(room, move(boris, Kind.LEAVE if n % 2 else Kind.NEW_ROOMMATE))
                try:
                    await daemon.append(room, say(self.anna, text))
                    acknowledged.append(text)
                except DatabaseAway:
                    refused.add(text)
                if n % 5 == 0:
                    await daemon.get(room)

        await at_once(
            talk(daemon, f"{place} {m}", new_id()) for place, daemon in enumerate(all_rooms) for m in range(6)
        )
        chance.is_over = True
        for daemon in all_rooms:  # it is done with what was in doubt before it answers these
            await at_once(eventually_appended(daemon, room, move(self.anna, Kind.LEAVE)) for room in rooms)

        async def texts() -> list[str]:
            return [e.text for room in rooms for e in await all_rooms[0].history(room, 0, ALL, NOBODY) if e.text]

        async def is_withdrawn() -> bool:
            return not refused & set(await texts())

        await eventually(is_withdrawn, "refused messages to be withdrawn")
        self.assertEqual(sorted(acknowledged), sorted(await texts()))
        await self.check_states(all_rooms, rooms)

    async def check_states(self, daemons: list[Rooms], rooms: list[Id]) -> None:
        """All daemons agree on the state of these rooms with one that reads the log, and one that reads snapshots."""
        fresh = await self.a_daemon()
        for room in rooms:
            for daemon in daemons:
                self.assertEqual(await fresh.get(room), await daemon.get(room))
                self.assertEqual(await fresh.position(room), await daemon.position(room))
        await at_once(daemon.stop() for daemon in daemons)
        from_snapshots = await self.a_daemon()
        for room in rooms:
            self.assertEqual(await fresh.get(room), await from_snapshots.get(room))


async def eventually_appended(daemon: Rooms, room: Id, proposal: Proposal) -> None:
    async def append() -> bool:
        try:
            await daemon.append(room, proposal)
        except DatabaseAway:
            return False
        return True

    await eventually(append, "the database to be back")


FATES = ["answered"] * 6 + ["lost", "unanswered", "late", "slow"]


class Chance:
    """Inserts that are lost, or stored and not answered, or stored late, every now and then."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.is_over = False
        self._late: list[Deferred[Refused]] = []

    async def insert(self, insert: Insert, documents: list[Document]) -> Refused:
        fate = (
            "answered"
            if self.is_over
            else self.random.choice(["answered"] * 6 + ["lost", "unanswered", "late", "slow"])
        )
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
