"""The kinds of metrics. To count is to add to a number in a dictionary: 0.2 microseconds, 0.4 for a histogram.

Nothing here takes a lock, so only the reactor's thread counts. What a scrape shows is made of these numbers when it
comes (``exposition.py``); prometheus_client's own counters take three times as long.

Invariant: a metric has at most as many series as its declaration allows, whatever clients send.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, Literal

LabelValues = tuple[str | int, ...]
"""The values of a metric's labels, in their order."""
Row = list[float]
"""Of a histogram: the observations in each bucket, those above the last bucket, and the sum of all."""
OTHER = "other"
"""Stands for every value of a label that its declaration does not have."""
Merging = Literal["sum", "worker", "max"]
"""How the numbers of several workers become one: they are added up, each keeps its own with the label ``worker``, or
the largest counts, as of what is the machine's.
"""


class Label:
    """A label: its name, and its values, or how many there may be at most."""

    def __init__(self, name: str, values: Iterable[str] | int) -> None:
        self.name = name
        self.values = () if isinstance(values, int) else tuple(values)
        self.most = values if isinstance(values, int) else len(self.values) + 1


class Metric:
    """What all kinds have. ``name`` ends with the unit, and of a counter with ``_total`` after it."""

    kind: str

    def __init__(
        self, name: str, help: str, labels: Iterable[Label] = (), *, unit: str = "", merging: Merging = "sum"
    ) -> None:
        self.name = name
        self.help = help
        self.labels = tuple(labels)
        self.unit = unit
        self.merging = merging
        self.series: dict[LabelValues, Any] = {}
        self._most = 1
        for label in self.labels:
            self._most *= label.most

    @property
    def label_names(self) -> tuple[str, ...]:
        """As a scrape shows them."""
        own = tuple(label.name for label in self.labels)
        return (*own, "worker") if self.merging == "worker" else own

    def _known(self) -> Iterable[LabelValues]:
        """The series that are shown from the start, so that the first event of each is a change."""
        if all(label.values for label in self.labels):
            return product(*(label.values for label in self.labels))
        return ()

    def _admitted(self, labels: LabelValues) -> LabelValues:
        """The labels of a series that is new: those given, or ``other`` in the place of what is not declared."""
        declared = tuple(
            value if not label.values or value in label.values else OTHER
            for label, value in zip(self.labels, labels, strict=True)
        )
        return declared if len(self.series) < self._most else (OTHER,) * len(labels)


class Counter(Metric):
    """A number that only grows."""

    kind = "counter"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.series: dict[LabelValues, float] = dict.fromkeys(self._known(), 0)

    def count(self, *labels: str | int, by: float = 1) -> None:
        """Add to the number of these labels."""
        try:
            self.series[labels] += by
        except KeyError:
            labels = self._admitted(labels)
            self.series[labels] = self.series.get(labels, 0) + by


class Gauge(Metric):
    """A number that is read when a scrape comes."""

    kind = "gauge"

    def set(self, value: float, *labels: str | int) -> None:
        """The present number of these labels."""
        self.series[labels if labels in self.series else self._admitted(labels)] = value


class Histogram(Metric):
    """How many observations were at most as large as each of ``buckets``, and their sum."""

    kind = "histogram"

    def __init__(self, *args: Any, buckets: Iterable[float], **options: Any) -> None:
        super().__init__(*args, **options)
        self.buckets = tuple(buckets)
        self.series: dict[LabelValues, Row] = {labels: self._new_row() for labels in self._known()}

    def observe(self, value: float, *labels: str | int) -> None:
        """Add an observation."""
        row = self.series.get(labels)
        if row is None:
            row = self.row(*labels)
        row[bisect_left(self.buckets, value)] += 1
        row[-1] += value

    def row(self, *labels: str | int) -> Row:
        """The row of these labels, to add to without a look-up."""
        admitted = labels if labels in self.series else self._admitted(labels)
        return self.series.setdefault(admitted, self._new_row())

    def quantile(self, share: float, counts: Sequence[float]) -> float | None:
        """The value that a share of the observations does not exceed, by the number in each bucket and above the last;
        None for none. Within a bucket they are taken to lie evenly, and those above the last on its bound.
        """
        wanted, below, low = share * sum(counts), 0.0, 0.0
        for bound, count in zip(self.buckets, counts, strict=False):
            if count and below + count >= wanted:
                return low + (bound - low) * (wanted - below) / count
            below, low = below + count, bound
        return low if sum(counts) else None

    def _new_row(self) -> Row:
        return [0] * (len(self.buckets) + 2)
