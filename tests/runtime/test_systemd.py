"""Notifications to systemd, on a clock that the test sets. ``tests/etc/test_notify`` has those of a whole daemon."""

import os
import socket
import tempfile
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from justchat.runtime.systemd import Notifier


class NotifierTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="jc-")
        self.addCleanup(folder.cleanup)
        self.address = str(Path(folder.name) / "notify")
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.bind(self.address)
        self.systemd.setblocking(False)
        self.clock = Clock()

    def received(self) -> list[str]:
        """The states that have come since the last look."""
        states = []
        while True:
            try:
                states += self.systemd.recv(4096).decode().splitlines()
            except BlockingIOError:
                return states

    def test_watchdog(self) -> None:
        """WATCHDOG=1 is sent while the daemon is healthy, and not while it is not."""
        healthy = [True]
        environ = {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": "10000000"}
        notifier = Notifier(self.clock, environ, is_healthy=lambda: healthy[0])
        notifier.ready()
        self.assertEqual(["READY=1", f"MAINPID={os.getpid()}", "WATCHDOG=1"], self.received())

        counts = []
        for healthy[0] in (True, False, False, True):
            self.clock.advance(5)
            counts.append(self.received().count("WATCHDOG=1"))

        self.assertEqual([1, 0, 0, 1], counts)

    def test_no_watchdog(self) -> None:
        """A period that is empty or no number is none."""
        for period in ("", "soon", "-1"):
            Notifier(self.clock, {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": period}).ready()

            self.assertEqual(["READY=1", f"MAINPID={os.getpid()}"], self.received(), period)

    def test_status(self) -> None:
        """A status is sent as it is."""
        Notifier(self.clock, {"NOTIFY_SOCKET": self.address}).status("1 of 2 workers accept connections")

        self.assertEqual(["STATUS=1 of 2 workers accept connections"], self.received())

    def test_starting(self) -> None:
        """A start that takes long asks for a minute more each time."""
        Notifier(self.clock, {"NOTIFY_SOCKET": self.address}).starting()

        self.assertEqual(["EXTEND_TIMEOUT_USEC=60000000"], self.received())

    def test_without_systemd(self) -> None:
        """Without systemd nothing is sent."""
        notifier = Notifier(self.clock, {})

        notifier.ready()
        notifier.stopping()

        self.assertEqual(([], []), (self.received(), self.clock.getDelayedCalls()))
