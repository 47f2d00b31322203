"""The processes of workers. One is spawned before it is needed, and imports its modules: then it waits for a context.

Importing takes most of a worker's start. So a worker that dies is replaced in a fraction of a second.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from justchat.runtime.mongod import describe_exit
from justchat.service.group.lines import Lines
from justchat.service.group.logs import WorkerLog

SPARES = 1
"""Processes that wait while all workers run."""
REPLACED_AFTER = 10.0
"""Seconds after which a process that ended while it waited is replaced."""


class Owner(Protocol):
    """The worker that a process is."""

    name: str

    def reported(self, report: bytes) -> None:
        """The process has sent a line."""

    def process_ended(self, how: str, last_error: str) -> None:
        """The process has ended; ``last_error`` is the last line of its stderr."""


class WorkerProcess(ProcessProtocol):
    """A process that waits for the context of a worker, and then is that worker."""

    def __init__(self, on_lost: Callable[["WorkerProcess"], None]) -> None:
        self._on_lost = on_lost
        self._owner: Owner | None = None
        self._log = WorkerLog("a spare worker")
        self._reports = Lines()

    @property
    def _process(self) -> Any:
        return self.transport

    def begin(self, owner: Owner, context: bytes) -> None:
        """Be a worker from now on."""
        self._owner = owner
        self._log.name = owner.name
        self._process.write(context)
        self._process.closeStdin()

    def signal(self, name: str) -> None:
        """Send the process a signal."""
        with suppress(ProcessExitedAlready):
            self._process.signalProcess(name)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """See ProcessProtocol."""
        if childFD == 1:
            self._log.out_received(data)
        elif childFD == 2:
            self._log.err_received(data)
        elif self._owner is not None:
            for report in self._reports.feed(data):
                self._owner.reported(report)

    def processEnded(self, reason: Failure) -> None:
        """See ProcessProtocol."""
        self._log.close()
        if self._owner is None:
            self._on_lost(self)
        else:
            self._owner.process_ended(f"ended ({describe_exit(reason)})", self._log.last_error)


Spawn = Callable[[WorkerProcess], None]
"""Start a process. Raises OSError."""


class ProcessPool:
    """Processes that wait."""

    def __init__(self, spawn: Spawn, reactor: Any) -> None:
        self._spawn = spawn
        self._reactor = reactor
        self._waiting: list[WorkerProcess] = []
        self._refill: IDelayedCall | None = None
        self._stopped = False

    def fill(self, number: int = SPARES) -> None:
        """Let so many processes wait. Those that cannot be started are tried again when they are needed."""
        with suppress(OSError):
            while len(self._waiting) < number and not self._stopped:
                self._waiting.append(self._start())

    def take(self) -> WorkerProcess:
        """The process that waits longest, or a new one. Raises OSError."""
        return self._waiting.pop(0) if self._waiting else self._start()

    def stop(self) -> None:
        """End those that wait."""
        self._stopped = True
        if self._refill is not None and self._refill.active():
            self._refill.cancel()
        for process in self._waiting:
            process.signal("KILL")

    def _start(self) -> WorkerProcess:
        process = WorkerProcess(self._lost)
        self._spawn(process)
        return process

    def _lost(self, process: WorkerProcess) -> None:
        if process in self._waiting:
            self._waiting.remove(process)
        if not self._stopped and (self._refill is None or not self._refill.active()):
            self._refill = self._reactor.callLater(REPLACED_AFTER, self.fill)
