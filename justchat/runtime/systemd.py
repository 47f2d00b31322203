"""Telling systemd how the daemon does: datagrams on ``$NOTIFY_SOCKET`` (sd_notify(3)).

Without that variable nothing is sent, so the daemon runs the same anywhere.
"""

import os
import socket
from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger


class Notifier:
    """Says READY, STOPPING and, as often as the unit's WatchdogSec asks, WATCHDOG."""

    _log = Logger()

    def __init__(self, reactor: IReactorTime, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        # The variable may have been inherited from a parent that the watchdog is meant for.
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog_seconds = int(environ.get("WATCHDOG_USEC", "0")) / 1_000_000 if mine else 0.0
        self._watchdog = LoopingCall(self._tell, "WATCHDOG=1")
        self._watchdog.clock = reactor

    def ready(self) -> None:
        """Connections are accepted and the database answers."""
        self._tell(f"READY=1\nMAINPID={os.getpid()}")
        if self._watchdog_seconds:
            # A reactor that is stuck sends nothing, and is killed for it. Half the time leaves room for a slow turn.
            self._watchdog.start(self._watchdog_seconds / 2)

    def stopping(self) -> None:
        """The daemon has begun to stop."""
        self._tell("STOPPING=1")

    def stopped(self) -> None:
        """No more watchdog messages: what is left to do is bounded by TimeoutStopSec."""
        if self._watchdog.running:
            self._watchdog.stop()

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagrams:
                datagrams.setblocking(False)
                datagrams.sendto(state.encode(), path)
        except OSError as error:
            self._log.warn("systemd could not be told {state!r}: {error}", state=state, error=error)
