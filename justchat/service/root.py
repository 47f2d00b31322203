"""The root of a process's tree of services, and what happens when it cannot start."""

import atexit
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet import reactor as default_reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger, LoggingFile
from twisted.python.failure import Failure

from justchat.errors import StartupError, Unavailable
from justchat.service.lifecycle import OrderedService
from justchat.service.signals import install_signal_handlers


class RootService(OrderedService):
    """An OrderedService that is a whole process: where it cannot start, that ends with one line and exit code 1.

    ``twistd`` has twistd's options.
    """

    name = "justchat"
    _log = Logger()

    def __init__(self, twistd: Mapping[str, Any], reactor: Any = default_reactor) -> None:
        super().__init__()
        self._twistd = twistd
        self._reactor = reactor

    def privilegedStartService(self) -> None:
        """Bind what could not be bound before twistd forks."""
        try:
            super().privilegedStartService()
        except StartupError as error:
            if not self._twistd.get("nodaemon"):
                raise  # twistd's parent process prints it, and exits with 1
            self._remove_pid_file()
            raise SystemExit(f"justchat: {error}") from error

    def startService(self) -> "Deferred[None]":
        install_signal_handlers(self._reactor, self._stop_reactor, self.stop_faster, self.reload)
        return super().startService().addErrback(self._cannot_start)

    def stopService(self) -> "Deferred[None]":
        return super().stopService().addCallback(lambda _: self._log.info("JustChat has stopped"))

    def reload(self) -> None:
        """Is called at each SIGHUP."""

    def stop_faster(self) -> None:
        """Is called at each SIGTERM and SIGINT during the stop."""

    def _cannot_start(self, failure: Failure) -> None:
        """End the process: a daemon that runs and answers nobody is worse than none."""
        if not self.running:
            # A stop was asked for: of its parts too, perhaps, where a signal went to the whole group of processes.
            self._log.info("justchat: stopped during the start: {reason}", reason=failure.getErrorMessage())
            return
        if failure.check(StartupError, Unavailable):  # the latter where the database goes away during the start
            self._log.critical("justchat: {reason}", reason=failure.getErrorMessage())
        else:
            self._log.failure("justchat: cannot start", failure)
        if not isinstance(sys.stderr, LoggingFile):  # else it is the log, which has the line
            sys.stderr.write(f"justchat: {failure.getErrorMessage()}\n")
        atexit.register(_exit_failed)
        # Asked to stop inside a Deferred of its own start, the reactor would wait for that start.
        self._reactor.callLater(0, self._stop_reactor)

    def _stop_reactor(self) -> None:
        with suppress(ReactorNotRunning):  # it is being stopped
            self._reactor.stop()

    def _remove_pid_file(self) -> None:
        pid_file = self._twistd.get("pidfile")
        if pid_file:
            Path(pid_file).unlink(missing_ok=True)


def _exit_failed() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
