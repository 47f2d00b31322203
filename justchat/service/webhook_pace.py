"""Webhooks give way to calls: while messages come as fast as the process can take them, webhooks wait a while."""

from collections.abc import Callable

TICK_EVERY = 0.05
"""Seconds between two measurements. So long webhooks slow calls at most before they give way."""
CALM = 0.25
"""Seconds without load after which webhooks go on."""
COST = 0.0003
"""Seconds of the processor that a webhook takes, about."""
BUSY = 0.5
"""The part of a processor, calls and webhooks together, from which on webhooks wait."""
LATE = 0.005
"""Seconds by which timers are late, on average, from which on they wait: the machine is busy, with whatever it is."""
NEWEST = 0.2
"""The weight of the newest measurement in that average."""
FEW = 80.0
"""Marks a second that are no load."""
LONGEST_WAIT = 30.0
"""Seconds that webhooks wait. Then they are sent, for as long as it takes, and calls share with them."""


class WebhookPace:
    """Says whether webhooks wait. ``seconds`` is the time, ``used`` that of this process's processor, and ``sent`` how
    many webhooks it has sent.

    What calls take is what the process takes, less what the webhooks cost. So sending what has piled up is no load.
    """

    def __init__(self, seconds: Callable[[], float], used: Callable[[], float], sent: Callable[[], int]) -> None:
        self._seconds = seconds
        self._used = used
        self._sent = sent
        self._marks = 0
        self._before = seconds(), used(), sent()
        self._late = 0.0
        self._calm_at = 0.0
        self._waits_since: float | None = None

    def mark(self) -> None:
        """A message came of which a webhook is to be told."""
        self._marks += 1

    def tick(self) -> None:
        """Measure. Is called every TICK_EVERY seconds, as exactly as the machine can."""
        before, self._before = self._before, (self._seconds(), self._used(), self._sent())
        now, took, used, sent = self._before[0], *(b - a for a, b in zip(before, self._before, strict=True))
        if took <= 0:
            return
        late = min(max(0.0, took - TICK_EVERY), TICK_EVERY)
        self._late += NEWEST * (late - self._late)
        rate, self._marks = self._marks / took, 0
        load = max(0.0, used - sent * COST) / took + rate * COST
        if rate > FEW and (load > BUSY or self._late > LATE):
            self._calm_at = now + CALM
            if self._waits_since is None:
                self._waits_since = now
        elif now >= self._calm_at:
            self._waits_since = None

    def waits(self) -> bool:
        """Whether webhooks wait now."""
        return self._waits_since is not None and self._before[0] <= self._waits_since + LONGEST_WAIT
