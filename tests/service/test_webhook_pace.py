"""When webhooks wait for calls, by a clock and a processor of the test."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.service.webhook_pace import LONGEST_WAIT, WINDOW, WebhookPace


class Paces(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = self.used = 0.0
        self.pace = WebhookPace(lambda: self.now, lambda: self.used)

    def pass_by(self, seconds: float, marks: int, load: float, late: float = 0.0) -> bool:
        """So many marks and so much load a second; returns whether webhooks wait afterwards."""
        waits = False
        for _ in range(round(seconds / WINDOW)):
            for _ in range(round(marks * WINDOW)):
                self.pace.mark()
            self.now += WINDOW
            self.used += load * WINDOW
            waits = self.pace.waits(late)
        return waits

    def test_idle(self) -> None:
        """Nothing waits while there is room for both, or no messages come."""
        self.assertFalse(self.pass_by(1, marks=500, load=0.3))
        self.assertFalse(self.pass_by(1, marks=0, load=1.0, late=0.05))

    def test_busy(self) -> None:
        """They wait while messages take the processor, or the machine is late, and until there is room for both."""
        self.assertTrue(self.pass_by(1, marks=2000, load=0.9))
        self.assertTrue(self.pass_by(1, marks=1000, load=0.2))
        self.assertFalse(self.pass_by(1, marks=200, load=0.1))
        self.assertTrue(self.pass_by(1, marks=200, load=0.1, late=0.02))

    def test_longest_wait(self) -> None:
        """Nobody waits for ever: under a load that lasts they are sent after half a minute."""
        self.assertTrue(self.pass_by(LONGEST_WAIT - 1, marks=2000, load=1.0))
        self.assertFalse(self.pass_by(2, marks=2000, load=1.0))
        self.assertFalse(self.pass_by(60, marks=2000, load=1.0))

        self.assertFalse(self.pass_by(1, marks=10, load=0.1))
        self.assertTrue(self.pass_by(1, marks=2000, load=1.0))
