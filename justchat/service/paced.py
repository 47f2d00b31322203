"""Work in small steps that nobody waits for, at a pace that leaves the others' calls alone."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from justchat.errors import ApiError
from justchat.interfaces.pause import Pause, Stopping
from justchat.service.lifecycle import PeriodicService
from justchat.store.lease import LASTS, Lease

REST = 6.0
"""A pause, as a multiple of the time that the step before it took."""
LEAST, MOST = 0.02, 1.0
"""Bounds of a pause, in seconds."""
ASK_EVERY = LASTS.total_seconds() / 5
"""Seconds between two renewals of a lease, or attempts to take it."""


class PacedService(PeriodicService):
    """Calls ``work`` as a PeriodicService does, with a pause for it to wait for between its steps.

    A pause is REST times as long as the step before it took. That step waits for what the others' calls wait for, too:
    the database and its disk, the processors, the reactor. So the busier these are, the slower the work.

    Of several daemons, the holder of ``lease`` works. A round ends, as one in which the database is away does, when the
    service stops or the lease is another's, and a later one does the rest.
    """

    def __init__(
        self, name: str, interval: float, work: Callable[[Pause], Awaitable[object]], lease: Lease | None, reactor: Any
    ) -> None:
        super().__init__(name, interval, self._work_paced, reactor)
        self._paced_work = work
        self._lease = lease
        self._began = 0.0
        self._is_holder = lease is None
        self._asked = float("-inf")

    async def _work_paced(self) -> None:
        self._began = self._reactor.seconds()
        try:
            await self._hold_lease()
            await self._paced_work(self._pause)
        except (ApiError, Stopping):  # the database is away, which others log
            return

    async def _pause(self) -> None:
        took = self._reactor.seconds() - self._began
        await deferLater(self._reactor, min(max(LEAST, REST * took), MOST))
        if not self.running:
            raise Stopping
        await self._hold_lease()
        self._began = self._reactor.seconds()

    async def _hold_lease(self) -> None:
        at = self._reactor.seconds()
        if self._lease is not None and at - self._asked >= ASK_EVERY:
            self._asked, self._is_holder = at, False
            self._is_holder = await self._lease.acquire()
        if not self._is_holder:
            raise Stopping

    def stopService(self) -> "Deferred[None]":
        """The Deferred fires when the step under way has ended and the lease is released."""
        return Deferred.fromCoroutine(self._end(super().stopService()))

    async def _end(self, last_round: "Deferred[Any] | None") -> None:
        if last_round is not None:
            await last_round
        if self._lease is not None:
            with suppress(ApiError):  # the database is away: the lease ends by itself
                await self._lease.release()
