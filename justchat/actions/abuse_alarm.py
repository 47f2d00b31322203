"""An alarm: what a stranger alone can make so much of, an operator is told of in the log."""

from collections.abc import Sequence

from attrs import define, field
from twisted.logger import Logger

from justchat.errors import TooManyRequests
from justchat.interfaces.counters import IRateWindows
from justchat.model.moment import Clock, Moment
from justchat.model.rate import RateCounter

SOUNDS_AT = 0.5
"""The part of a bound at which it sounds."""
AGAIN_AFTER = 3600
"""Seconds for which it does not sound again."""


@define(kw_only=True)
class AbuseAlarm:
    """Watches how full counters are that count what all callers do together.

    Its state is this daemon's alone: it keeps the log short. What is counted is shared.
    """

    rate_windows: IRateWindows
    clock: Clock
    _sounded: dict[str, Moment] = field(factory=dict)
    """By the counters' names, which are few."""

    _log = Logger()

    async def watch(self, counters: Sequence[RateCounter], watched: Sequence[RateCounter]) -> bool:
        """Whether one of the watched counters is half full. Raises TooManyRequests where one of all is full."""
        try:
            used = await self.rate_windows.used([*watched, *counters])
        except TooManyRequests as error:
            if error.name in {counter.name for counter in watched}:
                self._sound(error.name, "all of it")
            raise
        for counter, part in zip(watched, used, strict=False):
            if part >= SOUNDS_AT:
                self._sound(counter.name, "half of it")
                return True
        return False

    def _sound(self, name: str, part: str) -> None:
        now, last = self.clock(), self._sounded.get(name + part)
        if last is None or not 0 <= (now - last).total_seconds() < AGAIN_AFTER:
            self._sounded[name + part] = now
            self._log.critical(
                "ALARM: [limits] {name}: {part} is used up. Somebody may be guessing keys, or have SMS sent",
                name=name.replace("-", "_"),
                part=part,
            )
