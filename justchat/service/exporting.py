"""Makes the exports that users asked for."""

from typing import Any

from twisted.logger import Logger

from justchat.actions.exports import Exports
from justchat.errors import ApiError, DatabaseAway
from justchat.interfaces.pause import Pause
from justchat.service.lifecycle import PeriodicService
from justchat.service.paced import PacedService

ASKED_EVERY = 1.0
"""Seconds between looks for exports."""
EXPIRED_EVERY = 30.0
"""Seconds between two removals of some archives that are over."""
_log = Logger()


class Exporting(PacedService):
    """Makes exports, one at a time, whichever daemon finds them first."""

    def __init__(self, exports: Exports, reactor: Any) -> None:
        super().__init__("exports", ASKED_EVERY, self._make, None, reactor)
        self._exports = exports

    async def _make(self, pause: Pause) -> None:
        try:
            while self.running and await self._exports.make_next(pause):
                pass
        except DatabaseAway:  # which the database's client logs; the next round finds the same exports
            pass
        except ApiError as error:
            _log.warn("exports are put off to the next round: {error}", error=error)


class ExpiredExports(PeriodicService):
    """Removes archives that are over."""

    def __init__(self, exports: Exports, reactor: Any) -> None:
        super().__init__("expired exports", EXPIRED_EVERY, self._remove, reactor)
        self._exports = exports

    async def _remove(self) -> None:
        try:
            await self._exports.remove_expired()
        except DatabaseAway:
            pass
        except ApiError as error:
            _log.warn("the removal of exports is put off to the next round: {error}", error=error)
