"""A process that cannot start ends with one line."""

import io
import sys
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from justchat.errors import DatabaseAway
from justchat.service import root
from justchat.service.lifecycle import PartService
from justchat.service.root import RootService


class Stopping(Clock):
    """A reactor that is only asked to stop."""

    stopped = False

    def stop(self) -> None:
        self.stopped = True


class CannotStart(TestCase):
    def test_database_goes_away(self) -> None:
        """A database that goes away during the start is one line on stderr and in the log, without a traceback."""

        def start() -> "Deferred[Any]":
            return fail(DatabaseAway())

        events: list[dict[str, Any]] = []
        reactor, stderr = Stopping(), io.StringIO()
        service = RootService({}, reactor)
        PartService("a part", start=start).setServiceParent(service)
        self.patch(root.atexit, "register", lambda _: None)
        self.patch(root, "install_signal_handlers", lambda *_: None)
        self.patch(sys, "stderr", stderr)
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)

        self.successResultOf(service.startService())
        reactor.advance(0)

        line = "justchat: the database is not available; nothing was stored"
        self.assertEqual(line + "\n", stderr.getvalue())
        self.assertEqual([None], [each.get("log_failure") for each in events if each["log_level"].name == "critical"])
        self.assertTrue(reactor.stopped)
