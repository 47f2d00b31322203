"""A child process that answers requests over its pipes: restarted when it dies, killed and awaited at the stop.

A request is a line of JSON on the child's input, its answer a line on its output, in the same order (``child``).
"""

import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

AGAIN = 1.0
"""Seconds after which a process that worked and died is started again."""
ERRORS_KEPT = 4096
"""Characters of one piece of the child's error output that are logged."""


class WorkerDied(Exception):
    """The process ended before it answered. ``signal`` is the one that ended it, if one did."""

    def __init__(self, signal: int | None) -> None:
        super().__init__(f"signal {signal}" if signal else "it ended by itself")
        self.signal = signal


class WorkerProcess(ProcessProtocol):
    """``module``, run as a program that calls ``child.serve``.

    ``name`` says in the log which process it is. ``pause`` is the seconds until another try when the process could
    not be started. ``when_ready`` is called whenever a process has begun to take requests. The process stays in the
    daemon's session: where Linux groups by sessions (autogroup), only there it gives way to the daemon.
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
        self._asked: deque[Deferred[object]] = deque()
        self._unread = b""
        self._restart: Any = None
        self._stopped: Deferred[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._transport.pid if self._running else None

    @property
    def is_ready(self) -> bool:
        """Whether the process takes requests."""
        return self._ready

    @property
    def unanswered(self) -> int:
        """How many requests have no answer yet, those included that nobody waits for any more."""
        return len(self._asked)

    @property
    def is_behind(self) -> bool:
        """Whether nobody waits any more for the request that is answered next."""
        return bool(self._asked) and self._asked[0].called

    @property
    def _transport(self) -> Any:
        assert self.transport is not None
        return self.transport

    def start(self) -> None:
        """Start the process; if that fails it is tried again after the pause."""
        self._restart = None
        # It imports from where we do. -P: and not first from the directory that we happen to be in.
        command = [sys.executable, "-P", "-m", self._module]
        path = os.pathsep.join(filter(None, sys.path))
        environment = {**os.environ, **self._environment, "PYTHONPATH": path}
        # Ctrl-C and SIGHUP are for the daemon, which may still need the child: blocked, from its first instruction on.
        signals = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            self._reactor.spawnProcess(self, sys.executable, command, environment)
        except OSError as error:
            self._failed(f"cannot be started: {error}", self._pause)
        else:
            self._running = True
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)

    async def stop(self) -> None:
        """Returns when the process is gone. What it has not answered fails with WorkerDied."""
        if self._restart is not None:
            self._restart.cancel()
        if self._running:
            self._stopped = Deferred()
            self.kill()
            await self._stopped

    def kill(self) -> None:
        """End the process. Unless it is stopped it is started again."""
        with suppress(ProcessExitedAlready):
            self._transport.signalProcess("KILL")

    def send(self, *work: object) -> "Deferred[object]":
        """The answer to one request, which is sent at once. Fails with WorkerDied, at once if there is no process."""
        answer: Deferred[object] = Deferred()
        if not self._running:
            answer.errback(WorkerDied(None))
            return answer
        self._asked.append(answer)
        self._transport.write(json.dumps(work).encode() + b"\n")
        return answer

    def outReceived(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if self._ready:
                answer = self._asked.popleft()
                if not answer.called:  # else nobody waits for it any more
                    answer.callback(json.loads(line))
            else:  # its first line says that it has started
                self._ready = True
                self._when_ready()

    def errReceived(self, data: bytes) -> None:
        self._log.error("{name}: {said}", name=self._name, said=data.decode(errors="replace")[:ERRORS_KEPT])

    def processEnded(self, reason: Failure) -> None:
        was_ready = self._ready
        self._running = self._ready = False
        self._unread = b""
        if self._stopped is None:
            self._failed(f"is gone ({reason.getErrorMessage()})", AGAIN if was_ready else self._pause)
        died = WorkerDied(getattr(reason.value, "signal", None))
        while self._asked:
            answer = self._asked.popleft()
            if not answer.called:
                answer.errback(died)
        if self._stopped is not None:
            self._stopped.callback(None)

    def _failed(self, what: str, pause: float) -> None:
        self._log.error("{name} {what}; it is started again in {pause} s", name=self._name, what=what, pause=pause)
        self._restart = self._reactor.callLater(pause, self.start)
