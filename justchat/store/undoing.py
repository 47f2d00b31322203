"""Undoing what was written, or may have been, for a call that then came to nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import Unavailable

EVERY = 0.5
"""Seconds between two tries."""
TRIES = 7200
LATE = 6.0
"""Seconds after which a database that answers again has carried out all that it was told before."""
WAITING = 10_000
"""As many are undone later at once; what is more stays as it is, and ends by itself."""


class Undoing:
    """Undoes at once, or later where the database is away. What undoes may be called more than once."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting = 0

    async def undo(self, undoing: Callable[[], Awaitable[None]]) -> None:
        """Raises nothing, but for a fault of ``undoing``."""
        try:
            await undoing()
        except Unavailable:
            if self._waiting < WAITING:
                self._waiting += 1
                later = Deferred.fromCoroutine(self._keep_trying(undoing))
                later.addErrback(lambda failure: self._log.failure("what came to nothing is not undone", failure))

    async def _keep_trying(self, undoing: Callable[[], Awaitable[None]]) -> None:
        try:
            for _ in range(TRIES):
                await deferLater(self._reactor, EVERY)
                try:
                    await undoing()
                    # The write itself may be carried out only now.
                    await deferLater(self._reactor, LATE)
                    return await undoing()
                except Unavailable:
                    continue
        finally:
            self._waiting -= 1
