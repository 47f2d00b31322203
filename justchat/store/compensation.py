"""Compensation: undoes a write, or a write that may have happened, of a call that then failed."""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import Unavailable

RETRY_INTERVAL = 0.5
"""Seconds between two tries."""
MAX_RETRIES = 7200
SETTLING_TIME = 6.0
"""Seconds after which a database that answers again has carried out every operation that was sent to it before."""
MAX_WAITING = 10_000
"""Compensations that wait for the database at most. Further writes are not undone; they expire."""


class Compensator:
    """Undoes at once, or later where the database is away. An ``undo`` may be called more than once."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting = 0

    async def compensate(self, undo: Callable[[], Awaitable[None]]) -> None:
        """Raises nothing, but for a fault of ``undo``."""
        try:
            await undo()
        except Unavailable:
            if self._waiting < MAX_WAITING:
                self._waiting += 1
                later = Deferred.fromCoroutine(self._retry(undo))
                later.addErrback(lambda failure: self._log.failure("a write of a failed call is not undone", failure))

    async def _retry(self, undo: Callable[[], Awaitable[None]]) -> None:
        try:
            for _ in range(MAX_RETRIES):
                await deferLater(self._reactor, RETRY_INTERVAL)
                try:
                    await undo()
                    # The database may carry out the write itself only now.
                    await deferLater(self._reactor, SETTLING_TIME)
                    return await undo()
                except Unavailable:
                    continue
        finally:
            self._waiting -= 1
