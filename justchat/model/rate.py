"""Rates, as the settings write them (``120/minute``), and what is counted against them."""

import re
from typing import NamedTuple

from attrs import frozen

from justchat.model.moment import Moment

_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 24 * 3600}
_WRITTEN = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day)\Z")


class Rate(NamedTuple):
    """At most ``most`` in ``seconds``."""

    most: int
    seconds: int

    def times(self, factor: int) -> "Rate":
        """The rate for ``factor`` callers together."""
        return Rate(self.most * factor, self.seconds)


def parse_rate(written: str) -> Rate | None:
    """Parse a rate of the settings; None for ``off``. Raises ValueError for anything else."""
    if written == "off":
        return None
    found = _WRITTEN.match(written)
    if found is None:
        raise ValueError('must be a rate, as "120/minute" (second, minute, hour or day), or "off"')
    return Rate(int(found[1]), _PERIODS[found[2]])


@frozen
class RateCounter:
    """One count that rates limit. ``name`` is the limit's, ``subject`` is who or what is counted; all ``rates`` apply.

    ``group`` separates counts that share a name. A refusal shows the name alone, since the group would reveal which
    phones have an account.
    """

    name: str
    subject: str
    rates: tuple[Rate, ...]
    group: str = ""


@frozen
class RateHit:
    """One count in one counter, which can be given back."""

    counter: RateCounter
    token: str
    """An id of this hit alone, so that it is given back at most once."""
    at: Moment
