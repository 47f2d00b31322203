"""Work in small steps: how long it pauses, and which of two daemons does it."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from justchat.errors import DatabaseAway
from justchat.interfaces.pause import Pause
from justchat.service.paced import ASK_EVERY, LEAST, MOST, REST, PacedService
from justchat.store.indexes import LEASES
from justchat.store.lease import Lease
from justchat.store.mongo.client import Database
from tests.support.mongo import close, empty_uri
from tests.support.waiting import eventually


class Pauses(TestCase):
    """Each step takes as long as the test says."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.steps: list[Deferred[None]] = []
        self.service = PacedService("steps", 1.0, self.work, None, self.clock)
        self.service.startService()
        self.addCleanup(self.end)
        self.clock.advance(1.0)

    def end(self) -> None:
        self.service.stopService()
        if not self.steps[-1].called:
            self.steps[-1].callback(None)
        self.clock.advance(MOST)

    async def work(self, pause: Pause) -> None:
        while True:
            step: Deferred[None] = Deferred()
            self.steps.append(step)
            await step
            await pause()

    def step(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.steps[-1].callback(None)

    def pauses(self, seconds: float) -> None:
        """The next step begins after this time, and not before."""
        begun = len(self.steps)
        self.clock.advance(seconds - 0.001)
        self.assertEqual(begun, len(self.steps))
        self.clock.advance(0.002)
        self.assertEqual(begun + 1, len(self.steps))

    def test_as_long_as_steps(self) -> None:
        """A pause is a multiple of the step before it, without the pauses before that."""
        for seconds in (0.01, 0.05, 0.02):
            self.step(seconds)
            self.pauses(REST * seconds)

    def test_bounds(self) -> None:
        for seconds, pause in ((0.0, LEAST), (60.0, MOST)):
            self.step(seconds)
            self.pauses(pause)

    def test_stop(self) -> None:
        """A stop during a pause ends the work, and waits for that."""
        self.step(0.05)
        ended = self.service.stopService()
        self.assertNoResult(ended)

        self.clock.advance(REST * 0.05 + 0.001)

        self.successResultOf(ended)
        self.assertEqual(1, len(self.steps))

    def test_database_away(self) -> None:
        """The next round begins anew, and nothing is logged: others do."""
        self.steps[-1].errback(DatabaseAway())

        self.clock.advance(1.0)

        self.assertEqual(2, len(self.steps))


class OneOfTwo(TestCase):
    """One daemon's rounds come when the test says so. A round has two steps."""

    async def setUp(self) -> None:
        uri = empty_uri()
        self.databases, self.clocks, self.services = [], [], []
        self.done: list[int] = []
        for number in range(2):
            database, clock = Database(uri), Clock()
            database.open()
            self.addCleanup(close, database)
            service = PacedService("steps", 1.0, self.work_of(number), Lease(database, "steps"), clock)
            service.startService()
            self.addCleanup(service.stopService)
            self.databases.append(database)
            self.clocks.append(clock)
            self.services.append(service)

    def work_of(self, number: int):  # type: ignore[no-untyped-def]
        async def work(pause: Pause) -> None:
            self.done.append(number)
            await pause()
            self.done.append(number)

        return work

    async def round(self, daemon: int, seconds: float = ASK_EVERY) -> list[int]:
        """Which daemon did the steps of a round of one of them."""
        self.done.clear()
        loop, clock = self.services[daemon]._loop, self.clocks[daemon]
        clock.advance(seconds)

        def has_ended() -> bool:
            if self.done:
                clock.advance(MOST / 10)  # the pause
            return loop.call is not None

        await eventually(has_ended, "the round to end")
        return self.done

    async def end_lease(self) -> None:
        await self.databases[0].update(LEASES, {"_id": "steps"}, [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}])

    async def test_holder(self) -> None:
        """The first to look has the lease and works in every round; the other does not."""
        self.assertEqual([0, 0], await self.round(0))
        self.assertEqual([], await self.round(1))
        self.assertEqual([0, 0], await self.round(0))

    async def test_stopped(self) -> None:
        """When it stops, the other works in its next round."""
        await self.round(0)

        await self.services[0].stopService()

        self.assertEqual([1, 1], await self.round(1))

    async def test_dies(self) -> None:
        """When it dies, the other works once the lease has ended."""
        await self.round(0)

        await self.end_lease()

        self.assertEqual([1, 1], await self.round(1))

    async def test_lost(self) -> None:
        """A round that lasts renews the lease, and ends where another daemon has it."""
        await self.round(0)
        self.clocks[0].advance(1.0)
        await eventually(lambda: self.clocks[0].getDelayedCalls(), "the pause")
        await self.end_lease()
        await self.round(1)
        self.done.clear()

        self.clocks[0].advance(ASK_EVERY)
        loop = self.services[0]._loop
        await eventually(lambda: loop.call is not None, "the round to end")

        self.assertEqual([], self.done)
