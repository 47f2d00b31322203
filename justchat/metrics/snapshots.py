"""Snapshots: the numbers of one process at one moment, and how those of several processes become one.

A worker that is started again counts from 0. So the sum would fall, which Prometheus takes for a new start of the whole
daemon: it would count everything anew. ``Totals`` keeps what a worker had counted at its last scrape.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from justchat.metrics.declarations import DECLARED
from justchat.metrics.kinds import Counter, Gauge, Histogram, LabelValues, Metric

Snapshot = dict[str, dict[LabelValues, Any]]
"""By name of a metric and labels, its number, or the row of a histogram."""


def take_snapshot() -> Snapshot:
    """The numbers of this process. The gauges have been set before."""
    return {name: dict(metric.series) for name, metric in DECLARED.items()}


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """One line of JSON."""
    return orjson.dumps({name: list(series.items()) for name, series in snapshot.items()})


def decode_snapshot(line: bytes) -> Snapshot:
    """The snapshot of a line."""
    return {
        name: {tuple(labels): number for labels, number in series}
        for name, series in orjson.loads(line).items()
        if name in DECLARED
    }


class Totals:
    """The numbers of several processes together, by the name that each has as a worker."""

    def __init__(self) -> None:
        self._ended: Snapshot = {}
        """What processes that have ended had counted."""
        self._last: dict[str, Snapshot] = {}

    def update(self, worker: str, snapshot: Snapshot) -> None:
        """These are the present numbers of a process."""
        self._last[worker] = snapshot

    def ended(self, worker: str) -> None:
        """The process has ended. The next one of this name counts from 0."""
        last = self._last.pop(worker, None)
        if last is not None:
            self._ended = _added([self._ended, _of_worker(worker, last)], (Counter, Histogram))

    def merged(self) -> Snapshot:
        """The numbers of all, with the label ``worker`` where it tells them apart."""
        return _added([self._ended, *(_of_worker(worker, last) for worker, last in self._last.items())])


def _of_worker(worker: str, snapshot: Snapshot) -> Snapshot:
    return {
        name: {(*labels, worker): number for labels, number in series.items()}
        if DECLARED[name].merging == "worker"
        else series
        for name, series in snapshot.items()
    }


def _added(snapshots: Iterable[Snapshot], kinds: tuple[type[Metric], ...] = (Counter, Gauge, Histogram)) -> Snapshot:
    sums: Snapshot = {}
    for snapshot in snapshots:
        for name, series in snapshot.items():
            metric = DECLARED[name]
            if isinstance(metric, kinds):
                _add(metric, sums.setdefault(name, {}), series)
    return sums


def _add(metric: Metric, sums: dict[LabelValues, Any], series: Mapping[LabelValues, Any]) -> None:
    for labels, number in series.items():
        before = sums.get(labels)
        if before is None:
            sums[labels] = number
        elif isinstance(number, list):
            sums[labels] = [one + other for one, other in zip(before, number, strict=True)]
        else:
            sums[labels] = max(before, number) if metric.merging == "max" else before + number
