"""The time-outs of operations share one timer."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from justchat.store.mongo.timeouts import Timeouts


class TimeoutsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.timeouts = Timeouts(4.0, self.clock)

    def operation(self) -> "Deferred[int]":
        operation: Deferred[int] = Deferred()
        self.timeouts.add(operation)
        return operation

    def test_expired(self) -> None:
        """Each operation is cancelled after its own four seconds, those that are done apart."""
        first = self.operation()
        self.clock.advance(1)
        second, third = self.operation(), self.operation()
        second.callback(2)
        self.clock.advance(2.9)
        self.assertNoResult(first)

        self.clock.advance(0.2)
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(third)
        self.clock.advance(1)

        self.failureResultOf(third, CancelledError)
        self.assertEqual(2, self.successResultOf(second))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_one_timer(self) -> None:
        """However many operations begin and end, there is one timer, and none after the end."""
        for _ in range(100):
            self.operation().callback(1)
            self.clock.advance(0.01)
        self.assertEqual(1, len(self.clock.getDelayedCalls()))

        self.timeouts.stop()

        self.assertEqual([], self.clock.getDelayedCalls())
