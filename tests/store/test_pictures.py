"""Picture records: orphans are found and no others, and bytes a day are limited across daemons."""

from datetime import timedelta

from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.trial.unittest import TestCase

from justchat.errors import TooManyRequests
from justchat.model.moment import Moment, now
from justchat.store.indexes import create_indexes
from justchat.store.mongo.client import Database
from justchat.store.pictures import RETAKEN, PictureRecords
from tests.support.mongo import discard, empty_uri

DAY = timedelta(days=1)


class Records(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(lambda: ensureDeferred(discard(self.database)))
        await create_indexes(self.database)
        self.time = now()
        self.ours, self.theirs = self.records("ours"), self.records("theirs")

    def records(self, folder: str) -> PictureRecords:
        return PictureRecords(self.database, self.clock, folder)

    def clock(self) -> Moment:
        return self.time

    async def orphans(self, records: PictureRecords, limit: int = 10) -> list[str]:
        return await records.take_orphans(self.time - DAY, limit)

    async def test_orphans(self) -> None:
        """An orphan is returned after a day, once, to the daemon whose folder has it."""
        for stem in "abcde":
            await self.ours.add(stem * 32, None, 1)
        await self.theirs.add("f" * 32, None, 1)
        await self.theirs.refer(["b" * 32, "9" * 32])  # a message at another daemon

        self.assertEqual([], await self.orphans(self.ours))
        self.time += DAY + timedelta(seconds=1)
        await self.ours.add("0" * 32, None, 1)
        await self.ours.refer(["c" * 32])

        found = await self.orphans(self.ours, 2) + await self.orphans(self.ours, 2)
        self.assertEqual(["a" * 32, "d" * 32, "e" * 32], sorted(found))
        self.assertEqual([], await self.orphans(self.ours))

    async def test_half_removed(self) -> None:
        """An orphan whose removal failed is returned again, and until it is forgotten nothing can refer to it."""
        await self.ours.add("a" * 32, None, 1)
        self.time += DAY + timedelta(seconds=1)
        self.assertEqual(["a" * 32], await self.orphans(self.ours))

        await self.ours.refer(["a" * 32])
        self.time += RETAKEN - timedelta(seconds=1)
        self.assertEqual([], await self.orphans(self.ours))
        self.time += timedelta(seconds=2)
        self.assertEqual(["a" * 32], await self.orphans(self.ours))
        await self.ours.forget("a" * 32)
        self.time += RETAKEN + timedelta(seconds=1)

        self.assertEqual([], await self.orphans(self.ours))
        self.assertFalse(await self.ours.has("a" * 32))

    async def test_shared(self) -> None:
        """An orphan in a shared store is returned to one daemon; one in its former folder to that daemon alone."""
        here, there = (PictureRecords(self.database, self.clock, "gridfs", each) for each in ("ours", "theirs"))
        await self.ours.add("a" * 32, None, 1)
        await here.add("b" * 32, None, 1)
        self.time += DAY + timedelta(seconds=1)

        found = [await self.orphans(each) for each in (there, here, there)]

        self.assertEqual([["b" * 32], ["a" * 32], []], found)

    async def test_plan(self) -> None:
        """Orphans of two places are read in the order of an index."""
        shared = PictureRecords(self.database, self.clock, "gridfs", "ours")
        await self.ours.add("a" * 32, None, 1)
        await self.database.command({"profile": 2})

        await shared.take_orphans(self.time, 10)

        await self.database.command({"profile": 0})
        (find,) = await self.database.find("system.profile", {"command.find": "pictures"}, limit=10)
        self.assertNotIn("COLLSCAN", find["planSummary"])
        self.assertNotIn("hasSortStage", find)

    async def test_moved(self) -> None:
        """A picture that moves to another store keeps its references; one without a record is kept from now on."""
        shared = PictureRecords(self.database, self.clock, "gridfs", "theirs")
        await self.ours.add("a" * 32, None, 1)
        for stem in "ab":
            await shared.adopt(stem * 32, 1)
        self.time += DAY + timedelta(seconds=1)

        self.assertTrue(await shared.has("b" * 32))
        self.assertEqual(["a" * 32], await self.orphans(shared))

    async def test_again(self) -> None:
        """A picture that is uploaded again under the same key stays kept."""
        await self.ours.add("a" * 32, None, 1)
        await self.ours.refer(["a" * 32])
        await self.ours.add("a" * 32, None, 1)
        self.time += 2 * DAY

        self.assertEqual([], await self.orphans(self.ours))

    async def test_bytes(self) -> None:
        """Of many simultaneous uploads at two daemons as many as fit are accepted; the next day others fit."""
        takers = [self.ours, self.theirs] * 10
        taking = [ensureDeferred(each.take_bytes("bytes", "anna", 1000, 100)) for each in takers]
        refused = []
        for each in taking:
            each.addErrback(lambda failure: refused.append(failure.trap(TooManyRequests)))
        await gatherResults(taking)

        self.assertEqual(10, len(refused))
        await self.ours.take_bytes("bytes", "boris", 1000, 1000)
        await self.assertFailure(ensureDeferred(self.ours.take_bytes("bytes", "clara", 1000, 1001)), TooManyRequests)
        await self.ours.add_bytes("bytes", "anna", -100)
        await self.ours.take_bytes("bytes", "anna", 1000, 100)
        self.time += DAY
        await self.ours.take_bytes("bytes", "anna", 1000, 100)
