"""Webhooks give way to calls: while messages come as fast as the process can take them, webhooks wait a while."""

from collections.abc import Callable

WINDOW = 0.25
"""Seconds over which the load is measured."""
COST = 0.0004
"""Seconds of the processor that a webhook takes, about."""
BUSY = 0.5
"""The part of a processor, calls and webhooks together, from which on webhooks wait."""
LATE = 0.004
"""Seconds by which timers are late, on average, from which on they wait: the machine is busy, with whatever it is."""
FEW = 80.0
"""Marks a second that are no load."""
LONGEST_WAIT = 30.0
"""Seconds that webhooks wait. Then they are sent, for as long as it takes, and calls share with them."""


class WebhookPace:
    """Says whether webhooks are to be sent now. ``seconds`` is the time, ``used`` that of this process's processor."""

    def __init__(self, seconds: Callable[[], float], used: Callable[[], float]) -> None:
        self._seconds = seconds
        self._used = used
        self._marks = 0
        self._begun = seconds(), used()
        self._late = 0.0
        self._steps = 0
        self._waits_since: float | None = None
        self._is_over = False

    def mark(self) -> None:
        """A message came of which a webhook is to be told."""
        self._marks += 1

    def waits(self, late: float) -> bool:
        """Whether webhooks wait. Is called in each step, which was so many seconds late."""
        now, used = self._seconds(), self._used()
        self._late += late
        self._steps += 1
        took = now - self._begun[0]
        if took < WINDOW:
            return self._waits_since is not None and not self._is_over
        rate, load = self._marks / took, (used - self._begun[1]) / took
        late, self._late = self._late / self._steps, 0.0
        self._begun, self._marks, self._steps = (now, used), 0, 0
        if self._waits_since is not None and not self._is_over:
            load += rate * COST  # so much more, if they were sent
        is_busy = rate > FEW and (load > BUSY or late > LATE)
        if not is_busy:
            self._waits_since, self._is_over = None, False
        elif self._waits_since is None:
            self._waits_since = now
        elif now > self._waits_since + LONGEST_WAIT:
            self._is_over = True
        return self._waits_since is not None and not self._is_over
