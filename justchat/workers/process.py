"""The daemon's side of a worker process: it sends requests, restarts a process that died, and kills it at the stop.

A request is a line of JSON on the child's stdin. Its answer is a line on the child's stdout, in the same order
(``child``).
"""

import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.workers.error_output import ErrorOutput

RESTART_AFTER = 1.0
"""Seconds after which a process that was ready and died is restarted."""


class WorkerDied(Exception):
    """The process ended before it answered. ``signal`` is the signal that ended it, or None."""

    def __init__(self, signal: int | None) -> None:
        super().__init__(f"signal {signal}" if signal else "it exited")
        self.signal = signal


class WorkerProcess(ProcessProtocol):
    """A child process that runs ``module`` as a program, which calls ``child.serve``.

    ``name`` names the process in the log. ``pause`` is the number of seconds until another try where the process cannot
    be started. ``when_ready`` is called whenever a process is ready for requests. The process stays in the daemon's
    session: where Linux schedules by sessions (autogroup), it yields to the daemon only there.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        module: str,
        name: str,
        *,
        pause: float,
        environment: Mapping[str, str] = {},
        when_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._reactor = reactor
        self._module = module
        self._name = name
        self._pause = pause
        self._environment = environment
        self._when_ready = when_ready
        self._running = self._ready = False
        self._unanswered: deque[Deferred[object]] = deque()
        self._unread = b""
        self._restart: Any = None
        self._stopped: Deferred[None] | None = None
        self._errors = ErrorOutput(self._log_output, reactor)

    @property
    def pid(self) -> int | None:
        """The id of the running process, or None."""
        return self._transport.pid if self._running else None

    @property
    def is_ready(self) -> bool:
        """Whether the process is ready for requests."""
        return self._ready

    @property
    def unanswered(self) -> int:
        """The number of requests without an answer, including those whose caller no longer waits."""
        return len(self._unanswered)

    @property
    def is_behind(self) -> bool:
        """Whether the next answer is for a request whose caller no longer waits."""
        return bool(self._unanswered) and self._unanswered[0].called

    @property
    def _transport(self) -> Any:
        assert self.transport is not None
        return self.transport

    def start(self) -> None:
        """Start the process. If that fails, try again after ``pause``."""
        self._restart = None
        try:
            # SIGTERM of a whole group, too: the daemon still needs it, and ends it.
            spawn_module(
                self._reactor,
                self,
                self._module,
                environment={**os.environ, **self._environment},
                blocked={signal.SIGTERM},
            )
        except OSError as error:
            self._failed(f"cannot be started: {error}", self._pause)
        else:
            self._running = True

    async def stop(self) -> None:
        """Kill the process. Returns once it has ended. Unanswered requests fail with WorkerDied."""
        if self._restart is not None:
            self._restart.cancel()
        if self._running:
            self._stopped = Deferred()
            self.kill()
            await self._stopped

    def kill(self) -> None:
        """Kill the process. It is restarted, unless ``stop`` was called."""
        with suppress(ProcessExitedAlready):
            self._transport.signalProcess("KILL")

    def send(self, *request: object) -> "Deferred[object]":
        """Send a request. Returns its answer. Fails with WorkerDied, at once if no process runs."""
        answer: Deferred[object] = Deferred()
        if not self._running:
            answer.errback(WorkerDied(None))
            return answer
        self._unanswered.append(answer)
        self._transport.write(json.dumps(request).encode() + b"\n")
        return answer

    def outReceived(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if self._ready:
                answer = self._unanswered.popleft()
                if not answer.called:  # a request that timed out
                    answer.callback(json.loads(line))
            else:  # its first line says that it is ready
                self._ready = True
                self._when_ready()

    def errReceived(self, data: bytes) -> None:
        self._errors.feed(data)

    def processEnded(self, reason: Failure) -> None:
        was_ready = self._ready
        self._running = self._ready = False
        self._unread = b""
        cause = self._errors.close()
        if self._stopped is None:
            how = f"ended ({reason.getErrorMessage()})"
            self._failed(f"{how}: {cause}" if cause else how, RESTART_AFTER if was_ready else self._pause)
        died = WorkerDied(getattr(reason.value, "signal", None))
        while self._unanswered:
            answer = self._unanswered.popleft()
            if not answer.called:
                answer.errback(died)
        if self._stopped is not None:
            self._stopped.callback(None)

    def _log_output(self, output: str) -> None:
        self._log.error("{name}: {output}", name=self._name, output=output)

    def _failed(self, what: str, pause: float) -> None:
        self._log.error("{name} {what}; it is restarted in {pause} s", name=self._name, what=what, pause=pause)
        self._restart = self._reactor.callLater(pause, self.start)


def spawn_module(
    reactor: Any,
    protocol: ProcessProtocol,
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    descriptors: Mapping[int, int | str] | None = None,
    blocked: Set[signal.Signals] = frozenset(),
) -> None:
    """Run a module as a program, by the same Python. Raises OSError.

    ``descriptors`` are the ``childFDs`` of IReactorProcess; ``blocked`` are more signals that the child is not to get.
    """
    # It imports from the same paths as the daemon. -P: but not first from the current directory.
    command = [sys.executable, "-P", "-m", module, *arguments]
    environment = {**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # Ctrl-C and SIGHUP are for the daemon, which may still need the child. The child inherits them blocked.
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP, *blocked})
    try:
        reactor.spawnProcess(protocol, sys.executable, command, environment, childFDs=descriptors)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
