"""Hashes of sign-in keys and room passwords, computed in a worker process, and in threads where that is too slow.

A hash takes some 20 ms of a core. argon2 releases the GIL, but a thread that shares the reactor's core delays it by
milliseconds (docs/speed.rst). The process does not, since it runs only when the core is idle. On a core that is never
idle it would not run at all, so threads compute what it has not computed in time.

Requests queue. There is a fair queue each for owners on known networks, for all other sign-ins, and for users who enter
rooms; the queues are served in rotation. Within a queue the users, or networks, are served fairly. So a flood delays
only where it comes from, and a flood from everywhere delays no owner on a known network. The process gets no more
requests than keep it busy, since a request that was sent has left its queue.
"""

from contextlib import suppress
from functools import partial
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import Busy
from justchat.interfaces.workers import HashOwner, IPasswords
from justchat.workers import password_worker
from justchat.workers.fair_queue import FairQueue
from justchat.workers.password_worker import hash_secret, verify_secret
from justchat.workers.process import WorkerDied, WorkerProcess
from justchat.workers.thread_pool import BoundedThreadPool

THREADS = 2
PATIENCE = 0.08
"""Seconds that the process has for a hash; then a thread computes it."""
PROBE_EVERY = 2.0
"""Seconds after such a hash in which threads compute all, since no core is idle. Then the process is probed: with a
hash that nobody waits for, so that no sign-in pays for it. The process is used again once it answers a probe in time.
"""
SENT = 2
"""Requests sent to the process at once: the one it computes, and the next."""
BACKLOG = 5
"""Threads help the process where more sign-in keys are queued: as many as it computes in PATIENCE on an idle core."""
EACH = {"owners": 20, "keys": 200, "rooms": 5}
"""Requests that each queue holds for one owner, network or user. One more raises Busy."""
MOST = 1000
"""Requests that each queue holds in all. Then the owner with the most loses the latest."""
RESTART = 10.0
"""Seconds after which the start of a process that could not be started is retried."""


@define(eq=False)
class _Work:
    request: tuple[str, ...]
    done: "Deferred[str | bool]" = field(factory=Deferred)


def _evict(work: _Work) -> None:
    work.done.errback(Busy())


@implementer(IPasswords)
class Passwords:
    """See IPasswords. Before ``start`` requests wait for the threads."""

    def __init__(self, reactor: Any) -> None:
        self._dummy_hash = hash_secret("")
        self._reactor = reactor
        self.process = WorkerProcess(reactor, password_worker.__name__, "the password worker", pause=RESTART)
        self._threads = BoundedThreadPool("passwords", threads=THREADS, waiting=THREADS + SENT)
        self._in_threads = 0
        self._has_idle_core = True
        self._next_probe = 0.0
        self._queues = {name: FairQueue[_Work](each=each, most=MOST, evict=_evict) for name, each in EACH.items()}

    def start(self) -> None:
        self._threads.start()
        self.process.start()

    async def stop(self) -> None:
        """Returns once the process has ended and the threads have done their running work."""
        await self.process.stop()
        self._threads.stop()

    def queued(self) -> dict[str, int]:
        """How many requests each queue holds; MOST at most."""
        return {name: len(queue) for name, queue in self._queues.items()}

    async def hash(self, secret: str, owner: HashOwner) -> str:
        made = await self._enqueue(owner, secret)
        assert isinstance(made, str)
        return made

    async def matches(self, secret: str, hash: str | None, owner: HashOwner) -> bool:
        # Without a hash it takes as long.
        right = await self._enqueue(owner, secret, hash or self._dummy_hash)
        return right is True and hash is not None

    async def _enqueue(self, owner: HashOwner, *request: str) -> str | bool:
        work = _Work(request)
        self._queues[owner.queue].put(owner.owner, work)
        self._dispatch()
        return await work.done

    def _dispatch(self) -> None:
        """Hand queued work to the process and the threads."""
        process = self.process
        if not self._has_idle_core and not process.unanswered and self._reactor.seconds() >= self._next_probe:
            Deferred.fromCoroutine(self._probe())
        while self._is_process_used() and process.unanswered < SENT:
            work = self._take()
            if work is None:
                return
            Deferred.fromCoroutine(self._run_in_process(work))
        while self._in_threads < THREADS and (not self._is_process_used() or self._is_backlogged()):
            # One thread is always left for sign-ins.
            work = self._take(but="rooms" if self._in_threads == THREADS - 1 else None)
            if work is None:
                return
            self._run_in_thread(work)

    def _is_process_used(self) -> bool:
        """Whether the process runs, and computed its last hashes in time."""
        return self.process.pid is not None and self._has_idle_core

    async def _probe(self) -> None:
        self._next_probe = self._reactor.seconds() + PROBE_EVERY
        with suppress(TimeoutError, WorkerDied):
            await self.process.send("").addTimeout(PATIENCE, self._reactor)
            self._has_idle_core = True

    def _is_backlogged(self) -> bool:
        return len(self._queues["keys"]) > BACKLOG

    def _take(self, but: str | None = None) -> _Work | None:
        """The next item of the next queue that has one, skipping the queue ``but``."""
        for name in [name for name in self._queues if name != but]:
            queue = self._queues.pop(name)
            self._queues[name] = queue  # the last one now
            taken = queue.take()
            if taken is not None:
                return taken[1]
        return None

    async def _run_in_process(self, work: _Work) -> None:
        try:
            made = await self.process.send(*work.request).addTimeout(PATIENCE, self._reactor)
        except TimeoutError:
            self._has_idle_core, self._next_probe = False, self._reactor.seconds() + PROBE_EVERY
            made = None
        except WorkerDied:
            made = None
        if isinstance(made, str | bool):
            work.done.callback(made)
        else:
            # It is not queued again. At most two wait for a thread, since the process gets no more at once.
            self._run_in_thread(work)
        self._dispatch()

    def _run_in_thread(self, work: _Work) -> None:
        self._in_threads += 1

        def done(result: Any) -> None:
            self._in_threads -= 1
            if isinstance(result, Failure):
                work.done.errback(result)
            else:
                work.done.callback(result)
            self._dispatch()

        secret, *hash = work.request
        compute = partial(verify_secret, secret, *hash) if hash else partial(hash_secret, secret)
        Deferred.fromCoroutine(self._threads.run(compute)).addBoth(done)
