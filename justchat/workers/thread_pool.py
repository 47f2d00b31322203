"""Work that would hold the reactor: done in threads, a bounded amount of it."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from twisted.internet import reactor
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from justchat.errors import Busy

T = TypeVar("T")
NICENESS = 10
"""Of the threads: what they do can wait, and must not keep the reactor's own from a core that they share."""


class BoundedThreadPool:
    """Threads for work of one kind: ``threads`` of them, and at most ``waiting`` pieces of work at once."""

    def __init__(self, name: str, *, threads: int, waiting: int) -> None:
        self._pool = ThreadPool(0, threads, name)
        self._waiting = waiting
        self._at_work = 0

    def start(self) -> None:
        self._pool.start()

    def stop(self) -> None:
        """Returns when what is at work is done."""
        self._pool.stop()

    async def run(self, work: Callable[[], T]) -> T:
        """The result of the work. Raises Busy when too much is waiting already."""
        if self._at_work >= self._waiting:
            raise Busy
        self._at_work += 1
        try:
            return await deferToThreadPool(reactor, self._pool, _nicely, work)  # type: ignore[arg-type]
        finally:
            self._at_work -= 1


def _nicely(work: Callable[[], T]) -> T:
    # On Linux this is the calling thread's alone (setpriority(2), "C library/kernel differences"). Where a container or
    # a unit of systemd's does not allow it, the work is done all the same.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    return work()
