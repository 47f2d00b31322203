"""Unread counts are cached, and never older than the last change."""

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from justchat.errors import DatabaseAway
from justchat.model.ids import Id, new_id
from justchat.store import unread_counts
from justchat.store.unread_counts import LIFETIME, Counts, UnreadCounts

ANNA, BORIS = new_id(), new_id()


class Remembered(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.under_way: list[Deferred[Counts]] = []
        self.unread = UnreadCounts(self.count, self.clock.seconds)

    async def count(self, user: Id) -> Counts:
        """The database counts; it is done when the test says so."""
        self.under_way.append(Deferred())
        return await self.under_way[-1]

    def ask(self, user: Id = ANNA) -> Deferred[Counts]:
        return ensureDeferred(self.unread.get(user))

    def counted(self, n: int) -> Counts:
        counts = {BORIS: n}
        self.under_way.pop(0).callback(counts)
        return counts

    def test_asked_again(self) -> None:
        """A cached count is not counted again."""
        first = self.ask()
        self.counted(3)

        second = self.ask()

        self.assertEqual({BORIS: 3}, self.successResultOf(first))
        self.assertEqual({BORIS: 3}, self.successResultOf(second))

    def test_changed(self) -> None:
        """After a change it is counted anew, for that user alone."""
        for user in (ANNA, BORIS):
            self.ask(user)
            self.counted(3)
        self.unread.invalidate(ANNA)

        after = self.ask(ANNA)
        other = self.ask(BORIS)

        self.counted(4)
        self.assertEqual({BORIS: 4}, self.successResultOf(after))
        self.assertEqual({BORIS: 3}, self.successResultOf(other))

    def test_changed_meanwhile(self) -> None:
        """A count during which a change came is not cached, and does not hide one that began afterwards."""
        self.ask()
        self.unread.invalidate(ANNA)
        after = self.ask()
        self.counted(3)
        self.counted(4)

        again = self.ask()

        self.assertEqual({BORIS: 4}, self.successResultOf(after))
        self.assertEqual({BORIS: 4}, self.successResultOf(again))

    def test_late(self) -> None:
        """A count during which a change came, and which ends last, is not cached either."""
        self.ask()
        self.unread.invalidate(ANNA)
        self.ask()
        self.under_way.reverse()
        self.counted(4)
        self.counted(3)

        self.assertEqual({BORIS: 4}, self.successResultOf(self.ask()))

    def test_failed(self) -> None:
        """Nothing is cached while the database is away."""
        failed = self.ask()
        self.under_way.pop().errback(DatabaseAway())
        self.failureResultOf(failed, DatabaseAway)

        again = self.ask()

        self.counted(3)
        self.assertEqual({BORIS: 3}, self.successResultOf(again))

    def test_old(self) -> None:
        """A write whose outcome is unknown shows after a while."""
        self.ask()
        self.counted(3)
        self.clock.advance(LIFETIME)

        again = self.ask()

        self.counted(4)
        self.assertEqual({BORIS: 4}, self.successResultOf(again))

    def test_shared(self) -> None:
        """With other daemons on the database, which change counts unnoticed, none is cached."""
        self.unread = UnreadCounts(self.count, self.clock.seconds, 0.0)
        self.ask()
        self.counted(3)

        again = self.ask()

        self.counted(4)
        self.assertEqual({BORIS: 4}, self.successResultOf(again))

    def test_bounds(self) -> None:
        """Memory is bounded: the least recently used user is dropped, and counts by very many authors are not kept."""
        self.patch(unread_counts, "MAX_USERS", 2)
        self.patch(unread_counts, "MAX_AUTHORS", 1)
        self.unread = UnreadCounts(self.count, self.clock.seconds)
        for user in (new_id(), ANNA, BORIS):
            self.ask(user)
            self.counted(1)
        popular = new_id()
        self.ask(popular)
        self.under_way.pop().callback({ANNA: 1, BORIS: 1})

        self.assertEqual([ANNA, BORIS], list(self.unread._kept))
