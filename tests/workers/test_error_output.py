"""What a child writes to its stderr."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from justchat.workers.error_output import LOGGED_AFTER, LONGEST, ONE_CAUSE, ErrorOutput


class Output(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.logged: list[str] = []
        self.output = ErrorOutput(self.logged.append, self.clock)

    def test_cause(self) -> None:
        """What a process writes and ends is its cause, on one line, and is not logged beside it."""
        self.output.feed(b"Traceback (most recent call last):\n  File ")
        self.output.feed(b'"x.py"\nValueError: boom\n')

        self.assertEqual('Traceback (most recent call last): | File "x.py" | ValueError: boom', self.output.close())
        self.assertEqual(([], []), (self.logged, self.clock.getDelayedCalls()))

    def test_logged(self) -> None:
        """What a process writes and goes on is logged, one line for what came together, and may be the cause later."""
        self.output.feed(b"a warning\n  of two lines\n")
        self.clock.advance(LOGGED_AFTER)

        self.assertEqual(["a warning | of two lines"], self.logged)
        self.assertEqual("a warning | of two lines", self.output.close())
        self.assertEqual("", self.output.close())

    def test_bounded(self) -> None:
        """Of a flood, the end is kept."""
        for _ in range(100):
            self.output.feed(b"x" * LONGEST)
        self.output.feed(b"\nthe last")

        cause = self.output.close()

        self.assertLessEqual(len(cause), LONGEST + 3)
        self.assertTrue(cause.endswith("the last"))

    def test_slow(self) -> None:
        """A cause whose beginning was logged before the rest came, as on a busy machine, is told as a whole."""
        self.output.feed(b"Fatal Python error: Segmentation fault\n")
        self.clock.advance(LOGGED_AFTER)
        self.output.feed(b"Thread 1:\n")

        self.assertEqual("Fatal Python error: Segmentation fault | Thread 1:", self.output.close())

    def test_old(self) -> None:
        """A warning of long ago is no part of a cause."""
        self.output.feed(b"a warning\n")
        self.clock.advance(LOGGED_AFTER)
        self.clock.advance(ONE_CAUSE)
        self.output.feed(b"ValueError: boom\n")

        self.assertEqual("ValueError: boom", self.output.close())
