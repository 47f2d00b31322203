"""Rounds: work that is done for many at once."""

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure


class Rounds:
    """One round of ``work`` is under way at a time; who comes meanwhile shares the next."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: list[Deferred[None]] = []
        self.busy = False

    async def next(self) -> None:
        """Returns when a round has ended that began after this was called; raises what it raised."""
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if not self.busy:
            self.busy = True
            ensureDeferred(self._go_round())
        await waiter

    async def _go_round(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            outcome: Failure | None = None
            try:
                await self._work()
            except Exception:
                outcome = Failure()
            for waiter in waiting:
                waiter.callback(outcome)  # a Failure given to callback() is an errback
        self.busy = False
