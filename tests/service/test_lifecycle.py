"""Services that start one after another, stop in reverse, and do periodic work."""

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from justchat.service.lifecycle import LAST_ROUND, IndependentServices, OrderedService, PartService, PeriodicService


class OrderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log: list[str] = []
        self.waits: dict[str, Deferred[None]] = {}
        self.service = OrderedService()

    def add(self, name: str, *slow: str) -> None:
        """A child that logs its start and stop; those named in ``slow`` wait for ``self.waits``."""

        def record(what: str) -> Any:
            def act() -> Any:
                self.log.append(f"{what} {name}")
                if what in slow:
                    self.waits[f"{what} {name}"] = Deferred()
                    return self.waits[f"{what} {name}"]
                return None

            return act

        PartService(name, start=record("start"), stop=record("stop")).setServiceParent(self.service)

    def test_start_waits(self) -> None:
        """A child starts when the one before it has started."""
        self.add("a", "start")
        self.add("b")

        started = self.service.startService()
        self.assertEqual(["start a"], self.log)
        self.waits["start a"].callback(None)

        self.successResultOf(started)
        self.assertEqual(["start a", "start b"], self.log)

    def test_stop_waits(self) -> None:
        """Children stop in the reverse order, each when the one behind it has stopped."""
        self.add("a")
        self.add("b", "stop")
        self.successResultOf(self.service.startService())
        self.log.clear()

        stopped = self.service.stopService()
        self.assertEqual(["stop b"], self.log)
        self.waits["stop b"].callback(None)

        self.successResultOf(stopped)
        self.assertEqual(["stop b", "stop a"], self.log)

    def test_cannot_stop(self) -> None:
        """A child that cannot stop keeps no other from it: the database, say, which would outlive the daemon."""
        self.add("a")
        PartService("b", stop=lambda: 1 / 0).setServiceParent(self.service)
        self.add("c")
        self.successResultOf(self.service.startService())
        self.log.clear()

        self.successResultOf(self.service.stopService())

        self.assertEqual(["stop c", "stop a"], self.log)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_stopped_while_starting(self) -> None:
        """A stop during the start stops the children behind it at once, and the others when the start has ended."""
        for name in "abc":
            self.add(name, *(["start"] if name == "b" else []))
        started = self.service.startService()

        stopped = self.service.stopService()
        self.assertEqual(["start a", "start b", "stop c"], self.log)
        self.waits["start b"].callback(None)

        self.successResultOf(started)
        self.successResultOf(stopped)
        self.assertEqual(["start a", "start b", "stop c", "stop b", "stop a"], self.log)

    def test_failed_start(self) -> None:
        """A child that cannot start fails the start; no other starts, and a stop stops them all."""
        for name in "abc":
            self.add(name, *(["start"] if name == "b" else []))
        started = self.service.startService()

        self.waits["start b"].errback(ValueError("cannot"))

        self.failureResultOf(started, ValueError)
        self.successResultOf(self.service.stopService())
        self.assertEqual(["start a", "start b", "stop c", "stop b", "stop a"], self.log)


class AtOnceTests(SynchronousTestCase):
    def test_stop(self) -> None:
        """Independent services stop at once, one that cannot be stopped too; the group has stopped when all have."""
        asked: dict[str, Deferred[None]] = {}

        def stop(name: str) -> Deferred[None]:
            return asked.setdefault(name, Deferred())

        group = IndependentServices("group", [PartService(name, stop=partial(stop, name)) for name in "abc"])
        self.successResultOf(group.startService())

        stopped = group.stopService()
        self.assertEqual({"a", "b", "c"}, set(asked))
        asked["a"].errback(ValueError())
        asked["b"].callback(None)
        self.assertNoResult(stopped)
        asked["c"].callback(None)

        self.successResultOf(stopped)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))


class PeriodicTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.rounds: list[Deferred[None]] = []
        self.service = PeriodicService("work", 10.0, self.work, self.clock)

    def work(self) -> "Deferred[None]":
        self.rounds.append(Deferred())
        return self.rounds[-1]

    def test_interval(self) -> None:
        """The first round comes one interval after the start, the next one another interval later."""
        self.service.startService()

        counts = []
        for _ in range(3):
            self.clock.advance(9.9)
            before = len(self.rounds)
            self.clock.advance(0.1)
            counts.append((before, len(self.rounds)))
            self.rounds[-1].callback(None)

        self.assertEqual([(0, 1), (1, 2), (2, 3)], counts)

    def test_refused_by_machine(self) -> None:
        """Where the machine has no more descriptors or no room, the log has a line without a traceback."""
        said: list[str] = []

        def observer(event: Any) -> None:
            said.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.service.startService()
        self.clock.advance(10)

        self.rounds[0].errback(OSError(24, "Too many open files"))
        self.clock.advance(10)

        self.assertEqual(2, len(self.rounds))
        self.assertEqual(["work failed, next in 10 s: [Errno 24] Too many open files"], said)

    def test_failed_round(self) -> None:
        """A round that fails is logged, and the next comes all the same."""
        self.service.startService()
        self.clock.advance(10)

        self.rounds[0].errback(ValueError("no"))
        self.clock.advance(10)

        self.assertEqual(2, len(self.rounds))
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))

    def test_stop_waits_for_round(self) -> None:
        """A stop waits for the current round, and no other follows."""
        self.service.startService()
        self.clock.advance(10)

        stopped = self.service.stopService()
        self.assertNoResult(stopped)
        self.rounds[0].callback(None)
        self.clock.advance(100)

        self.successResultOf(stopped)
        self.assertEqual(1, len(self.rounds))

    def test_stop_is_bounded(self) -> None:
        """A round that does not end delays a stop by a bounded time."""
        self.service.startService()
        self.clock.advance(10)

        stopped = self.service.stopService()
        self.clock.advance(LAST_ROUND)

        self.successResultOf(stopped)
        self.rounds[0].callback(None)

    def test_stop_before_start(self) -> None:
        """A service that has not started can be stopped."""
        self.assertIs(None, self.service.stopService())
