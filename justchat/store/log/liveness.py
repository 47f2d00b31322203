"""Which heads are live: have every entry of their stream, as far as this daemon can know.

Invariant: a head is live only under the subscription of its stream under which the log was read, the read having begun
after the bus confirmed the subscription, and only while no entry is known to be missing. A doubt ends the period of its
stream: a read that began before the doubt cannot verify the head. That this process has stood still is a doubt of all
streams: what others appended meanwhile may have expired, so that no index would refuse the seqs that it has freed.
"""

from collections.abc import Iterable, Mapping
from itertools import count

from justchat.interfaces.bus import IBus
from justchat.model.ids import Id
from justchat.model.moment import seconds_since_boot

Period = tuple[int, int]
"""A time in which no packet of a stream was lost, and nothing told of a missing entry: the epoch of the bus, and a
number that changes with each doubt.
"""
ALONE = 1
"""The epoch of every stream where no other daemon writes."""
STANDSTILL = 5.0
"""Seconds without a look after which this process counts as one that was suspended, or its machine was. Nothing of what
others append expires sooner.
"""


class Liveness:
    """Alone, every head that was read is live. With a bus, those of streams that are followed. Else none."""

    def __init__(self, *, shared: bool, bus: IBus | None) -> None:
        if bus is not None and shared:
            self._epoch = bus.epoch
        else:
            self._epoch = _away if shared else _alone
        self._is_alone = not shared
        self._verified: dict[Id, Period] = {}
        self._doubted: set[Id] = set()
        """Alone: streams whose heads lack entries."""
        self._doubts: dict[Id, int] = {}
        """With others: the number of the latest doubt."""
        self._doubt_of_all = 0
        """The number of the latest doubt of all streams."""
        self._numbers = count(1)
        self._looked_at = seconds_since_boot()

    @property
    def are_all_live(self) -> bool:
        """Whether all heads are live: at nearly all times where no other daemon writes."""
        return self._is_alone and not self._doubted

    def is_live(self, stream: Id) -> bool:
        """Whether the head of a stream may be used without a look into the log."""
        if self._is_alone:
            return stream not in self._doubted
        epoch = self._epoch(stream)
        return epoch != 0 and self._verified.get(stream) == (epoch, self._doubts.get(stream, self._doubt_of_all))

    def can_be_live(self, stream: Id) -> bool:
        """Whether a head is live once the log has been read: its stream is followed."""
        return self._epoch(stream) != 0

    def periods(self, streams: Iterable[Id]) -> dict[Id, Period]:
        """The present periods of streams, of which the log is about to be read."""
        return {stream: (self._epoch(stream), self._doubts.get(stream, self._doubt_of_all)) for stream in streams}

    def verify(self, periods: Mapping[Id, Period]) -> None:
        """The heads have all that the log had when these periods began."""
        if self._is_alone:
            self._doubted.difference_update(periods)
        else:
            self._verified.update(periods)

    def doubt(self, stream: Id) -> None:
        """The log has more than the head."""
        if self._is_alone:
            self._doubted.add(stream)
        else:
            self._doubts[stream] = next(self._numbers)

    def notice_standstill(self) -> bool:
        """Look whether this process has stood still since the last look; then no head is live. With others this is
        called more often than every STANDSTILL seconds.
        """
        before, self._looked_at = self._looked_at, seconds_since_boot()
        if self._looked_at - before <= STANDSTILL:
            return False
        self._verified.clear()
        self._doubts.clear()
        self._doubt_of_all = next(self._numbers)
        return True

    def forget(self, stream: Id) -> None:
        """The head is no longer in memory."""
        self._doubted.discard(stream)
        self._verified.pop(stream, None)
        self._doubts.pop(stream, None)


def _alone(stream: Id) -> int:
    return ALONE


def _away(stream: Id) -> int:
    return 0
