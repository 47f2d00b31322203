"""Moments: aware datetimes in UTC with whole milliseconds, as MongoDB stores them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import CLOCK_BOOTTIME, clock_gettime, time_ns

Moment = datetime
Clock = Callable[[], Moment]
"""Returns the present. It is passed as an argument, so that tests need not patch time."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> Moment:
    """The present, truncated to milliseconds."""
    return _moment_of(time_ns() // 1_000_000)


def seconds_since_boot() -> float:
    """Goes on while the machine is suspended, as the reactor's clock may not."""
    return clock_gettime(CLOCK_BOOTTIME)


@lru_cache(2)  # under load many callers ask within one millisecond
def _moment_of(value: int) -> Moment:
    return datetime.fromtimestamp(value / 1000, UTC)


@lru_cache(256)  # most moments are formatted twice: in an event and in an answer
def iso(moment: Moment) -> str:
    """``2014-02-03T15:37:30.126Z``, the format of every time in a document."""
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def milliseconds(moment: Moment) -> int:
    """Milliseconds since the epoch."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(value: int) -> Moment:
    """The moment ``value`` milliseconds after the epoch. Raises ValueError, OverflowError for years out of range."""
    return EPOCH + timedelta(milliseconds=value)


def from_iso(text: str) -> Moment:
    """Parse an ISO 8601 string; without a zone it is UTC. Raises ValueError, OverflowError."""
    if len(text) > len("20261127") and text.isdecimal():
        # Milliseconds. datetime would read some of them as a time of the year 1701.
        raise ValueError("not ISO 8601")
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
