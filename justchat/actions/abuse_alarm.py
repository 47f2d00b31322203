"""The abuse alarm: a critical log line when a limit that all callers share is half used, and when it is used up."""

from collections.abc import Sequence

from attrs import define, field
from twisted.logger import Logger

from justchat.errors import TooManyRequests
from justchat.interfaces.counters import IRateWindows
from justchat.model.moment import Clock, Moment
from justchat.model.rate import RateCounter

RAISED_AT = 0.5
"""The part of a limit at which the alarm is raised."""
SILENT_FOR = 3600
"""Seconds after an alarm in which it is not logged again."""


@define(kw_only=True)
class AbuseAlarm:
    """Watches counters that all callers share.

    The counts are in the database. Only the time of the last log line is this daemon's own.
    """

    rate_windows: IRateWindows
    clock: Clock
    _raised: dict[str, Moment] = field(factory=dict)
    """When each line was last logged, by counter name and part; there are few names."""

    _log = Logger()

    async def watch(self, counters: Sequence[RateCounter], watched: Sequence[RateCounter]) -> bool:
        """Whether a watched counter is half full. Raises TooManyRequests where any counter is full."""
        try:
            used = await self.rate_windows.used([*watched, *counters])
        except TooManyRequests as error:
            if error.name in {counter.name for counter in watched}:
                self._raise(error.name, "all of it")
            raise
        for counter, part in zip(watched, used, strict=False):
            if part >= RAISED_AT:
                self._raise(counter.name, "half of it")
                return True
        return False

    def _raise(self, name: str, part: str) -> None:
        now, last = self.clock(), self._raised.get(name + part)
        if last is None or not 0 <= (now - last).total_seconds() < SILENT_FOR:
            self._raised[name + part] = now
            self._log.critical(
                "ALARM: [limits] {name}: {part} is used up. Somebody may be guessing keys or triggering SMS",
                name=name.replace("-", "_"),
                part=part,
            )
