"""The processes of workers. One is spawned before it is needed: it builds a daemon, and waits for its number.

That is most of a worker's start. So a worker that dies is replaced in a fraction of a second.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.runtime.mongod import describe_exit
from justchat.service.group.context import Start
from justchat.service.group.lines import Lines
from justchat.service.group.logs import WorkerLog

SPARES = (Start.AGAIN,)
"""The processes that wait while all workers run."""
REPLACED_AFTER = 10.0
"""Seconds after which a process that ended while it waited is replaced."""


class ProcessOwner(Protocol):
    """The worker that a process is."""

    name: str

    def reported(self, report: bytes) -> None:
        """The process has sent a line."""

    def process_ended(self, how: str, cause: str) -> None:
        """The process has ended; ``cause`` is what it wrote last to its stderr, on one line."""


class GroupProcess(ProcessProtocol):
    """A process that waits for the number of a worker, and then is that worker. ``context`` is of this ``start``."""

    def __init__(
        self, start: Start, context: bytes, on_lost: Callable[["GroupProcess", str], None], reactor: Any
    ) -> None:
        self.start = start
        self._context = context
        self._on_lost = on_lost
        self._owner: ProcessOwner | None = None
        self._log = WorkerLog("a spare worker", reactor)
        self._reports = Lines()

    @property
    def _process(self) -> Any:
        return self.transport

    def connectionMade(self) -> None:
        """See ProcessProtocol."""
        self._process.write(self._context)

    def begin(self, owner: ProcessOwner, number: int) -> None:
        """Be the worker with this number from now on."""
        self._owner = owner
        self._log.name = owner.name
        self._process.write(b"%d\n" % number)

    def ask(self, question: bytes) -> None:
        """Send the worker a line."""
        self._process.write(question + b"\n")

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
        cause, how = self._log.close(), f"ended ({describe_exit(reason)})"
        if self._owner is None:
            self._on_lost(self, f"{how}: {cause}" if cause else how)
        else:
            self._owner.process_ended(how, cause)


MakeContext = Callable[[Start], bytes]
Spawn = Callable[[GroupProcess], None]
"""Start a process. Raises OSError."""


class ProcessPool:
    """Processes that wait. ``make_context`` makes the line that one reads at first."""

    _log = Logger()

    def __init__(self, make_context: MakeContext, spawn: Spawn, reactor: Any) -> None:
        self._make_context = make_context
        self._spawn = spawn
        self._reactor = reactor
        self.settings: bytes | None = None
        """The line with the latest settings, once they were read anew."""
        self._waiting: list[GroupProcess] = []
        self._refill: IDelayedCall | None = None
        self._stopped = False

    def fill(self, starts: Sequence[Start] = SPARES) -> None:
        """Let processes for these starts wait. Those that cannot be spawned now are spawned when they are needed."""
        missing = list(starts)
        for process in self._waiting:
            if process.start in missing:
                missing.remove(process.start)
        if not self._stopped:
            with suppress(OSError):
                self._waiting += [self._spawned(start) for start in missing]

    def take(self, start: Start) -> GroupProcess:
        """A process for this start: one that waits, or a new one. Raises OSError."""
        for process in self._waiting:
            if process.start is start:
                self._waiting.remove(process)
                return process
        return self._spawned(start)

    def stop(self) -> None:
        """End those that wait."""
        self._stopped = True
        if self._refill is not None and self._refill.active():
            self._refill.cancel()
        for process in self._waiting:
            process.signal("KILL")

    def _spawned(self, start: Start) -> GroupProcess:
        process = GroupProcess(start, self._make_context(start), self._lost, self._reactor)
        self._spawn(process)
        return process

    def _lost(self, process: GroupProcess, what: str) -> None:
        if process in self._waiting:
            self._waiting.remove(process)
        if not self._stopped:
            self._log.error("a spare worker {what}; it is replaced in {s:g} s", what=what, s=REPLACED_AFTER)
        if not self._stopped and (self._refill is None or not self._refill.active()):
            self._refill = self._reactor.callLater(REPLACED_AFTER, self.fill)
