"""Rate windows in MongoDB: counted once, over restarts and across daemons."""

from datetime import timedelta

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from justchat.errors import TooManyRequests
from justchat.model.ids import new_id
from justchat.model.moment import Moment, now
from justchat.model.rate import Rate, RateCounter, RateHit
from justchat.store.indexes import create_indexes
from justchat.store.mongo.client import Database
from justchat.store.rate_windows import RateWindows
from tests.support.mongo import discard, empty_uri

MINUTE, HOUR = Rate(1, 60), Rate(3, 3600)


class WindowsTests(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.time = now()
        self.windows = RateWindows(self.database, self.clock, reactor)

    async def tearDown(self) -> None:
        await discard(self.database)

    def clock(self) -> Moment:
        return self.time

    def counter(self, *rates: Rate, of: str = "anna", name: str = "sms") -> RateCounter:
        return RateCounter(name, of, rates)

    async def hit(self, *rates: Rate, of: str = "anna", windows: RateWindows | None = None) -> int | None:
        """None where there was room; else the seconds to wait."""
        try:
            await (windows or self.windows).take([self.counter(*rates, of=of)])
        except TooManyRequests as error:
            return error.after
        return None

    async def test_full(self) -> None:
        """Each counter allows its rate; a refusal has the seconds to wait, and then there is capacity."""
        first = [await self.hit(HOUR) for _ in range(3)]
        self.time += timedelta(minutes=20)

        wait = await self.hit(HOUR)
        boris = await self.hit(HOUR, of="boris")
        self.time += timedelta(seconds=wait or 0)

        self.assertEqual([None] * 3, first)
        self.assertEqual((2400, None), (wait, boris))
        self.assertEqual([None, None, None, 3600], [await self.hit(HOUR) for _ in range(4)])

    async def test_shared(self) -> None:
        """Another daemon, or this one after a restart, goes on with the count."""
        other = RateWindows(self.database, self.clock, reactor)
        await self.hit(HOUR)
        await self.hit(HOUR, windows=other)
        await self.hit(HOUR)

        self.assertEqual(3600, await self.hit(HOUR, windows=other))

    async def test_at_once(self) -> None:
        """Of simultaneous hits as many are allowed as there is capacity."""
        hits = await gatherResults([Deferred.fromCoroutine(self.hit(HOUR)) for _ in range(20)])

        self.assertEqual(3, hits.count(None))

    async def test_several_rates(self) -> None:
        """All rates apply; a hit that one refuses is not counted by the others."""
        self.assertIsNone(await self.hit(HOUR, MINUTE))
        self.assertEqual([60, 60, 60], [await self.hit(HOUR, MINUTE) for _ in range(3)])

        for _ in range(2):
            self.time += timedelta(minutes=1)
            self.assertIsNone(await self.hit(HOUR, MINUTE))
        self.time += timedelta(minutes=1)
        self.assertEqual(3600 - 180, await self.hit(HOUR, MINUTE))

    async def test_several_counters(self) -> None:
        """All counters apply; a hit that one refuses is not counted by the others."""
        full, free = self.counter(MINUTE, name="full"), self.counter(HOUR)
        await self.windows.take([full])

        for _ in range(5):
            with self.assertRaises(TooManyRequests):
                await self.windows.take([free, full])

        self.assertEqual([0.0], await self.windows.used([free]))

    async def test_at_once_over_several(self) -> None:
        """Many at once that one counter refuses leave nothing behind in another."""
        full, free = self.counter(MINUTE, name="full"), self.counter(Rate(50, 3600))

        async def take() -> int:
            try:
                return len(await self.windows.take([free, full]))
            except TooManyRequests:
                return 0

        taken = await gatherResults([Deferred.fromCoroutine(take()) for _ in range(20)])

        self.assertEqual(2, sum(taken))
        self.assertEqual([1 / 50], await self.windows.used([free]))

    async def test_used(self) -> None:
        """The used part of a counter, by its fullest rate; a full counter is refused, and nothing is counted."""
        for n in range(3):
            self.assertEqual([n / 3], await self.windows.used([self.counter(Rate(100, 60), HOUR)]))
            await self.hit(Rate(100, 60), HOUR)

        for _ in range(2):
            with self.assertRaises(TooManyRequests) as caught:
                await self.windows.used([self.counter(Rate(100, 60), HOUR)])
            self.assertEqual((3, 3600), (caught.exception.count, caught.exception.seconds))

    async def test_give_back(self) -> None:
        """A hit that is given back frees capacity once, however often it is given back."""
        taken = [await self.windows.take([self.counter(HOUR)]) for _ in range(3)]

        for _ in range(3):
            await self.windows.give_back(taken[1])

        self.assertEqual([None, 3600], [await self.hit(HOUR) for _ in range(2)])

    async def test_give_back_late(self) -> None:
        """Giving back a hit of an earlier window frees nothing in a later one."""
        taken = await self.windows.take([self.counter(HOUR)])
        self.time += timedelta(hours=2)
        for _ in range(3):
            await self.hit(HOUR)

        await self.windows.give_back(taken)

        self.assertIsNotNone(await self.hit(HOUR))

    async def test_give_back_uncounted(self) -> None:
        """Giving back a hit that was never counted frees nothing."""
        await self.hit(HOUR)

        await self.windows.give_back([RateHit(self.counter(HOUR), new_id(), self.time)])

        self.assertEqual([None, None, 3600], [await self.hit(HOUR) for _ in range(3)])

    async def test_forget(self) -> None:
        """After forget() all have room again."""
        for _ in range(3):
            await self.hit(HOUR)

        await self.windows.forget(self.counter(HOUR))

        self.assertEqual([None, None, None, 3600], [await self.hit(HOUR) for _ in range(4)])

    async def test_groups(self) -> None:
        """Groups of one name are counted separately."""
        for group in ("", "owner"):
            counter = RateCounter("sms", "anna", (MINUTE,), group)
            await self.windows.take([counter])
            with self.assertRaises(TooManyRequests) as caught:
                await self.windows.take([counter])
            self.assertEqual("sms", caught.exception.name)

    async def test_clock_set_back(self) -> None:
        """After the clock was set back, nobody waits for longer than a period; what was counted stays counted."""
        for _ in range(2):
            await self.hit(HOUR)
        self.time -= timedelta(days=365)

        self.assertEqual([None, 3600], [await self.hit(HOUR) for _ in range(2)])
        self.time += timedelta(hours=1)
        self.assertIsNone(await self.hit(HOUR))

    async def test_clock_set_forward(self) -> None:
        """A window that began while the clock was ahead ends a period after it was set right."""
        self.time += timedelta(days=365)
        for _ in range(3):
            await self.hit(HOUR)
        self.time -= timedelta(days=365)

        self.assertEqual(3600, await self.hit(HOUR))
        self.time += timedelta(hours=1, seconds=1)
        self.assertIsNone(await self.hit(HOUR))
