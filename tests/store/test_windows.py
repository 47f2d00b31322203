"""Windows in MongoDB: counted once, over a restart, by all daemons together."""

from datetime import timedelta

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from justchat.errors import TooManyRequests
from justchat.model.moment import Moment, now
from justchat.model.rate import Rate
from justchat.store.database import Database
from justchat.store.indexes import create_indexes
from justchat.store.windows import Windows
from tests.support.mongo import close, fresh_uri

MINUTE, HOUR = Rate(1, 60), Rate(3, 3600)


class WindowsTests(TestCase):
    async def setUp(self) -> None:
        self.database = Database(fresh_uri())
        self.database.open()
        await create_indexes(self.database)
        self.time = now()
        self.windows = Windows(self.database, self.clock)

    async def tearDown(self) -> None:
        await close(self.database)

    def clock(self) -> Moment:
        return self.time

    async def hit(self, *rates: Rate, of: str = "anna", windows: Windows | None = None) -> int | None:
        """None where there was room; else the seconds to wait."""
        try:
            await (windows or self.windows).hit("sms", of, rates)
        except TooManyRequests as error:
            return error.after
        return None

    async def test_full(self) -> None:
        """So many have room, each by themselves; the refusal tells when there is room again, and then there is."""
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
        other = Windows(self.database, self.clock)
        await self.hit(HOUR)
        await self.hit(HOUR, windows=other)
        await self.hit(HOUR)

        self.assertEqual(3600, await self.hit(HOUR, windows=other))

    async def test_at_once(self) -> None:
        """Of many at the same time, as many have room as there is."""
        hits = await gatherResults([Deferred.fromCoroutine(self.hit(HOUR)) for _ in range(20)])

        self.assertEqual(3, hits.count(None))

    async def test_several_rates(self) -> None:
        """All rates hold; what one refuses, the others have not counted."""
        self.assertIsNone(await self.hit(HOUR, MINUTE))
        self.assertEqual([60, 60, 60], [await self.hit(HOUR, MINUTE) for _ in range(3)])

        for _ in range(2):
            self.time += timedelta(minutes=1)
            self.assertIsNone(await self.hit(HOUR, MINUTE))
        self.time += timedelta(minutes=1)
        self.assertEqual(3600 - 180, await self.hit(HOUR, MINUTE))

    async def test_give_back(self) -> None:
        """What is given back has room again."""
        for _ in range(3):
            await self.hit(HOUR)

        await self.windows.give_back("sms", "anna", [HOUR])

        self.assertEqual([None, 3600], [await self.hit(HOUR) for _ in range(2)])

    async def test_forget(self) -> None:
        """After forget() all have room again."""
        for _ in range(3):
            await self.hit(HOUR)

        await self.windows.forget("sms", "anna", [HOUR])

        self.assertEqual([None, None, None, 3600], [await self.hit(HOUR) for _ in range(4)])
