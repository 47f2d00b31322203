"""Work that would block the reactor, in a bounded pool of threads."""

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
"""Of the threads, so that they yield a shared core to the reactor thread."""


class BoundedThreadPool:
    """At most ``threads`` threads for one kind of work, and at most ``waiting`` pieces of work at once."""

    def __init__(self, name: str, *, threads: int, waiting: int) -> None:
        self._pool = ThreadPool(0, threads, name)
        self._waiting = waiting
        self._in_progress = 0

    def start(self) -> None:
        self._pool.start()

    def stop(self) -> None:
        """Returns once the running work is done."""
        self._pool.stop()

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` in a thread. Returns its result. Raises Busy where ``waiting`` pieces are in progress."""
        if self._in_progress >= self._waiting:
            raise Busy
        self._in_progress += 1
        try:
            return await deferToThreadPool(reactor, self._pool, _nicely, work)  # type: ignore[arg-type]
        finally:
            self._in_progress -= 1


def _nicely(work: Callable[[], T]) -> T:
    # On Linux this affects the calling thread alone (setpriority(2), "C library/kernel differences"). A container or a
    # systemd unit may not allow it; the work is done all the same.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    return work()
