"""The load of the daemons, in MongoDB: what several processes add to one minute, and what readers get."""

from datetime import UTC, datetime, timedelta

from attrs import evolve
from twisted.trial.unittest import TestCase

from justchat.metrics.declarations import SECONDS
from justchat.model.load import LoadPoint
from justchat.store.indexes import create_indexes
from justchat.store.load import LoadStore
from justchat.store.mongo.client import Database
from tests.support.mongo import discard, empty_uri

BEGIN = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def batches(*buckets: int) -> tuple[int, ...]:
    """One batch in each of these buckets."""
    return tuple(buckets.count(n) for n in range(len(SECONDS) + 1))


def a_point(minute: int, sockets: int, entries: int, *buckets: int, errors: int = 0) -> LoadPoint:
    return LoadPoint(
        at=BEGIN + minute * MINUTE, sockets=sockets, entries=entries, errors=errors, batches=batches(*buckets)
    )


class Loads(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(lambda: discard(self.database))
        await create_indexes(self.database)
        self.load = LoadStore(self.database)

    async def test_of_several(self) -> None:
        """What processes add to one minute is added up."""
        await self.load.add([a_point(0, 3, 10, 0, 0, 5, errors=1)])
        await self.load.add([a_point(0, 4, 20, 5, 12), a_point(1, 4, 0)])

        one, two = await self.load.minutes(BEGIN)

        self.assertEqual(a_point(0, 7, 30, 0, 0, 5, 5, 12, errors=1), one)
        self.assertEqual(a_point(1, 4, 0), two)
        self.assertEqual([two], await self.load.minutes(BEGIN + MINUTE))

    async def test_repeated(self) -> None:
        """What is added again, since the answer was lost, is there once, whatever others have added meanwhile."""
        points = [a_point(0, 3, 10, 0), a_point(1, 3, 5, errors=1)]
        await self.load.add(points)
        await self.load.add([a_point(0, 4, 20, 5)])

        await self.load.add([*points, a_point(2, 1, 1)])

        self.assertEqual(
            [a_point(0, 7, 30, 0, 5), a_point(1, 3, 5, errors=1), a_point(2, 1, 1)], await self.load.minutes(BEGIN)
        )

    async def test_slots(self) -> None:
        """Ten minutes are one point: what happened is added up, and sockets are those of its minutes on average."""
        points = [a_point(minute, minute, 1, minute % 3, errors=minute % 2) for minute in range(8, 12)]
        await self.load.add(points)

        first, second = await self.load.slots(BEGIN)

        self.assertEqual(evolve(a_point(0, 0, 2, 2, 0, errors=1), sockets=8.5), first)
        self.assertEqual(evolve(a_point(10, 0, 2, 1, 2, errors=1), sockets=10.5), second)
        self.assertEqual([second], await self.load.slots(BEGIN + 10 * MINUTE))
