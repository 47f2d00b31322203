"""The kinds of metrics: what they count, and that they stay small."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.metrics.kinds import Counter, Gauge, Histogram, Label

WAYS = Label("way", ("in", "out"))


class CounterTests(SynchronousTestCase):
    def test_count(self) -> None:
        """It adds one, or as many as it is told."""
        counter = Counter("jc_total", "", (WAYS,))

        counter.count("in")
        counter.count("in", by=4)

        self.assertEqual({("in",): 5, ("out",): 0}, counter.series)

    def test_shown_from_the_start(self) -> None:
        """Series whose labels are known are there at 0, so that the first event is a change; others are not."""
        self.assertEqual({("in",): 0, ("out",): 0}, Counter("jc_total", "", (WAYS,)).series)
        self.assertEqual({(): 0}, Counter("jc_total", "").series)
        self.assertEqual({}, Counter("jc_total", "", (Label("path", 3),)).series)

    def test_undeclared_value(self) -> None:
        """A value that is not declared counts as "other"."""
        counter = Counter("jc_total", "", (WAYS,))

        counter.count("sideways")
        counter.count("sideways")

        self.assertEqual(2, counter.series[("other",)])
        self.assertNotIn(("sideways",), counter.series)

    def test_bound(self) -> None:
        """However many values a label gets, the number of series is bounded, and nothing is lost."""
        counter = Counter("jc_total", "", (Label("path", 3),))

        for number in range(100):
            counter.count(f"/{number}")

        self.assertEqual(4, len(counter.series))
        self.assertEqual(97, counter.series[("other",)])


class GaugeTests(SynchronousTestCase):
    def test_set(self) -> None:
        """It has the last number that was set."""
        gauge = Gauge("jc", "")

        gauge.set(3)
        gauge.set(2)

        self.assertEqual({(): 2}, gauge.series)


class HistogramTests(SynchronousTestCase):
    def test_observe(self) -> None:
        """An observation is in the first bucket that is not smaller, or behind the last; the sum is of all."""
        histogram = Histogram("jc_seconds", "", buckets=(1, 2))

        for value in (0.5, 1, 1.5, 7):
            histogram.observe(value)

        self.assertEqual({(): [2, 1, 1, 10]}, histogram.series)

    def test_bound(self) -> None:
        """The number of series is bounded."""
        histogram = Histogram("jc_seconds", "", (Label("path", 2),), buckets=(1,))

        for number in range(100):
            histogram.observe(0, f"/{number}")

        self.assertEqual(3, len(histogram.series))
        self.assertEqual([98, 0, 0], histogram.series[("other",)])

    def test_row(self) -> None:
        """A row is that of its series, for the same labels and for what the declaration does not have."""
        histogram = Histogram("jc_seconds", "", (WAYS,), buckets=(1,))

        histogram.row("in")[0] += 1
        histogram.observe(0.5, "in")
        self.assertIs(histogram.row("sideways"), histogram.row("over"))

        self.assertEqual([2, 0, 0.5], histogram.series["in",])

    def test_quantile(self) -> None:
        """The value that a share of the observations does not exceed lies in its bucket in proportion."""
        histogram = Histogram("jc_seconds", "", buckets=(1, 2, 4))

        self.assertIsNone(histogram.quantile(0.5, [0, 0, 0, 0]))
        self.assertEqual(0.5, histogram.quantile(0.5, [10, 0, 0, 0]))
        self.assertEqual(1.5, histogram.quantile(0.75, [2, 2, 0, 0]))
        self.assertEqual(3, histogram.quantile(0.5, [0, 0, 1, 0]))
        self.assertEqual(4, histogram.quantile(0.99, [1, 0, 0, 9]))
