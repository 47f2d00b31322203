"""A hybrid logical clock: the numbers by which documents are sorted in the order of their arrival.

A number is the time in microseconds where that is later than the last number, else the last number plus one. So within
one daemon the order is exact, even if many things happen in a millisecond or the wall clock is set back. Several
daemons on one database agree as far as their wall clocks do; where one thing follows from another, the store passes
the number of the first to ``observe``, so that the next number is greater.

Documents of early releases have no number: they sort before all that have one, by their time.
"""

from collections.abc import Callable
from time import time_ns


class HybridClock:
    """Gives the numbers. ``nanoseconds`` is the wall clock."""

    def __init__(self, nanoseconds: Callable[[], int] = time_ns) -> None:
        self._nanoseconds = nanoseconds
        self._last = 0

    def next(self) -> int:
        """A number greater than every one before."""
        present, after = self._nanoseconds() // 1000, self._last + 1
        self._last = present if present > after else after
        return self._last

    def present(self) -> int:
        """The wall clock, as a number."""
        return self._nanoseconds() // 1000

    def observe(self, order: int | None) -> None:
        """Give no number up to this one, which is stored already. None is a document without a number."""
        if order is not None and order > self._last:
            self._last = order
