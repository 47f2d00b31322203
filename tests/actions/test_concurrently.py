"""Work that is done at the same time ends together, and fails with its own error."""

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from justchat.actions.concurrently import all_of
from justchat.errors import Busy, DatabaseAway


class AllOf(TestCase):
    """A test fails if an error is left unhandled."""

    async def wait(self, deferred: "Deferred[int]") -> int:
        return await deferred

    def test_results(self) -> None:
        """The results come in the order of the works, whichever ends first."""
        works: list[Deferred[int]] = [Deferred(), Deferred()]
        done = ensureDeferred(all_of(map(self.wait, works)))

        works[1].callback(2)
        works[0].callback(1)

        self.assertEqual([1, 2], self.successResultOf(done))

    def test_errors(self) -> None:
        """The first error is raised as it is, once all have ended; the others are dropped."""
        works: list[Deferred[int]] = [Deferred() for _ in range(3)]
        done = ensureDeferred(all_of(map(self.wait, works)))

        works[2].errback(Busy())
        works[1].errback(DatabaseAway())
        self.assertNoResult(done)
        works[0].callback(1)

        self.failureResultOf(done, DatabaseAway)
