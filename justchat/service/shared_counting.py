"""The timer of the limits that several daemons count together."""

from typing import Any

from justchat.limits.shared_counts import STATE_EVERY, SharedCounts
from justchat.service.lifecycle import PeriodicService


class SharedCounting(PeriodicService):
    """Publishes what is open here, and at the end that nothing is."""

    def __init__(self, counts: SharedCounts, reactor: Any) -> None:
        super().__init__("shared counts", STATE_EVERY, counts.publish_state, reactor)
        self._counts = counts

    def stopService(self) -> Any:
        """See PeriodicService."""
        self._counts.stop()
        return super().stopService()
