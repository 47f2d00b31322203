"""A process that works for the daemon, and ends."""

from typing import Any

from twisted.internet import reactor
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from justchat.workers.process import WorkerProcess
from tests.support.waiting import eventually


class Ended(TestCase):
    async def test_cause(self) -> None:
        """A process that ends is one line, with how it ended and what it wrote last."""
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        process = WorkerProcess(reactor, "justchat.no_such_module", "the worker of the test", pause=600)
        process.start()
        self.addCleanup(process.stop)

        def lines() -> list[str]:
            return [formatEvent(event) for event in events if "the worker of the test" in formatEvent(event)]

        await eventually(lambda: any("ended" in line for line in lines()), "the end of the process")

        [line] = [line for line in lines() if "ended" in line]
        self.assertRegex(
            line, r"ended \(.*exit code 1.*\): .*No module named justchat\.no_such_module; it is restarted"
        )
