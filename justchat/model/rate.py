"""Rates as a configuration writes them: ``120/minute``."""

import re
from typing import NamedTuple

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
