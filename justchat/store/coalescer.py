"""Coalesces calls: work that is done for many callers at once."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure


class Coalescer:
    """Runs ``work`` once at a time; callers who arrive during a run share the next."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: list[Deferred[None]] = []
        self.is_running = False

    async def run(self) -> None:
        """Returns when a run has ended that began after this was called; raises what it raised."""
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if not self.is_running:
            self.is_running = True
            ensureDeferred(self._run_all())
        await waiter

    async def _run_all(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            outcome: Failure | None = None
            try:
                await self._work()
            except Exception:
                outcome = Failure()
            for waiter in waiting:
                waiter.callback(outcome)  # a Failure given to callback() is an errback
        self.is_running = False


async def wait_at_most(seconds: float, work: Coroutine[Any, Any, None], reactor: IReactorTime) -> None:
    """Do work that handles its own errors. Returns when it is done or, while it goes on, after ``seconds``."""
    waited: Deferred[None] = Deferred()
    ensureDeferred(work).addBoth(lambda _: None if waited.called else waited.callback(None))
    await waited.addTimeout(seconds, reactor, lambda *_: None)
