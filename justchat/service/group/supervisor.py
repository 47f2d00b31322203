"""Starts the workers, and restarts each one that ends or hangs."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import StartupError
from justchat.runtime.mongod import describe_exit
from justchat.service.group.context import BEAT, BEAT_EVERY, READY, REPORTS
from justchat.service.group.lines import Lines
from justchat.service.group.logs import WorkerLog

HANGS_AFTER = 20
"""Beats that a worker may miss before it is killed."""
STARTS_WITHIN = 60
"""The same of one that has not accepted connections yet."""
SHORT_LIFE = 10.0
"""Seconds. A worker that ends earlier is started again after a pause, which doubles each time."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds."""
STOP_TIMEOUT = 15.0
"""Seconds that workers are given to finish what they do, when the daemon stops."""


@frozen
class Launch:
    """How to start a worker: what it reads from stdin, and its descriptors besides those of the log and the reports."""

    context: bytes
    descriptors: Mapping[int, int]


class Start(Enum):
    """Why a worker is started."""

    FIRST = 1
    """It is the first of all."""
    JOIN = 2
    """It joins the first."""
    AGAIN = 3
    """The one before it has ended."""


MakeLaunch = Callable[[int, Start], Launch]
"""The launch of the worker with this number."""
Spawn = Callable[[ProcessProtocol, int, Mapping[int, int | str]], None]
"""Start the process of the worker with this number. Raises OSError."""


class Worker(ProcessProtocol):
    """One worker: its process, and the next one when that ends. ``changed`` is called when it is ready or has ended."""

    _log = Logger()

    def __init__(
        self, number: int, make_launch: MakeLaunch, spawn: Spawn, changed: Callable[[], None], reactor: Any
    ) -> None:
        self.number = number
        self.is_ready = False
        self._make_launch = make_launch
        self._spawn = spawn
        self._changed = changed
        self._reactor = reactor
        self._running = False
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
        self._launch = self._make_launch(self.number, start)
        self._output = WorkerLog(self.number)
        self._reports = Lines()
        self._since = self._reactor.seconds()
        self._missed = 0
        descriptors: dict[int, int | str] = {0: "w", 1: "r", 2: "r", REPORTS: "r", **self._launch.descriptors}
        try:
            self._spawn(self, self.number, descriptors)
        except OSError as error:
            self._over(f"cannot be started: {error}")
        else:
            self._running = True

    @property
    def _process(self) -> Any:
        return self.transport

    def connectionMade(self) -> None:
        """See ProcessProtocol."""
        self._process.write(self._launch.context)
        self._process.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """See ProcessProtocol."""
        if childFD == 1:
            self._output.out_received(data)
        elif childFD == 2:
            self._output.err_received(data)
        else:
            for report in self._reports.feed(data):
                self._reported(report)

    def _reported(self, report: bytes) -> None:
        if report == BEAT:
            self._missed = 0
        elif report == READY:
            self.is_ready = True
            self._changed()
            started, self._started = self._started, None
            if started is not None:
                started.callback(None)

    def tick(self) -> None:
        """Is called when a beat is due."""
        if self._running:
            self._missed += 1
            if not self.is_fresh:
                self._log.error(
                    "worker {number} has hung for {seconds:.0f} s; it is killed",
                    number=self.number,
                    seconds=self._missed * BEAT_EVERY,
                )
                self.signal("KILL")

    def signal(self, name: str) -> None:
        """Send the running process a signal."""
        if self._running:
            with suppress(ProcessExitedAlready):
                self._process.signalProcess(name)

    def stop(self) -> "Deferred[None] | None":
        """Ask the process to end, and start no other. The Deferred fires when it has ended."""
        self._ended = Deferred()
        if self._restart is not None:
            self._restart.cancel()
        if not self._running:
            return None
        self.signal("TERM")
        timer = self._reactor.callLater(STOP_TIMEOUT, self.signal, "KILL")
        return self._ended.addCallback(lambda _: timer.cancel() if timer.active() else None)

    def processEnded(self, reason: Failure) -> None:
        """See ProcessProtocol."""
        self._output.close()
        self._over(f"ended ({describe_exit(reason)})")

    def _over(self, what: str) -> None:
        lived = self._reactor.seconds() - self._since
        if self.is_ready and lived > SHORT_LIFE:
            self._pause = 0.0
        self._running = self.is_ready = False
        self._missed = 0
        self._changed()
        if self._ended is not None:
            self._ended.callback(None)
        elif self._started is not None:
            started, self._started = self._started, None
            started.errback(StartupError(self._output.last_error or f"worker {self.number} {what}"))
        else:
            self._run_again(what)

    def _run_again(self, what: str) -> None:
        pause, self._pause = self._pause, min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._log.error(
            "worker {number} {what}; it is started again{pause}",
            number=self.number,
            what=what,
            pause=f" in {pause:g} s" if pause else "",
        )
        self._restart = self._reactor.callLater(pause, self._run)


class Supervisor(Service):
    """All workers. The first start of all is finished before the others begin, since it prepares the database."""

    name = "workers"

    def __init__(
        self, workers: int, make_launch: MakeLaunch, spawn: Spawn, reactor: Any, on_change: Callable[[int], None]
    ) -> None:
        """``on_change`` is called with the number of workers that accept connections."""
        self._on_change = on_change
        self._workers = [Worker(number, make_launch, spawn, self._changed, reactor) for number in range(1, workers + 1)]
        self._ticks = LoopingCall(self._tick)
        self._ticks.clock = reactor

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

    def stopService(self) -> "Deferred[Any]":
        """The Deferred fires when all have ended."""
        super().stopService()
        if self._ticks.running:
            self._ticks.stop()
        return gatherResults([ended for worker in self._workers if (ended := worker.stop()) is not None])

    def kill(self) -> None:
        """Kill all that run. Those that are not being stopped are started again."""
        for worker in self._workers:
            worker.signal("KILL")

    def is_healthy(self) -> bool:
        """Whether no worker hangs."""
        return all(worker.is_fresh for worker in self._workers)

    def _tick(self) -> None:
        for worker in self._workers:
            worker.tick()

    def _changed(self) -> None:
        self._on_change(sum(worker.is_ready for worker in self._workers))
