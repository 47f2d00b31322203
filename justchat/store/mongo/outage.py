"""Tells the operator, in the log, when the database goes away and when it is back."""

from time import perf_counter

from twisted.logger import Logger


class Outage:
    """Whether a database is away, by how its operations end. Times are those of ``perf_counter``."""

    _log = Logger()

    def __init__(self) -> None:
        self._answered = float("inf")
        """When the database last answered. Before its first answer it cannot go away: the start fails."""
        self._began: float | None = None

    def answered(self, at: float) -> None:
        """An operation was answered."""
        self._answered = at
        if self._began is not None:
            seconds, self._began = at - self._began, None
            self._log.info("the database is back after {seconds:.1f} s", seconds=seconds)

    def failed(self, since: float) -> None:
        """An operation that began at ``since`` has no answer. If a later one has, the database is not away."""
        if self._began is None and self._answered < since:
            self._began = perf_counter()
            self._log.error("the database is away: what needs it is answered 503, and not stored, until it is back")
