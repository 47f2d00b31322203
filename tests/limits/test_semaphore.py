"""Semaphores that many wait for."""

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, gatherResults, succeed
from twisted.trial.unittest import SynchronousTestCase

from justchat.limits.semaphore import Semaphore, SemaphoreByOwner

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


class LimitedByOwner(SynchronousTestCase):
    def test_owners(self) -> None:
        """Each owner's work is bounded on its own, and nothing is kept once it is done."""
        limit = SemaphoreByOwner(1)
        works: list[Deferred[str]] = [Deferred() for _ in range(3)]
        begun: list[int] = []

        def work(number: int) -> Deferred[str]:
            begun.append(number)
            return works[number]

        outcomes = [
            ensureDeferred(limit.run(owner, lambda number=number: work(number)))
            for number, owner in enumerate(("anna", "anna", "boris"))
        ]

        self.assertEqual([0, 2], begun)
        works[0].errback(ValueError())
        self.failureResultOf(outcomes[0], ValueError)
        self.assertEqual([0, 2, 1], begun)
        self.assertEqual(2, len(limit))
        works[1].callback("a")
        works[2].callback("b")
        self.assertEqual(["a", "b"], [self.successResultOf(outcome) for outcome in outcomes[1:]])
        self.assertEqual(0, len(limit))

    def test_many_that_wait(self) -> None:
        """However many wait, each has its turn; who gives it up takes none from the others."""
        limit = SemaphoreByOwner(1)
        first: Deferred[int] = Deferred()
        one = ensureDeferred(limit.run("anna", lambda: first))
        turns = [ensureDeferred(limit.run("anna", lambda number=number: succeed(number))) for number in range(MANY)]
        turns[1].cancel()
        self.failureResultOf(turns.pop(1), CancelledError)

        first.callback(0)

        self.assertEqual(0, self.successResultOf(one))
        self.assertEqual([0, *range(2, MANY)], [self.successResultOf(turn) for turn in turns])
        self.assertEqual(0, len(limit))
