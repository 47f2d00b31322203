"""A semaphore that many wait for."""

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults, succeed
from twisted.trial.unittest import SynchronousTestCase

from justchat.limits.semaphore import Semaphore

MANY = 2000
"""More than Python has frames for."""


class Limited(SynchronousTestCase):
    def test_bound(self) -> None:
        """As many reads are under way as it allows; the next begins when one ends, whether it fails or not."""
        limit = Semaphore(2)
        reads: list[Deferred[int]] = [Deferred() for _ in range(4)]
        begun: list[int] = []

        def read(number: int) -> Deferred[int]:
            begun.append(number)
            return reads[number]

        outcomes = [ensureDeferred(limit.run(lambda number=number: read(number))) for number in range(4)]

        self.assertEqual([0, 1], begun)
        reads[1].errback(ValueError())
        self.failureResultOf(outcomes[1], ValueError)
        self.assertEqual([0, 1, 2], begun)
        for number in (0, 2, 3):
            reads[number].callback(number)
            self.assertEqual(number, self.successResultOf(outcomes[number]))
        self.assertEqual([0, 1, 2, 3], begun)

    def test_many_that_wait(self) -> None:
        """However many wait, and end at once when it is their turn, each has its answer, and nothing stays taken."""
        limit = Semaphore(1)
        first: Deferred[int] = Deferred()
        one = ensureDeferred(limit.run(lambda: first))
        answers = gatherResults(
            [ensureDeferred(limit.run(lambda number=number: succeed(number))) for number in range(MANY)]
        )

        first.callback(0)

        self.assertEqual(0, self.successResultOf(one))
        self.assertEqual(list(range(MANY)), self.successResultOf(answers))
        self.assertEqual(1, self.successResultOf(ensureDeferred(limit.run(lambda: succeed(1)))))
