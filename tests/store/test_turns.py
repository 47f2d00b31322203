"""Slow reads take turns on separate connections, and end in time."""

from typing import Any

from bson import ObjectId, encode
from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from justchat.errors import DatabaseAway, TooManyRequests
from justchat.store import slow_reads
from justchat.store.mongo import client as database_client
from justchat.store.mongo.client import Database
from justchat.store.slow_reads import SlowReads
from tests.support.mongo import discard, fresh_uri


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.slow_reads = SlowReads(self.clock, at_once=2, per_user=3)
        self.began: list[str] = []
        self.taken: list[object] = []
        """A search that nobody holds is collected as garbage, and ends."""

    def take(self, user: str) -> "tuple[Deferred[None], Deferred[None]]":
        """A search of a user: what ends it, and its outcome."""
        end: Deferred[None] = Deferred()

        async def search() -> None:
            async with self.slow_reads.slot(user):
                self.began.append(user)
                await end

        outcome = ensureDeferred(search())
        self.taken.append((end, outcome))
        return end, outcome

    def test_at_once(self) -> None:
        """A bounded number of reads run; the next begins when one ends."""
        ends = [self.take(user)[0] for user in "abc"]
        self.assertEqual(["a", "b"], self.began)

        ends[0].callback(None)

        self.assertEqual(["a", "b", "c"], self.began)

    def test_of_one(self) -> None:
        """A user has a bounded number of reads, running and waiting; one more is refused, and others' are not."""
        taken = [self.take("a") for _ in range(3)]

        self.failureResultOf(self.take("a")[1], TooManyRequests)
        self.assertNoResult(self.take("b")[1])
        taken[0][0].callback(None)
        self.assertNoResult(self.take("a")[1])

    def test_in_turn(self) -> None:
        """A user with many reads delays only their own: others are served in between."""
        ends = [self.take(user)[0] for user in "aaabb"]
        ends[0].callback(None)
        ends[1].callback(None)

        self.assertEqual(["a", "a", "a", "b"], self.began)
        ends[2].callback(None)
        self.take("a")
        ends[3].callback(None)
        self.assertEqual(["a", "a", "a", "b", "b", "a"], self.began)

    def test_too_late(self) -> None:
        """A read that has waited too long is refused, and holds nothing."""
        ends = [self.take(user)[0] for user in "ab"]
        waiting = self.take("c")[1]

        self.clock.advance(slow_reads.SLOT_TIMEOUT)

        self.assertEqual(1, self.failureResultOf(waiting, TooManyRequests).value.after)
        for end in ends:
            end.callback(None)
        self.assertEqual(["a", "b"], self.began)
        self.take("c")
        self.assertEqual(["a", "b", "c"], self.began)

    def test_waiting(self) -> None:
        """The number of waiting reads is bounded."""
        self.patch(slow_reads, "MAX_WAITING", 1)
        for user in "abc":
            self.take(user)

        self.failureResultOf(self.take("d")[1], TooManyRequests)


class Lanes(TestCase):
    async def setUp(self) -> None:
        self.uri = fresh_uri()
        self.database = Database(self.uri, SlowReads(reactor, 1, 10))
        self.database.open()
        await self.database.insert("slow", {"_id": ObjectId()})

    async def tearDown(self) -> None:
        await discard(self.database)

    async def sleep(self, seconds: float, slow: str | None = None) -> int:
        """A read that takes ``seconds``."""
        query = {"$where": f"sleep({seconds * 1000}) || true"}
        return len(await self.database.find("slow", query, limit=1, slow=slow))

    async def test_log(self) -> None:
        """Inserts of the log wait for no read, however many are slow."""
        reads = [ensureDeferred(self.sleep(1.5, slow)) for slow in (*[None] * 4, "anna", "anna")]
        await deferLater(reactor, 0.05)

        await self.database.insert_many(
            "log", [encode({"_id": ObjectId(), "stream": ObjectId(), "seq": 1})], ordered=True
        )

        self.assertEqual([False] * 6, [read.called for read in reads])
        await gatherResults(reads)

    async def test_ordinary(self) -> None:
        """Ordinary reads do not wait for slow ones."""
        reads = [ensureDeferred(self.sleep(1.0, "anna")) for _ in range(3)]
        await deferLater(reactor, 0.05)

        await self.database.find_one("slow", {})

        self.assertEqual([False] * 3, [read.called for read in reads])
        await gatherResults(reads)

    async def test_given_up(self) -> None:
        """The database itself ends a read that takes too long."""
        self.patch(database_client, "READ_TIMEOUT", 0.1)

        with self.assertRaises(DatabaseAway):
            await self.sleep(30.0)

        with MongoClient[dict[str, Any]](self.uri) as client:
            under_way = client["admin"].aggregate(
                [{"$currentOp": {}}, {"$match": {"command.filter.$where": {"$exists": 1}}}]
            )
            self.assertEqual([], list(under_way))
