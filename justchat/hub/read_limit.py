"""Bounds the reads that are under way at once."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import DeferredSemaphore

T = TypeVar("T")


class ReadLimit:
    """Runs at most so many reads at once; the others wait for their turn, and do not begin in the frames of each other.

    Twisted's semaphore starts the next one within ``release``. A read that memory answers ends at once, and releases
    there: some hundred in a row, as when many sockets are bound at the same moment, are too deep for Python.
    """

    def __init__(self, most: int) -> None:
        self._semaphore = DeferredSemaphore(most)
        self._released = 0
        self._is_releasing = False

    async def run(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read, when it is its turn. Raises what ``read`` raises."""
        await self._semaphore.acquire()
        try:
            return await read()
        finally:
            self._release()

    def _release(self) -> None:
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
