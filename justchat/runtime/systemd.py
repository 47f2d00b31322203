"""Notifications to systemd: datagrams on ``$NOTIFY_SOCKET`` (sd_notify(3)). Without that variable nothing is sent."""

import os
import socket
from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

START_STEP = 60
"""Seconds."""


class Notifier:
    """Sends READY, STOPPING and, twice in the unit's WatchdogSec, WATCHDOG."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        environ: Mapping[str, str] = os.environ,
        *,
        is_healthy: Callable[[], bool] = lambda: True,
    ) -> None:
        """While ``is_healthy`` returns False, no WATCHDOG is sent, and systemd restarts the daemon."""
        self._is_healthy = is_healthy
        self._address = environ.get("NOTIFY_SOCKET", "")
        # The variables may be inherited from a parent, which the watchdog is meant for.
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = environ.get("WATCHDOG_USEC", "")
        self._watchdog_seconds = int(period) / 1_000_000 if mine and period.isdecimal() else 0.0
        self._watchdog = LoopingCall(self._beat)
        self._watchdog.clock = reactor

    def starting(self) -> None:
        """The start goes on, and may last START_STEP longer, whatever the unit's TimeoutStartSec is."""
        self._send(f"EXTEND_TIMEOUT_USEC={START_STEP * 1_000_000}")

    def ready(self) -> None:
        """Connections are accepted and the database answers."""
        self._send(f"READY=1\nMAINPID={os.getpid()}")
        if self._watchdog_seconds:
            # systemd kills a daemon whose reactor is stuck. Half the time leaves room for a slow turn.
            self._watchdog.start(self._watchdog_seconds / 2)

    def _beat(self) -> None:
        if self._is_healthy():
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """What ``systemctl status`` shows."""
        self._send(f"STATUS={text}")

    def stopping(self) -> None:
        """The daemon has begun to stop."""
        self._send("STOPPING=1")

    def stopped(self) -> None:
        """The daemon has stopped: end the watchdog messages. TimeoutStopSec bounds what is left to do."""
        if self._watchdog.running:
            self._watchdog.stop()

    def _send(self, state: str) -> None:
        if not self._address:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagrams:
                datagrams.setblocking(False)
                datagrams.sendto(state.encode(), path)
        except OSError as error:
            self._log.warn("cannot send {state!r} to systemd: {error}", state=state, error=error)
