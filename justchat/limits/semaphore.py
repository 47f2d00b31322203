"""A semaphore that any number may wait for."""

from collections.abc import Awaitable, Callable
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
