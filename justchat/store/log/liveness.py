"""Which heads are live: have every entry of their stream, as far as this daemon can know.

Invariant: a head is live only under the subscription of its stream under which the log was read, the read having begun
after the bus confirmed the subscription, and only while no entry is known to be missing.
"""

from collections.abc import Iterable, Mapping

from justchat.interfaces.bus import IBus
from justchat.model.ids import Id

ALONE = 1
"""The epoch of every stream where no other daemon writes."""


class Liveness:
    """Alone, every head that was read is live. With a bus, those of streams that are followed. Else none."""

    def __init__(self, *, shared: bool, bus: IBus | None) -> None:
        if bus is not None and shared:
            self._epoch = bus.epoch
        else:
            self._epoch = _away if shared else _alone
        self._is_alone = not shared
        self._verified: dict[Id, int] = {}
        self._doubted: set[Id] = set()

    @property
    def are_all_live(self) -> bool:
        """Whether all heads are live: at nearly all times where no other daemon writes."""
        return self._is_alone and not self._doubted

    def is_live(self, stream: Id) -> bool:
        """Whether the head of a stream may be used without a look into the log."""
        if self._is_alone:
            return stream not in self._doubted
        return self._verified.get(stream) == self._epoch(stream) != 0

    def epochs(self, streams: Iterable[Id]) -> dict[Id, int]:
        """The present epochs of streams, of which the log is about to be read."""
        return {stream: self._epoch(stream) for stream in streams}

    def verify(self, epochs: Mapping[Id, int]) -> None:
        """The heads have all that the log had since these epochs began."""
        if self._is_alone:
            self._doubted.difference_update(epochs)
        else:
            self._verified.update(epochs)

    def doubt(self, stream: Id) -> None:
        """The log has more than the head."""
        if self._is_alone:
            self._doubted.add(stream)
        else:
            self._verified.pop(stream, None)

    def forget(self, stream: Id) -> None:
        """The head is no longer in memory."""
        self._doubted.discard(stream)
        self._verified.pop(stream, None)


def _alone(stream: Id) -> int:
    return ALONE


def _away(stream: Id) -> int:
    return 0
