"""Semaphores that any number may wait for: one, or one for each owner."""

from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from twisted.internet.defer import Deferred, DeferredSemaphore

T = TypeVar("T")


class Semaphore:
    """Lets ``most`` work at once; the others wait for their turn, and do not begin in the frames of each other.

    Twisted's semaphore starts the next one within ``release``. Work that ends at once, as a read that memory answers,
    releases there: some hundred in a row, as when many sockets are bound at the same moment, are too deep for Python.
    """

    def __init__(self, most: int) -> None:
        self._semaphore = DeferredSemaphore(most)
        self._released = 0
        self._is_releasing = False

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._semaphore.waiting)

    @property
    def is_free(self) -> bool:
        """Whether nobody works."""
        return self._semaphore.tokens == self._semaphore.limit and not self._released

    def acquire(self) -> "Deferred[DeferredSemaphore]":
        """Wait for a turn. Who cancels the result gives it up."""
        return self._semaphore.acquire()

    def release(self) -> None:
        """End a turn."""
        self._released += 1
        if self._is_releasing:
            return  # the call under way goes on with it
        self._is_releasing = True
        try:
            while self._released:
                self._released -= 1
                self._semaphore.release()
        finally:
            self._is_releasing = False

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Work when it is its turn. Raises what ``work`` raises."""
        await self._semaphore.acquire()
        try:
            return await work()
        finally:
            self.release()


class SemaphoreByOwner:
    """Lets ``most`` of each owner's work at once. It keeps nothing of owners for whom nothing is done."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._working: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[Deferred[None]]] = {}
        self._ended: deque[Hashable] = deque()
        """The owners of ended turns that are not passed on yet."""
        self._is_passing = False

    def __len__(self) -> int:
        """For how many owners something is done."""
        return len(self._working)

    async def run(self, owner: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Work when it is this owner's turn. Raises what ``work`` raises. Who cancels the wait gives the turn up."""
        working = self._working.get(owner, 0)
        if working < self._most:
            self._working[owner] = working + 1
        else:
            waiting = self._waiting.setdefault(owner, deque())
            turn: Deferred[None] = Deferred(waiting.remove)
            waiting.append(turn)
            await turn
        try:
            return await work()
        finally:
            self._pass_on(owner)

    def _pass_on(self, owner: Hashable) -> None:
        self._ended.append(owner)
        if self._is_passing:
            return  # the call under way goes on with it, as in Semaphore
        self._is_passing = True
        try:
            while self._ended:
                self._pass(self._ended.popleft())
        finally:
            self._is_passing = False

    def _pass(self, owner: Hashable) -> None:
        waiting = self._waiting.get(owner)
        if waiting:
            waiting.popleft().callback(None)
            return
        if waiting is not None:
            del self._waiting[owner]
        self._working[owner] -= 1
        if not self._working[owner]:
            del self._working[owner]
