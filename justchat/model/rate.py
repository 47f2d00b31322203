"""Rates as a configuration writes them: ``120/minute``; and what is counted by them."""

import re
from typing import NamedTuple

from attrs import frozen

from justchat.model.moment import Moment

_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 24 * 3600}
_WRITTEN = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day)\Z")


class Rate(NamedTuple):
    """So many in so many seconds."""

    most: int
    seconds: int

    def times(self, factor: int) -> "Rate":
        """The rate of as many callers together."""
        return Rate(self.most * factor, self.seconds)


def parse_rate(written: str) -> Rate | None:
    """The rate; None for ``off``. Raises ValueError for what is neither."""
    if written == "off":
        return None
    found = _WRITTEN.match(written)
    if found is None:
        raise ValueError('must be a rate, as "120/minute" (second, minute, hour or day), or "off"')
    return Rate(int(found[1]), _PERIODS[found[2]])


@frozen
class Counter:
    """Something that is counted: ``name`` says what, ``of`` by or to whom, ``rates`` how often it may be, all at once.

    ``group`` keeps counts apart that a refusal calls by one name: it would tell a stranger who is known here.
    """

    name: str
    of: str
    rates: tuple[Rate, ...]
    group: str = ""


@frozen
class Hit:
    """One that was counted, or may have been."""

    counter: Counter
    token: str
    """An id of its own, by which it is given back once."""
    at: Moment
