"""Rates: their notation and their windows."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from justchat.errors import TooManyRequests
from justchat.limits import rate_limiter as rates
from justchat.limits.rate_limiter import RateLimiter, SlidingWindow
from justchat.model.rate import Rate, parse_rate


class RateTests(SynchronousTestCase):
    def test_written(self) -> None:
        """A rate is a number per second, minute, hour or day, or off."""
        self.assertEqual(
            [Rate(1, 1), Rate(120, 60), Rate(5, 3600), Rate(9, 86400), None],
            [parse_rate(text) for text in ("1/second", "120/minute", "5/hour", "9/day", "off")],
        )

    def test_wrong(self) -> None:
        """Nothing else is a rate."""
        for text in ("", "5", "0/minute", "-1/minute", "5/week", "5 / minute", "1e3/minute", "OFF", "5/minute\n"):
            self.assertRaises(ValueError, parse_rate, text)


class WindowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.window = SlidingWindow("send", Rate(3, 60), self.clock.seconds)

    def hits(self, caller: str, times: int) -> int:
        """How many of these calls are allowed."""
        through = 0
        for _ in range(times):
            try:
                self.window.hit(caller)
                through += 1
            except TooManyRequests:
                pass
        return through

    def test_count(self) -> None:
        """Each caller has the configured number of calls."""
        self.assertEqual([3, 3], [self.hits("anna", 9), self.hits("boris", 9)])

    def test_slides(self) -> None:
        """Capacity comes back gradually, up to the limit."""
        self.hits("anna", 3)

        self.clock.advance(20)
        one = self.hits("anna", 9)
        self.clock.advance(1000)

        self.assertEqual((1, 3), (one, self.hits("anna", 9)))

    def test_after(self) -> None:
        """A caller who waits for Retry-After is allowed; refused calls do not make the wait longer."""
        self.hits("anna", 50)
        refusal = self.assertRaises(TooManyRequests, self.window.hit, "anna")

        self.clock.advance(refusal.after)

        self.assertEqual(("send", 3, 60, 20), (refusal.name, refusal.count, refusal.seconds, refusal.after))
        self.assertEqual(1, self.hits("anna", 9))

    def test_memory(self) -> None:
        """The number of kept callers is bounded; active callers are kept."""
        self.patch(rates, "CALLERS_KEPT", 10)

        through = [self.hits("anna", 1) for caller in range(1000) if self.hits(str(caller), 1)]

        self.assertEqual(3, sum(through))
        self.assertLessEqual(len(self.window._recent) + len(self.window._older), 20)


class RatesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rates = RateLimiter({"send": Rate(1, 60), "read": None}, 2, Clock().seconds)

    def test_session(self) -> None:
        """A session has its own rate."""
        self.rates.hit_session("send", "anna")
        self.rates.hit_session("send", "boris")

        self.assertRaises(TooManyRequests, self.rates.hit_session, "send", "anna")

    def test_address(self) -> None:
        """An address has the rate of several sessions."""
        for _ in range(2):
            self.rates.hit_address("send", "192.0.2.1")

        self.assertRaises(TooManyRequests, self.rates.hit_address, "send", "192.0.2.1")

    def test_off(self) -> None:
        """A class of calls whose rate is off is not counted."""
        for _ in range(9):
            self.rates.hit_address("read", "192.0.2.1")
            self.rates.hit_session("read", "anna")
