"""A process that cannot start ends with one line."""

import io
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from justchat.errors import DatabaseAway, StartupError
from justchat.service import root
from justchat.service.lifecycle import PartService
from justchat.service.root import RootService


class Stopping(Clock):
    """A reactor that is only asked to stop."""

    stopped = False

    def stop(self) -> None:
        self.stopped = True


class CannotStart(TestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.reactor, self.stderr = Stopping(), io.StringIO()
        self.service = RootService({}, self.reactor)
        self.started: Deferred[Any] = Deferred()
        PartService("a part", start=lambda: self.started).setServiceParent(self.service)
        self.patch(root.atexit, "register", lambda _: None)
        self.patch(root, "install_signal_handlers", lambda *_: None)
        self.patch(sys, "stderr", self.stderr)
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    @property
    def critical(self) -> list[Any]:
        """The tracebacks of what was logged as critical."""
        return [each.get("log_failure") for each in self.events if each["log_level"].name == "critical"]

    def test_database_goes_away(self) -> None:
        """A database that goes away during the start is one line on stderr and in the log, without a traceback."""
        starting = self.service.startService()
        self.started.errback(DatabaseAway())
        self.successResultOf(starting)
        self.reactor.advance(0)

        line = "justchat: the database is not available; nothing was stored"
        self.assertEqual(line + "\n", self.stderr.getvalue())
        self.assertEqual([None], self.critical)
        self.assertTrue(self.reactor.stopped)

    def test_stopped_meanwhile(self) -> None:
        """What fails since the daemon is stopped during its start is no fault: a worker ends by the same signal."""
        starting = self.service.startService()
        stopping = self.service.stopService()
        self.started.errback(StartupError("worker 1 ended (SIGTERM)"))

        self.successResultOf(starting)
        self.successResultOf(stopping)
        self.assertEqual(("", []), (self.stderr.getvalue(), self.critical))
