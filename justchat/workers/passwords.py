"""Keys and room passwords: hashed by a process that takes what is left of a core, and in threads if that is little.

A hash takes some 20 ms of a core, and argon2 lets go of the GIL; but a thread that shares the reactor's core keeps it
waiting for milliseconds (docs/speed.rst). The process does not. On a core that is never idle it would not get on at
all, so what it has not done in time the threads do.

Whoever asks waits for their turn: owners at home, all others who sign in, and those who enter rooms have a queue each,
which take turns; in a queue the people take turns, or the networks. So a flood keeps those waiting whom it comes from;
one from everywhere keeps no owner at home waiting. The process is sent only as much as keeps it at work, since what it
was sent has no turn any more.
"""

from functools import partial
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import Busy
from justchat.interfaces.workers import HashOwner, IPasswords
from justchat.workers import password_worker as hashing
from justchat.workers.fair_queue import FairQueue
from justchat.workers.process import WorkerDied, WorkerProcess
from justchat.workers.thread_pool import BoundedThreadPool

THREADS = 2
PATIENCE = 0.3
"""Seconds that the process has for a hash."""
SENT = 2
"""As many hashes as the process is sent at once: one to make, and the next."""
LONG = 15
"""Where more keys than this wait, threads help the process: it makes as many in its PATIENCE on a core of its own."""
EACH = {"owners": 20, "keys": 200, "rooms": 5}
"""Hashes that may wait for one owner, one network that signs in, one person who enters rooms; one more is Busy."""
MOST = 1000
"""Hashes that may wait in one queue; then those who have most waiting give way."""
RESTART = 10.0
"""Seconds after which a process that could not be started is tried again."""


@define(eq=False)
class _Work:
    request: tuple[str, ...]
    done: "Deferred[str | bool]" = field(factory=Deferred)


def _give_way(work: _Work) -> None:
    work.done.errback(Busy())


@implementer(IPasswords)
class Passwords:
    """See IPasswords. What is not started works, too: in threads, as soon as those run."""

    def __init__(self, reactor: Any) -> None:
        self._nobodys = hashing.hash_secret("")
        self._reactor = reactor
        self.process = WorkerProcess(reactor, hashing.__name__, "the process that makes hashes", pause=RESTART)
        self._threads = BoundedThreadPool("passwords", threads=THREADS, waiting=THREADS + SENT)
        self._in_threads = 0
        self._queues = {name: FairQueue[_Work](each=each, most=MOST, give_way=_give_way) for name, each in EACH.items()}

    def start(self) -> None:
        self._threads.start()
        self.process.start()

    async def stop(self) -> None:
        """Returns when the process is gone, and the threads have done what is at work."""
        await self.process.stop()
        self._threads.stop()

    async def hash(self, secret: str, turn: HashOwner) -> str:
        made = await self._do(turn, secret)
        assert isinstance(made, str)
        return made

    async def matches(self, secret: str, hash: str | None, turn: HashOwner) -> bool:
        # Where there is no hash it takes as long.
        right = await self._do(turn, secret, hash or self._nobodys)
        return right is True and hash is not None

    async def _do(self, turn: HashOwner, *request: str) -> str | bool:
        work = _Work(request)
        self._queues[turn.queue].put(turn.owner, work)
        self._go_on()
        return await work.done

    def _go_on(self) -> None:
        """Give work to whoever has time for it."""
        process = self.process
        while process.pid is not None and not process.is_behind and process.unanswered < SENT:
            work = self._take()
            if work is None:
                return
            Deferred.fromCoroutine(self._by_process(work))
        while self._in_threads < THREADS and (process.pid is None or process.is_behind or self._is_long()):
            # One thread is always left to those who sign in.
            work = self._take(but="rooms" if self._in_threads == THREADS - 1 else None)
            if work is None:
                return
            self._by_thread(work)

    def _is_long(self) -> bool:
        return len(self._queues["keys"]) > LONG

    def _take(self, but: str | None = None) -> _Work | None:
        """The next whose turn it is, of the queue whose turn it is, but for one queue."""
        for name in [name for name in self._queues if name != but]:
            queue = self._queues.pop(name)
            self._queues[name] = queue  # it is the last now
            taken = queue.take()
            if taken is not None:
                return taken[1]
        return None

    async def _by_process(self, work: _Work) -> None:
        try:
            made = await self.process.send(*work.request).addTimeout(PATIENCE, self._reactor)
        except (TimeoutError, WorkerDied):
            made = None
        if isinstance(made, str | bool):
            work.done.callback(made)
        else:
            # It waits no more: two in a thread's queue at most, since the process is sent no more.
            self._by_thread(work)
        self._go_on()

    def _by_thread(self, work: _Work) -> None:
        self._in_threads += 1

        def done(result: Any) -> None:
            self._in_threads -= 1
            if isinstance(result, Failure):
                work.done.errback(result)
            else:
                work.done.callback(result)
            self._go_on()

        secret, *hash = work.request
        make = partial(hashing.verify_secret, secret, *hash) if hash else partial(hashing.hash_secret, secret)
        Deferred.fromCoroutine(self._threads.run(make)).addBoth(done)
