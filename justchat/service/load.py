"""Writes down the load of this process, for the console's overview (docs/design.rst, "The overview")."""

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from justchat.errors import ApiError
from justchat.interfaces.load import ILoad
from justchat.metrics.declarations import FAILURES, LOG_ENTRIES, LOG_SECONDS
from justchat.model.load import LoadPoint, begin_of, minute_of
from justchat.model.moment import Clock
from justchat.service.lifecycle import PeriodicService

LOOKS_EVERY = 2.0
"""Seconds between looks whether a minute is over."""
KEPT = 60
"""Minutes that are kept while the database is away."""


@frozen
class Counted:
    """What the process has counted since its start. Others count it: this costs nobody anything."""

    entries: int
    errors: int
    batches: tuple[int, ...]


def counted() -> Counted:
    """What the process has counted by now."""
    batches = [sum(of_logs) for of_logs in zip(*LOG_SECONDS.series.values(), strict=True)][:-1]
    return Counted(
        entries=int(sum(LOG_ENTRIES.series.values())),
        errors=int(sum(FAILURES.series.values())),
        batches=tuple(map(int, batches)),
    )


class LoadService(PeriodicService):
    """Adds each minute that is over to the minutes of all processes. ``count_sockets`` is how many are open."""

    def __init__(self, load: ILoad, count_sockets: Callable[[], int], clock: Clock, reactor: Any) -> None:
        super().__init__("the overview's load", LOOKS_EVERY, self._look, reactor)
        self._load = load
        self._count_sockets = count_sockets
        self._clock = clock
        self._minute = minute_of(clock())
        self._before = counted()
        self._unsaid: deque[LoadPoint] = deque(maxlen=KEPT)

    async def _look(self) -> None:
        minute = minute_of(self._clock())
        if minute != self._minute:
            self._close(self._count_sockets())
            self._minute = minute
        await self._say()

    def _close(self, sockets: int) -> None:
        """What was counted belongs to the minute that is over."""
        present, before = counted(), self._before
        self._before = present
        self._unsaid.append(
            LoadPoint(
                at=begin_of(self._minute),
                sockets=sockets,
                entries=present.entries - before.entries,
                errors=present.errors - before.errors,
                batches=tuple(now - then for now, then in zip(present.batches, before.batches, strict=True)),
            )
        )

    async def _say(self) -> None:
        points = list(self._unsaid)
        if not points:
            return
        try:
            await self._load.add(points)
        except ApiError:  # the database is away, which others log; the next look says it
            return
        self._unsaid.clear()

    def stopService(self) -> "Deferred[None]":
        """The Deferred fires when the last round has ended, and the rest is written."""
        return Deferred.fromCoroutine(self._end(super().stopService()))

    async def _end(self, last_round: "Deferred[Any] | None") -> None:
        if last_round is not None:  # else it never started, and the database may not be open
            await last_round
            if self._unsaid:  # the database is away: it would keep the stop waiting
                return
            # Its sockets are closed: the process that comes after it says how many this minute has.
            self._close(0)
            await self._say()
