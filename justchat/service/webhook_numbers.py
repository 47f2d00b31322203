"""What metrics show of webhooks beside what is counted where it happens."""

from collections import Counter
from collections.abc import Mapping, Sequence

from justchat.actions.webhook_relay import MOST_DEAD, MOST_KEPT, Allowance
from justchat.actions.webhook_sending import WINDOW
from justchat.metrics import declarations as metrics
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.wiring.webhooks import WebhookSending

OUTCOMES = ("delivered", "failed", "dead", "lost")


class WebhookNumbers:
    """The gauges of webhooks, by server: two of one server are one there."""

    def __init__(self, sendings: Sequence[WebhookSending], clock: Clock) -> None:
        self._sendings = sendings
        self._clock = clock
        for sending in sendings:  # shown from the start, so that the first failure is a change
            for outcome in OUTCOMES:
                metrics.WEBHOOK_DELIVERIES.count(sending.sender.name, outcome, by=0)
        for place, bound in (("waiting", MOST_KEPT), ("memory", WINDOW), ("dead", MOST_DEAD)):
            metrics.WEBHOOK_BOUND.set(bound, place)
        self.clear()

    def show(self, allowances: Mapping[Id, Allowance]) -> None:
        """This daemon sends, and this is what is kept."""
        kept: Counter[tuple[str, str]] = Counter()
        delays: dict[str, float] = {}
        for sending in self._sendings:
            name, allowance = sending.sender.name, allowances.get(sending.webhook.id, Allowance())
            kept[name, "waiting"] += allowance.waiting
            kept[name, "memory"] += sending.sender.in_memory()
            kept[name, "dead"] += allowance.dead
            delay = 0.0 if allowance.oldest is None else (self._clock() - allowance.oldest).total_seconds()
            delays[name] = max(0.0, delay, delays.get(name, 0.0))
        for (name, place), number in kept.items():
            metrics.WEBHOOK_KEPT.set(number, name, place)
        for name, delay in delays.items():
            metrics.WEBHOOK_DELAY.set(delay, name)

    def clear(self) -> None:
        """Another daemon sends, or none does."""
        for sending in self._sendings:
            for place in ("waiting", "memory", "dead"):
                metrics.WEBHOOK_KEPT.set(0, sending.sender.name, place)
            metrics.WEBHOOK_DELAY.set(0, sending.sender.name)
