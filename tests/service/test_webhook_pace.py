"""When webhooks wait for calls, by a clock and a processor of the test."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.service.webhook_pace import CALM, COST, LONGEST_WAIT, TICK_EVERY, WebhookPace


class Paces(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = self.used = 0.0
        self.sent = 0
        self.pace = WebhookPace(lambda: self.now, lambda: self.used, lambda: self.sent)

    def pass_by(self, seconds: float, marks: int, load: float, late: float = 0.0, sent: int = 0) -> bool:
        """So many marks, so much load and so many sent a second; returns whether webhooks wait afterwards."""
        for _ in range(round(seconds / TICK_EVERY)):
            took = TICK_EVERY + late
            for _ in range(round(marks * took)):
                self.pace.mark()
            self.now += took
            self.used += load * took
            self.sent += round(sent * took)
            self.pace.tick()
        return self.pace.waits()

    def test_idle(self) -> None:
        """Nothing waits while there is room for both, or no messages come."""
        self.assertFalse(self.pass_by(1, marks=500, load=0.3))
        self.assertFalse(self.pass_by(1, marks=0, load=1.0, late=0.05))

    def test_busy(self) -> None:
        """They wait while messages take the processor, or the machine is late, and until there is room for both."""
        self.assertTrue(self.pass_by(1, marks=2000, load=0.9))
        self.assertTrue(self.pass_by(1, marks=1400, load=0.2))
        self.assertFalse(self.pass_by(1, marks=200, load=0.1))
        self.assertTrue(self.pass_by(1, marks=200, load=0.1, late=0.02))

    def test_at_once(self) -> None:
        """They give way within a measurement, and go on only after a while, so that a short pause is no chance."""
        self.assertTrue(self.pass_by(TICK_EVERY, marks=5000, load=1.0))
        self.assertTrue(self.pass_by(CALM / 2, marks=0, load=0.1))
        self.assertFalse(self.pass_by(CALM, marks=0, load=0.1))

    def test_own_load(self) -> None:
        """What webhooks themselves take is no load of the calls."""
        self.assertFalse(self.pass_by(1, marks=200, load=0.9, sent=round(0.8 / COST)))
        self.assertTrue(self.pass_by(1, marks=200, load=0.9, sent=round(0.2 / COST)))

    def test_longest_wait(self) -> None:
        """Nobody waits for ever: under a load that lasts they are sent after half a minute."""
        self.assertTrue(self.pass_by(LONGEST_WAIT - 1, marks=2000, load=1.0))
        self.assertFalse(self.pass_by(2, marks=2000, load=1.0))
        self.assertFalse(self.pass_by(60, marks=2000, load=1.0))

        self.assertFalse(self.pass_by(1, marks=10, load=0.1))
        self.assertTrue(self.pass_by(1, marks=2000, load=1.0))
