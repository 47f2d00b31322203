"""The timer of the limits that several daemons count together."""

from typing import Any

from justchat.limits.shared_counts import STATE_EVERY, SharedCounts
from justchat.service.lifecycle import PeriodicService


class SharedCounting(PeriodicService):
    """Publishes what is open here, at the start that nothing is any more, and at the end that nothing is."""

    def __init__(self, counts: SharedCounts, reactor: Any) -> None:
        super().__init__("shared counts", STATE_EVERY, counts.publish_state, reactor)
        self._counts = counts

    def startService(self) -> Any:
        """See PeriodicService. What was open at the worker before this one is forgotten from now on."""
        self._counts.publish_state()
        return super().startService()

    def stopService(self) -> Any:
        """See PeriodicService."""
        self._counts.stop()
        return super().stopService()
