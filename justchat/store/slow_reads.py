"""Slots for slow reads: few run at a time, so that the database has time for everybody else's writes."""

from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from justchat.errors import TooManyRequests
from justchat.metrics.declarations import RATE_REFUSALS

MAX_WAITING = 200
"""With this many waiting in all, the next raises TooManyRequests."""
SLOT_TIMEOUT = 4.0
"""Seconds that a read waits for a slot."""
NAME = "searches"
"""The name of the limit in errors."""


class SlowReads:
    """Gives ``at_once`` slots, fairly: of the users who wait, the one served longest ago is next.

    One user has at most ``per_user`` reads, running and waiting.
    """

    def __init__(self, reactor: IReactorTime, at_once: int, per_user: int) -> None:
        self._reactor = reactor
        self.at_once = self._free = at_once
        self._per_user = per_user
        self._held: dict[str, int] = {}
        """By user, the reads that run and those that wait."""
        self._waiting: OrderedDict[str, deque[Deferred[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many reads wait for a slot."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def slot(self, user: str) -> AsyncIterator[None]:
        """Hold a slot. Raises TooManyRequests where the user has too many reads, or no slot was free in time."""
        if self._held.get(user, 0) >= self._per_user or self.waiting >= MAX_WAITING:
            raise self._refusal()
        self._held[user] = self._held.get(user, 0) + 1
        try:
            await self._acquire(user)
            try:
                yield
            finally:
                self._release()
        finally:
            self._held[user] -= 1
            if not self._held[user]:
                del self._held[user]

    async def _acquire(self, user: str) -> None:
        if self._free:
            self._free -= 1
            return
        waiter: Deferred[None] = Deferred()
        self._waiting.setdefault(user, deque()).append(waiter)
        timeout = self._reactor.callLater(SLOT_TIMEOUT, self._time_out, user, waiter)
        try:
            await waiter
        finally:
            if timeout.active():
                timeout.cancel()

    def _time_out(self, user: str, waiter: "Deferred[None]") -> None:
        self._waiting[user].remove(waiter)
        if not self._waiting[user]:
            del self._waiting[user]
        waiter.errback(self._refusal())

    def _release(self) -> None:
        """Give the slot to the user who was served longest ago."""
        if not self._waiting:
            self._free += 1
            return
        user, waiters = self._waiting.popitem(last=False)
        waiter = waiters.popleft()
        if waiters:
            self._waiting[user] = waiters
        waiter.callback(None)

    def _refusal(self) -> TooManyRequests:
        RATE_REFUSALS.count(NAME)
        return TooManyRequests(NAME, self._per_user, 1, 1)
