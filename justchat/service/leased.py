"""Periodic work that one of several daemons does for all."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from justchat.errors import ApiError
from justchat.service.lifecycle import PeriodicService
from justchat.store.lease import Lease


class LeasedService(PeriodicService):
    """A PeriodicService that releases ``lease`` when it stops, so that another daemon can go on at once.

    Its work acquires and renews the lease. It is None where nobody shares the database.
    """

    def __init__(
        self, name: str, interval: float, work: Callable[[], Any], lease: Lease | None, reactor: IReactorTime
    ) -> None:
        super().__init__(name, interval, work, reactor)
        self._lease = lease

    def stopService(self) -> "Deferred[None]":
        """The Deferred fires when the round under way has ended, all is finished, and the lease is released."""
        return Deferred.fromCoroutine(self._end(super().stopService()))

    async def _end(self, last_round: "Deferred[Any] | None") -> None:
        if last_round is not None:
            await last_round
        with suppress(ApiError):  # the database is away: the lease ends by itself
            await self._before_release()
            if self._lease is not None:
                await self._lease.release()

    async def _before_release(self) -> None:
        """What is to be done between the last round and the release. May raise DatabaseAway."""
