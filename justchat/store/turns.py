"""Turns: reads that take long are few at a time, so that the database has time for everybody else's writes."""

from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from justchat.errors import TooManyRequests

WAITING = 200
"""More than so many in all wait for nothing: the next is told to come later."""
PATIENCE = 4.0
"""Seconds that a turn is waited for."""
NAME = "searches"


class Turns:
    """``at_once`` are under way in all; one user has ``of_one``, under way and waiting. Users take turns, so that one
    with many waits for themselves.
    """

    def __init__(self, reactor: IReactorTime, at_once: int, of_one: int) -> None:
        self._reactor = reactor
        self.at_once = self._free = at_once
        self._of_one = of_one
        self._held: dict[str, int] = {}
        """By user, those that are under way and those that wait."""
        self._waiting: OrderedDict[str, deque[Deferred[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncIterator[None]:
        """Raises TooManyRequests where the user has too many already, or nothing was free in time."""
        if self._held.get(user, 0) >= self._of_one or sum(map(len, self._waiting.values())) >= WAITING:
            raise self._refusal()
        self._held[user] = self._held.get(user, 0) + 1
        try:
            await self._take(user)
            try:
                yield
            finally:
                self._give_on()
        finally:
            self._held[user] -= 1
            if not self._held[user]:
                del self._held[user]

    async def _take(self, user: str) -> None:
        if self._free:
            self._free -= 1
            return
        waiter: Deferred[None] = Deferred()
        self._waiting.setdefault(user, deque()).append(waiter)
        lateness = self._reactor.callLater(PATIENCE, self._too_late, user, waiter)
        try:
            await waiter
        finally:
            if lateness.active():
                lateness.cancel()

    def _too_late(self, user: str, waiter: "Deferred[None]") -> None:
        self._waiting[user].remove(waiter)
        if not self._waiting[user]:
            del self._waiting[user]
        waiter.errback(self._refusal())

    def _give_on(self) -> None:
        """Of all users who wait, the one who was served longest ago is next."""
        if not self._waiting:
            self._free += 1
            return
        user, waiters = self._waiting.popitem(last=False)
        waiter = waiters.popleft()
        if waiters:
            self._waiting[user] = waiters
        waiter.callback(None)

    def _refusal(self) -> TooManyRequests:
        return TooManyRequests(NAME, self._of_one, 1, 1)
