"""Workers that end or hang, on a clock that the test sets."""

from collections.abc import Mapping

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from justchat.errors import StartupError
from justchat.service.group.context import REPORTS
from justchat.service.group.supervisor import (
    HANGS_AFTER,
    LONGEST_PAUSE,
    SHORT_LIFE,
    STARTS_WITHIN,
    STOP_TIMEOUT,
    Launch,
    Start,
    Supervisor,
)


@implementer(IProcessTransport)
class Process:
    """A process that does what the test says."""

    def __init__(self, protocol: ProcessProtocol, number: int) -> None:
        self.protocol = protocol
        self.number = number
        self.read = b""
        self.signals: list[str] = []
        protocol.makeConnection(self)

    def write(self, data: bytes) -> None:
        self.read += data

    def closeStdin(self) -> None:
        self.read += b"EOF"

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)
        if name == "KILL":
            self.end(9)

    def report(self, line: bytes) -> None:
        self.protocol.childDataReceived(REPORTS, line + b"\n")

    def say(self, line: bytes) -> None:
        self.protocol.childDataReceived(2, line)

    def end(self, signal: int | None = None) -> None:
        error = ProcessDone(0) if signal is None else ProcessTerminated(None, signal, 0)
        self.protocol.processEnded(Failure(error))


class SupervisorCase(SynchronousTestCase):
    workers = 2

    def setUp(self) -> None:
        self.clock = Clock()
        self.processes: list[Process] = []
        self.starts: list[tuple[int, Start]] = []
        self.counts: list[int] = []
        self.supervisor = Supervisor(self.workers, self.launch, self.spawn, self.clock, self.counts.append)

    def launch(self, number: int, start: Start) -> Launch:
        self.starts.append((number, start))
        return Launch(b"context %d" % number, {7: 8})

    def spawn(self, protocol: ProcessProtocol, number: int, descriptors: Mapping[int, int | str]) -> None:
        self.assertEqual({0: "w", 1: "r", 2: "r", REPORTS: "r", 7: 8}, descriptors)
        self.processes.append(Process(protocol, number))

    def start(self) -> None:
        """Start all workers."""
        started = self.supervisor.startService()
        for number in range(self.workers):
            self.processes[number].report(b"ready")
        self.successResultOf(started)

    def pass_seconds(self, seconds: int, *alive: Process) -> None:
        """These workers beat every second."""
        for _ in range(seconds):
            self.clock.advance(1)
            for process in alive:
                process.report(b"beat")


class Starts(SupervisorCase):
    workers = 3

    def test_order(self) -> None:
        """The others start when the first is ready, and all are started when all are ready."""
        started = self.supervisor.startService()
        self.assertEqual([(1, Start.FIRST)], self.starts)
        self.assertEqual(b"context 1EOF", self.processes[0].read)
        self.processes[0].report(b"beat")
        self.assertEqual(1, len(self.processes))

        self.processes[0].report(b"ready")

        self.assertEqual([(2, Start.JOIN), (3, Start.JOIN)], self.starts[1:])
        self.processes[2].report(b"ready")
        self.assertNoResult(started)
        self.processes[1].report(b"ready")
        self.successResultOf(started)
        self.assertEqual([1, 2, 3], self.counts)

    def test_fails(self) -> None:
        """If one ends before it is ready, the start fails with the last line of its stderr."""
        started = self.supervisor.startService()
        self.processes[0].report(b"ready")

        self.processes[2].say(b"a warning\njustchat: the database")
        self.processes[2].say(b" does not answer\n")
        self.processes[2].end()

        error = self.failureResultOf(started, StartupError)
        self.assertEqual("the database does not answer", str(error.value))
        self.assertEqual(3, len(self.processes))


class Supervision(SupervisorCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.pass_seconds(int(SHORT_LIFE) + 1, *self.processes)

    def test_restart(self) -> None:
        """One that ends is started again at once; the others stay."""
        self.processes[1].end(9)
        self.clock.advance(0)

        self.assertEqual((2, Start.AGAIN), self.starts[-1])
        self.assertEqual(3, len(self.processes))
        self.assertEqual([], self.processes[0].signals)
        self.assertEqual(1, self.counts[-1])
        self.processes[2].report(b"ready")
        self.assertEqual(2, self.counts[-1])

    def test_pauses(self) -> None:
        """One that ends again and again is started after pauses, which double up to a bound."""
        pauses = []
        for _ in range(8):
            self.processes[-1].end(11)
            before, waited = len(self.processes), 0.0
            while len(self.processes) == before:
                self.clock.advance(0.25 if waited else 0)
                self.processes[0].report(b"beat")
                waited += 0.25
            pauses.append(waited - 0.25)

        self.assertEqual([0, 0.5, 1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE], pauses)

    def test_pauses_end(self) -> None:
        """One that has lived for a while is started again at once."""
        for _ in range(3):
            self.processes[-1].end(11)
            self.clock.advance(5)
        self.processes[-1].report(b"ready")
        self.pass_seconds(int(SHORT_LIFE) + 1, self.processes[0], self.processes[-1])
        before = len(self.processes)

        self.processes[-1].end(11)
        self.clock.advance(0)

        self.assertEqual(before + 1, len(self.processes))

    def test_hangs(self) -> None:
        """One that does not beat is killed and started again; others are not."""
        self.pass_seconds(HANGS_AFTER, self.processes[0])
        self.assertEqual([], self.processes[1].signals)
        self.assertTrue(self.supervisor.is_healthy())

        self.pass_seconds(1, self.processes[0])
        self.clock.advance(0)

        self.assertEqual(["KILL"], self.processes[1].signals)
        self.assertEqual((2, Start.AGAIN), self.starts[-1])
        self.assertEqual([], self.processes[0].signals)

    def test_slow_start(self) -> None:
        """One that starts has more time than one that serves."""
        self.processes[1].end(9)
        self.clock.advance(0)

        self.pass_seconds(STARTS_WITHIN, self.processes[0])
        self.assertEqual([], self.processes[2].signals)
        self.pass_seconds(1, self.processes[0])

        self.assertEqual(["KILL"], self.processes[2].signals)

    def test_clock_jumps(self) -> None:
        """A parent that has slept blames nobody."""
        self.clock.advance(1000)
        for process in self.processes:
            process.report(b"beat")
        self.clock.advance(1)

        self.assertEqual([[], []], [process.signals for process in self.processes])

    def test_not_healthy(self) -> None:
        """While one that hangs cannot even be killed, the group is not healthy."""
        self.patch(self.processes[1], "signalProcess", lambda name: None)

        self.pass_seconds(HANGS_AFTER + 1, self.processes[0])

        self.assertFalse(self.supervisor.is_healthy())


class Stops(SupervisorCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_stop(self) -> None:
        """All are sent SIGTERM, and the stop waits for all."""
        stopped = self.supervisor.stopService()

        self.assertEqual([["TERM"], ["TERM"]], [process.signals for process in self.processes])
        self.processes[0].end()
        self.assertNoResult(stopped)
        self.processes[1].end()
        self.successResultOf(stopped)
        self.clock.advance(STOP_TIMEOUT * 2)
        self.assertEqual(2, len(self.processes))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_patience(self) -> None:
        """One that does not end is killed."""
        stopped = self.supervisor.stopService()
        self.processes[0].end()

        self.clock.advance(STOP_TIMEOUT)

        self.assertEqual(["TERM", "KILL"], self.processes[1].signals)
        self.successResultOf(stopped)

    def test_stopped_while_paused(self) -> None:
        """One that waits for its start is not started any more."""
        for _ in range(2):
            self.processes[-1].end(11)
            self.clock.advance(0)

        stopped = self.supervisor.stopService()
        self.processes[0].end()

        self.successResultOf(stopped)
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(3, len(self.processes))

    def test_kill(self) -> None:
        """A stop that is urgent kills."""
        stopped = self.supervisor.stopService()

        self.supervisor.kill()

        self.assertEqual([["TERM", "KILL"]] * 2, [process.signals for process in self.processes])
        self.successResultOf(stopped)
