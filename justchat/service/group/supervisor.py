"""Starts the workers, and restarts each one that ends or hangs."""

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from justchat.errors import StartupError
from justchat.metrics.declarations import WORKER_RESTARTS, WORKER_UP
from justchat.metrics.snapshots import Totals, decode_snapshot
from justchat.service.group.context import BEAT, BEAT_EVERY, METRICS, READY, SETTINGS, Start
from justchat.service.group.processes import GroupProcess, MakeContext, ProcessPool, Spawn

HANGS_AFTER = 20
"""Beats that a worker may miss before it is killed."""
STARTS_WITHIN = 60
"""The same of one that has not accepted connections yet."""
SHORT_LIFE = 10.0
"""Seconds. A worker that ends earlier is started again after a pause, which doubles each time."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds."""
METRICS_TIMEOUT = 2.0
"""Seconds that a worker is given to answer a scrape."""
STOP_TIMEOUT = 15.0
"""Seconds that workers are given to finish what they do, when the daemon stops."""


class Worker:
    """One worker: its process, and the next one when that ends. ``changed`` is called when it is ready or has ended."""

    _log = Logger()

    def __init__(
        self, number: int, pool: ProcessPool, changed: Callable[[], None], totals: Totals, reactor: Any
    ) -> None:
        self.number = number
        self.name = f"worker {number}"
        self.is_ready = False
        self._pool = pool
        self._changed = changed
        self._totals = totals
        self._asked: Deferred[bool] | None = None
        self._reactor = reactor
        self._process: GroupProcess | None = None
        self._missed = 0
        self._pause = 0.0
        self._since = 0.0
        self._restart: IDelayedCall | None = None
        self._started: Deferred[None] | None = None
        """Fires when the first process is ready, or has ended."""
        self._ended: Deferred[None] | None = None
        """Fires when the last process has ended."""

    @property
    def is_fresh(self) -> bool:
        """Whether it has shown lately that it does not hang."""
        return self._missed <= (HANGS_AFTER if self.is_ready else STARTS_WITHIN)

    def start(self, start: Start) -> "Deferred[None]":
        """Start it for the first time. The Deferred fires when it accepts connections, or fails with StartupError."""
        self._started = Deferred()
        started = self._started
        self._run(start)
        return started

    def _run(self, start: Start = Start.AGAIN) -> None:
        self._restart = None
        self._since = self._reactor.seconds()
        self._missed = 0
        try:
            self._process = self._pool.take(start)
        except OSError as error:
            self._over(f"cannot be started: {error}", "")
        else:
            self._process.begin(self, self.number)

    def reported(self, report: bytes) -> None:
        """See ProcessOwner."""
        if report == BEAT:
            self._missed = 0
        elif report.startswith(METRICS):
            self._totals.update(str(self.number), decode_snapshot(report.removeprefix(METRICS)))
            self._answered(True)
        elif report == READY:
            self.is_ready = True
            if self._pool.settings is not None and self._process is not None:
                self._process.ask(self._pool.settings)
            self._changed()
            if self._started is None:
                self._pool.fill()
            else:
                started, self._started = self._started, None
                started.callback(None)

    def tick(self) -> None:
        """Is called when a beat is due."""
        if self._process is not None:
            self._missed += 1
            if not self.is_fresh:
                seconds = self._missed * BEAT_EVERY
                self._log.error("{name} has hung for {seconds:.0f} s; it is killed", name=self.name, seconds=seconds)
                self.signal("KILL")

    def ask_metrics(self) -> "Deferred[bool]":
        """Ask it for its numbers. The Deferred fires with whether they have come."""
        asked = self._asked = Deferred()
        if self._process is None or not self.is_ready:
            self._answered(False)
        else:
            self._process.ask(METRICS)
            asked.addTimeout(METRICS_TIMEOUT, self._reactor, lambda *_: False)
        return asked

    def _answered(self, is_here: bool) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.called:
            asked.callback(is_here)

    def signal(self, name: str) -> None:
        """Send the running process a signal."""
        if self._process is not None:
            self._process.signal(name)

    def tell(self, line: bytes) -> None:
        """Send the process a line, if it is ready. One that is not yet is told once it is."""
        if self._process is not None and self.is_ready:
            self._process.ask(line)

    def stop(self) -> "Deferred[None] | None":
        """Ask the process to end, and start no other. The Deferred fires when it has ended."""
        self._ended = Deferred()
        if self._restart is not None:
            self._restart.cancel()
        if self._process is None:
            return None
        self.signal("TERM")
        timer = self._reactor.callLater(STOP_TIMEOUT, self.signal, "KILL")
        return self._ended.addCallback(lambda _: timer.cancel() if timer.active() else None)

    def process_ended(self, how: str, cause: str) -> None:
        """See ProcessOwner."""
        self._over(how, cause)

    def _over(self, what: str, cause: str) -> None:
        lived = self._reactor.seconds() - self._since
        if self.is_ready and lived > SHORT_LIFE:
            self._pause = 0.0
        self._process = None
        self.is_ready = False
        self._missed = 0
        self._totals.ended(str(self.number))
        self._answered(False)
        self._changed()
        if self._ended is not None:
            self._ended.callback(None)
        elif self._started is not None:
            started, self._started = self._started, None
            reason = cause.rpartition(" | ")[2].removeprefix("justchat: ")
            started.errback(StartupError(reason or f"{self.name} {what}"))
        else:
            self._run_again(f"{what}: {cause}" if cause else what)

    def _run_again(self, what: str) -> None:
        pause, self._pause = self._pause, min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        WORKER_RESTARTS.count()
        later = f" in {pause:g} s" if pause else ""
        self._log.error("{name} {what}; it is started again{later}", name=self.name, what=what, later=later)
        self._restart = self._reactor.callLater(pause, self._run)


class Supervisor(Service):
    """All workers. The first start of all is finished before the others begin, since it prepares the database."""

    name = "workers"

    def __init__(
        self,
        workers: int,
        make_context: MakeContext,
        spawn: Spawn,
        reactor: Any,
        on_change: Callable[[int], None],
        still_starting: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_change`` is called with the number of workers that accept connections, ``still_starting`` every second
        until all do: the first may have much to do in the database.
        """
        self._on_change = on_change
        self._still_starting = still_starting
        self._is_starting = True
        self._pool = ProcessPool(make_context, spawn, reactor)
        self.totals = Totals()
        """The numbers of the workers."""
        numbers = range(1, workers + 1)
        self._workers = [Worker(number, self._pool, self._changed, self.totals, reactor) for number in numbers]
        self._ticks = LoopingCall(self._tick)
        self._ticks.clock = reactor

    def warm_up(self) -> None:
        """Let the processes of all workers build their daemons, before those can start."""
        self._pool.fill([Start.FIRST, *[Start.JOIN] * (len(self._workers) - 1)])

    def startService(self) -> "Deferred[None]":
        """The Deferred fires when all accept connections. It fails with StartupError where one ends before it does."""
        super().startService()
        self._ticks.start(BEAT_EVERY, now=False)
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        first, *others = self._workers
        await first.start(Start.FIRST)
        if self.running:
            try:
                await gatherResults([worker.start(Start.JOIN) for worker in others], consumeErrors=True)
            except FirstError as error:
                error.subFailure.raiseException()
            self._pool.fill()
        self._is_starting = False

    def stopService(self) -> "Deferred[Any]":
        """The Deferred fires when all have ended."""
        super().stopService()
        if self._ticks.running:
            self._ticks.stop()
        self._pool.stop()
        return gatherResults([ended for worker in self._workers if (ended := worker.stop()) is not None])

    def reload(self, settings: bytes) -> None:
        """Tell all workers of settings, also those that are started later: some of these wait already."""
        self._pool.settings = SETTINGS + settings
        for worker in self._workers:
            worker.tell(self._pool.settings)

    def kill(self) -> None:
        """Kill all that run. Those that are not being stopped are started again."""
        for worker in self._workers:
            worker.signal("KILL")

    def is_healthy(self) -> bool:
        """Whether no worker hangs."""
        return all(worker.is_fresh for worker in self._workers)

    async def ask_metrics(self) -> None:
        """Update ``totals``. Of a worker that does not answer in time they stay as they were."""
        asked = [worker.ask_metrics() for worker in self._workers]
        for worker, answer in zip(self._workers, asked, strict=True):
            WORKER_UP.set(int(await answer), str(worker.number))

    def _tick(self) -> None:
        if self._is_starting:
            self._still_starting()
        for worker in self._workers:
            worker.tick()

    def _changed(self) -> None:
        self._on_change(sum(worker.is_ready for worker in self._workers))
