"""What a process says of its load: each minute once, and the rest when it stops."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from justchat.errors import DatabaseAway
from justchat.interfaces.load import ILoad
from justchat.metrics.declarations import FAILURES, LOG_ENTRIES, LOG_SECONDS, SECONDS
from justchat.model.load import LoadPoint
from justchat.model.moment import Moment
from justchat.service.load import KEPT, LOOKS_EVERY, LoadService

BEGIN = datetime(2026, 11, 27, 12, 0, 30, tzinfo=UTC)


@implementer(ILoad)
class Said:
    """What was added, while the database is there. Nobody reads it."""

    def __init__(self) -> None:
        self.points: list[LoadPoint] = []
        self.is_away = False
        self.loses_answers = False

    async def add(self, points: Sequence[LoadPoint]) -> None:
        if self.is_away:
            raise DatabaseAway
        self.points += points
        if self.loses_answers:
            raise DatabaseAway

    async def minutes(self, since: Moment) -> list[LoadPoint]:
        raise NotImplementedError

    async def slots(self, since: Moment) -> list[LoadPoint]:
        raise NotImplementedError


class Minutes(TestCase):
    def setUp(self) -> None:
        self.reactor, self.said, self.sockets = Clock(), Said(), 3
        self.service = LoadService(self.said, lambda: self.sockets, self.now, self.reactor)
        self.service.startService()
        self.addCleanup(self.service.stopService)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.reactor.seconds())

    def go_on(self, seconds: float) -> None:
        self.reactor.pump([LOOKS_EVERY] * int(seconds / LOOKS_EVERY))

    def told(self) -> list[tuple[int, int, float, int, int]]:
        """The minute, sockets, entries, errors and batches of each point."""
        return [
            (each.at.minute, int(each.sockets), each.entries, each.errors, sum(each.batches))
            for each in self.said.points
        ]

    def test_minutes(self) -> None:
        """A minute is told once it is over, with what the process has counted in it and nothing from before."""
        LOG_ENTRIES.count("rooms", by=5)
        LOG_ENTRIES.count("mailboxes", by=2)
        LOG_SECONDS.observe(0.004, "rooms")
        self.go_on(28)
        self.assertEqual([], self.told())

        self.go_on(4)
        FAILURES.count(503)
        self.sockets = 4
        self.go_on(60)

        self.assertEqual([(0, 3, 7, 0, 1), (1, 4, 0, 1, 0)], self.told())
        self.assertEqual([0] * 2 + [1] + [0] * (len(SECONDS) - 2), list(self.said.points[0].batches))

    def test_away(self) -> None:
        """While the database is away, minutes wait, so many at most; then each is told once."""
        self.said.is_away = True
        self.go_on(60 * (KEPT + 2))

        self.said.is_away = False
        self.go_on(60)

        minutes = [int((point.at - BEGIN.replace(second=0)).total_seconds() // 60) for point in self.said.points]
        self.assertEqual(list(range(minutes[0], minutes[0] + len(minutes))), minutes)
        self.assertEqual(KEPT + 2, minutes[-1])
        self.assertIn(len(minutes), (KEPT, KEPT + 1))

    def test_lost_answer(self) -> None:
        """What was added, and not confirmed, is told again under the same id, which is another one for each minute."""
        self.said.loses_answers = True
        self.go_on(32)
        self.said.loses_answers = False
        self.go_on(60)

        first, *again, second = (point.id for point in self.said.points)
        self.assertEqual({first}, set(again))
        self.assertNotEqual(first, second)

    async def test_stop(self) -> None:
        """What stops tells the rest of its minute, without sockets, which are closed by then."""
        LOG_ENTRIES.count("rooms", by=5)

        await self.service.stopService()

        self.assertEqual([(0, 0, 5, 0, 0)], self.told())
