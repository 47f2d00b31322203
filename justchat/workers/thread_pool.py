"""Work that would block the reactor, in a bounded pool of threads."""

from collections.abc import Callable
from typing import TypeVar

from twisted.internet import reactor
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from justchat.errors import Busy

T = TypeVar("T")


class BoundedThreadPool:
    """At most ``threads`` threads for one kind of work, and at most ``waiting`` pieces of work at once.

    The threads have the reactor's priority: one of lower priority would be preempted while it holds the GIL, and the
    reactor would wait for it (docs/design.rst).
    """

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
            return await deferToThreadPool(reactor, self._pool, work)  # type: ignore[arg-type]
        finally:
            self._in_progress -= 1
