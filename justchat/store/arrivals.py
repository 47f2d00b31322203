"""The order of arrival: numbers that only rise, whatever the wall clock does.

A hybrid logical clock: a number is the time in microseconds where that is later than the last number, else the last
number and one. So within one daemon the order is exact, though many things happen in a millisecond and the clock may be
set back. Several daemons on one database agree as far as their clocks do; where one thing follows from another, the
store tells ``saw`` of the number that it has to come after.

What an earlier release stored has no number: it sorts before all that has one, by its time.
"""

from collections.abc import Callable
from time import time_ns


class Arrivals:
    """Gives the numbers. ``nanoseconds`` is the wall clock."""

    def __init__(self, nanoseconds: Callable[[], int] = time_ns) -> None:
        self._nanoseconds = nanoseconds
        self._last = 0

    def next(self) -> int:
        """A number greater than every one before."""
        self._last = max(self._last + 1, self._nanoseconds() // 1000)
        return self._last

    def saw(self, order: int | None) -> None:
        """There is this number already: the next is greater."""
        if order is not None and order > self._last:
            self._last = order
