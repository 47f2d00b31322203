"""The time-outs of operations: one timer does for all, since each begins after the ones before it.

A timer for each would be set and cancelled at every operation, which took a tenth of a lone message's time.
"""

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Timeouts:
    """Cancels operations that take longer than ``seconds``."""

    def __init__(self, seconds: float, reactor: IReactorTime) -> None:
        self._seconds = seconds
        self._reactor = reactor
        self._pending: deque[tuple[float, Deferred[Any]]] = deque()
        """Operations, and when they time out; those at the start are not done, as far as that has been looked at."""
        self._timer: IDelayedCall | None = None

    def add(self, operation: "Deferred[Any]") -> None:
        """An operation begins."""
        self._forget_done()
        self._pending.append((self._reactor.seconds() + self._seconds, operation))
        if self._timer is None:
            self._timer = self._reactor.callLater(self._seconds, self._expire)

    def _forget_done(self) -> None:
        pending = self._pending
        while pending and pending[0][1].called:
            pending.popleft()

    def _expire(self) -> None:
        self._timer = None
        now = self._reactor.seconds()
        expired: list[Deferred[Any]] = []
        while self._pending and self._pending[0][0] <= now:
            expired.append(self._pending.popleft()[1])
        self._forget_done()
        if self._pending:
            self._timer = self._reactor.callLater(self._pending[0][0] - now, self._expire)
        for operation in expired:
            operation.cancel()  # does nothing to one that is done

    def stop(self) -> None:
        """No operation begins any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
