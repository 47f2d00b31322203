"""The text of a scrape, by prometheus_client: Prometheus' format, or OpenMetrics where the client asks for it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from justchat.metrics.declarations import DECLARED
from justchat.metrics.kinds import Histogram, LabelValues, Metric, Row
from justchat.metrics.snapshots import Snapshot

SLICE = 16
"""Series that are encoded before others are served: a histogram has fifteen lines for each."""
_END = b"# EOF\n"
"""The last line of OpenMetrics."""


def exposition(snapshot: Snapshot, accept: str) -> tuple[Iterator[bytes], str]:
    """The text of a merged snapshot in parts, each made within a few milliseconds, and its content type. ``accept`` is
    the client's Accept.
    """
    encode, content_type = choose_encoder(accept)
    return _encode(snapshot, encode, content_type.startswith("application/openmetrics-text")), content_type


def _encode(snapshot: Snapshot, encode: Callable[[Collector], bytes], has_end: bool) -> Iterator[bytes]:
    for name, series in snapshot.items():
        rest = list(series.items())
        for start in range(0, len(rest), SLICE):
            text = encode(_Slice(_family(DECLARED[name], rest[start : start + SLICE]))).removesuffix(_END)
            yield text if not start else _without_head(text)
    if has_end:
        yield _END


def _without_head(text: bytes) -> bytes:
    """The samples of a part of a family that has begun already."""
    return b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(b"# "))


class _Slice(Collector):
    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        yield self._family


def _family(metric: Metric, series: Sequence[tuple[LabelValues, Any]]) -> Family:
    kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    family: Any = kinds[metric.kind](metric.name, metric.help, labels=metric.label_names, unit=metric.unit)
    for labels, number in series:
        values = [str(value) for value in labels]
        if isinstance(metric, Histogram):
            family.add_metric(values, *_buckets(metric, number))
        else:
            family.add_metric(values, number)
    made: Family = family
    return made


def _buckets(metric: Histogram, row: Row) -> tuple[list[tuple[str, float]], float]:
    *counts, total = row
    bounds = [*(repr(bound) for bound in metric.buckets), "+Inf"]
    return list(zip(bounds, accumulate(counts), strict=True)), total
