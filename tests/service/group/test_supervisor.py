"""Workers that end or hang, on a clock that the test sets."""

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from justchat.errors import StartupError
from justchat.service.group.context import REPORTS
from justchat.service.group.processes import REPLACED_AFTER, GroupProcess
from justchat.service.group.supervisor import (
    HANGS_AFTER,
    LONGEST_PAUSE,
    SHORT_LIFE,
    STARTS_WITHIN,
    STOP_TIMEOUT,
    Start,
    Supervisor,
)


@implementer(IProcessTransport)
class Process:
    """A process that does what the test says."""

    def __init__(self, protocol: ProcessProtocol, starts: list[tuple[int, Start]]) -> None:
        self.protocol = protocol
        self.read = b""
        self.number = 0
        """That of the worker that it is; 0 while it waits."""
        self._starts = starts
        self.signals: list[str] = []
        self.ended = False
        protocol.makeConnection(self)

    def write(self, data: bytes) -> None:
        self.read += data
        lines = self.read.decode().split()
        if len(lines) == 2 and not self.number:
            start, number = lines
            self.number = int(number)
            self._starts.append((self.number, Start[start]))

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)
        if name == "KILL":
            self.end(9)

    def report(self, line: bytes) -> None:
        self.protocol.childDataReceived(REPORTS, line + b"\n")

    def say(self, line: bytes) -> None:
        self.protocol.childDataReceived(2, line)

    def end(self, signal: int | None = None) -> None:
        self.ended = True
        error = ProcessDone(0) if signal is None else ProcessTerminated(None, signal, 0)
        self.protocol.processEnded(Failure(error))


class SupervisorCase(SynchronousTestCase):
    workers = 2

    def setUp(self) -> None:
        self.clock = Clock()
        self.processes: list[Process] = []
        self.starts: list[tuple[int, Start]] = []
        self.counts: list[int] = []
        self.waits = 0
        self.supervisor = Supervisor(
            self.workers, self.context, self.spawn, self.clock, self.counts.append, self.still_starting
        )

    def still_starting(self) -> None:
        self.waits += 1

    def context(self, start: Start) -> bytes:
        return f"{start.name}\n".encode()

    def spawn(self, process: GroupProcess) -> None:
        self.processes.append(Process(process, self.starts))

    def worker(self, number: int) -> Process:
        """The latest process that is this worker."""
        return [process for process in self.processes if process.number == number][-1]

    @property
    def spares(self) -> list[Process]:
        """The processes that wait and run."""
        return [process for process in self.processes if not process.number and not process.ended]

    def start(self) -> None:
        """Start all workers."""
        started = self.supervisor.startService()
        for number in range(1, self.workers + 1):
            self.worker(number).report(b"ready")
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
        self.worker(1).report(b"beat")
        self.assertEqual(1, len(self.processes))

        self.worker(1).report(b"ready")

        self.assertEqual([(2, Start.JOIN), (3, Start.JOIN)], self.starts[1:])
        self.worker(3).report(b"ready")
        self.assertNoResult(started)
        self.worker(2).report(b"ready")
        self.successResultOf(started)
        self.assertEqual([1, 2, 3], self.counts)

    def test_warm_up(self) -> None:
        """Processes that wait become the workers, in their order. When all are ready, another one waits."""
        self.supervisor.warm_up()
        first, *others = self.processes
        self.assertEqual(b"FIRST\n", first.read)
        self.assertEqual([b"JOIN\n"] * 2, [process.read for process in others])

        self.start()

        self.assertEqual([first, *others], [self.worker(number) for number in (1, 2, 3)])
        self.assertEqual([b"AGAIN\n"], [process.read for process in self.spares])

    def test_long(self) -> None:
        """A first worker that beats may take as long as it needs, and whoever started all of this is told meanwhile."""
        self.supervisor.startService()
        self.pass_seconds(10 * STARTS_WITHIN, self.worker(1))
        self.assertEqual(([], 10 * STARTS_WITHIN), (self.worker(1).signals, self.waits))

        for number in (1, 2, 3):
            self.worker(number).report(b"ready")
        self.pass_seconds(5, *map(self.worker, (1, 2, 3)))

        self.assertEqual(10 * STARTS_WITHIN, self.waits)

    def test_lost_before(self) -> None:
        """One that ends while it waits is replaced when it is needed, by one of its kind."""
        self.supervisor.warm_up()
        self.processes[0].end(9)

        self.start()

        self.assertEqual([(1, Start.FIRST), (2, Start.JOIN), (3, Start.JOIN)], self.starts)

    def test_fails(self) -> None:
        """If one ends before it is ready, the start fails with the last line of its stderr."""
        started = self.supervisor.startService()
        self.worker(1).report(b"ready")

        self.worker(3).say(b"a warning\njustchat: the database")
        self.worker(3).say(b" does not answer\n")
        self.worker(3).end()

        error = self.failureResultOf(started, StartupError)
        self.assertEqual("the database does not answer", str(error.value))


class Supervision(SupervisorCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.other = self.worker(1)
        self.pass_seconds(int(SHORT_LIFE) + 1, self.other, self.worker(2))

    def test_restart(self) -> None:
        """One that ends is replaced at once, by the process that waits; the others stay."""
        (spare,) = self.spares

        self.worker(2).end(9)
        self.clock.advance(0)

        self.assertEqual((2, Start.AGAIN), self.starts[-1])
        self.assertIs(spare, self.worker(2))
        self.assertEqual(([], []), (self.other.signals, self.spares))
        self.assertEqual(1, self.counts[-1])

    def test_ready_again(self) -> None:
        """When the replacement is ready, another process waits."""
        self.worker(2).end(9)
        self.clock.advance(0)

        self.worker(2).report(b"ready")

        self.assertEqual(2, self.counts[-1])
        self.assertEqual(1, len(self.spares))

    def test_spare_ends(self) -> None:
        """If the process that waits ends, another one waits a little later."""
        self.spares[0].end(9)
        self.assertEqual([], self.spares)

        self.clock.advance(REPLACED_AFTER)

        self.assertEqual(1, len(self.spares))
        self.assertEqual(2, self.counts[-1])

    def test_pauses(self) -> None:
        """One that ends again and again is started after pauses, which double up to a bound."""
        pauses = []
        for _ in range(8):
            self.worker(2).end(11)
            before, waited = len(self.starts), 0.0
            while len(self.starts) == before:
                self.clock.advance(0.25 if waited else 0)
                self.other.report(b"beat")
                waited += 0.25
            pauses.append(waited - 0.25)

        self.assertEqual([0, 0.5, 1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE], pauses)

    def test_pauses_end(self) -> None:
        """One that has lived for a while is started again at once."""
        for _ in range(3):
            self.worker(2).end(11)
            self.clock.advance(5)
        self.worker(2).report(b"ready")
        self.pass_seconds(int(SHORT_LIFE) + 1, self.other, self.worker(2))
        before = len(self.starts)

        self.worker(2).end(11)
        self.clock.advance(0)

        self.assertEqual(before + 1, len(self.starts))

    def test_hangs(self) -> None:
        """One that does not beat is killed and started again; others are not."""
        hanging = self.worker(2)
        self.pass_seconds(HANGS_AFTER, self.other)
        self.assertEqual([], hanging.signals)
        self.assertTrue(self.supervisor.is_healthy())

        self.pass_seconds(1, self.other)
        self.clock.advance(0)

        self.assertEqual(["KILL"], hanging.signals)
        self.assertEqual((2, Start.AGAIN), self.starts[-1])
        self.assertEqual([], self.other.signals)

    def test_slow_start(self) -> None:
        """One that starts has more time than one that serves."""
        self.worker(2).end(9)
        self.clock.advance(0)
        starting = self.worker(2)

        self.pass_seconds(STARTS_WITHIN, self.other)
        self.assertEqual([], starting.signals)
        self.pass_seconds(1, self.other)

        self.assertEqual(["KILL"], starting.signals)

    def test_clock_jumps(self) -> None:
        """A parent that has slept blames nobody."""
        self.clock.advance(1000)
        for number in (1, 2):
            self.worker(number).report(b"beat")
        self.clock.advance(1)

        self.assertEqual([[], []], [self.worker(number).signals for number in (1, 2)])

    def test_not_healthy(self) -> None:
        """While one that hangs cannot even be killed, the group is not healthy."""
        self.patch(self.worker(2), "signalProcess", lambda name: None)

        self.pass_seconds(HANGS_AFTER + 1, self.other)

        self.assertFalse(self.supervisor.is_healthy())


class Stops(SupervisorCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.pair = [self.worker(1), self.worker(2)]
        (self.spare,) = self.spares

    def test_stop(self) -> None:
        """All are sent SIGTERM, the one that waits is killed, and the stop waits for the workers."""
        stopped = self.supervisor.stopService()

        self.assertEqual([["TERM"], ["TERM"]], [process.signals for process in self.pair])
        self.assertEqual(["KILL"], self.spare.signals)
        self.pair[0].end()
        self.assertNoResult(stopped)
        self.pair[1].end()
        self.successResultOf(stopped)
        self.clock.advance(STOP_TIMEOUT * 2)
        self.assertEqual(3, len(self.processes))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_patience(self) -> None:
        """One that does not end is killed."""
        stopped = self.supervisor.stopService()
        self.pair[0].end()

        self.clock.advance(STOP_TIMEOUT)

        self.assertEqual(["TERM", "KILL"], self.pair[1].signals)
        self.successResultOf(stopped)

    def test_stopped_while_paused(self) -> None:
        """One that waits for its start is not started any more."""
        for _ in range(2):
            self.worker(2).end(11)
            self.clock.advance(0)
        before = len(self.starts)

        stopped = self.supervisor.stopService()
        self.pair[0].end()

        self.successResultOf(stopped)
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(before, len(self.starts))

    def test_kill(self) -> None:
        """A stop that is urgent kills."""
        stopped = self.supervisor.stopService()

        self.supervisor.kill()

        self.assertEqual([["TERM", "KILL"]] * 2, [process.signals for process in self.pair])
        self.successResultOf(stopped)
