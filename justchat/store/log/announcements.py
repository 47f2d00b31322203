"""Announcements: this daemon tells the others over the bus of each entry that it appends.

Invariant: of an entry whose stream's node is away, at least a hint is sent once the node is back, or a SWEEP where
there are too many streams to remember.
"""

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.interfaces.bus import CONTROL, IBus, PacketKind
from justchat.model.ids import Id
from justchat.store.log.packets import hint

MOST_UNTOLD = 100_000
"""Streams that are remembered while their nodes are away."""
HINTS_AT_ONCE = 1000
FOLLOWED_FOR = 60.0
"""Seconds that a stream is followed at least after an entry of this daemon."""
MOST_WRITTEN = 20_000
"""Streams that are followed for it, twice at most."""


class Announcements:
    """Publishes entries and hints, and follows the streams that this daemon writes to."""

    _log = Logger()

    def __init__(self, bus: IBus) -> None:
        self._bus = bus
        self._untold: dict[Id, int] = {}
        self._is_too_much = False
        self._was_untold = False
        self._is_telling = False
        self._recent: dict[Id, bool] = {}
        """Streams written to in this period, and whether they are followed for it."""
        self._before: dict[Id, bool] = {}
        """The same of the period before."""
        bus.on_change(self.tell_missed)

    def announce(self, stream: Id, seq: int, document: bytes) -> None:
        """Tell the other daemons of an entry that is durable and published here."""
        if not self._recent.get(stream):
            self._follow(stream)
        if self._bus.publish(stream, PacketKind.ENTRY, document):
            return
        self._was_untold = True
        if stream in self._untold or len(self._untold) < MOST_UNTOLD:
            self._untold[stream] = seq
        else:
            self._is_too_much = True

    def was_untold(self) -> bool:
        """Whether, since the last call of this, an entry could not be told."""
        was, self._was_untold = self._was_untold, False
        return was

    def _follow(self, stream: Id) -> None:
        """Follow a stream from its second entry on: most receivers of a direct message are not written to again."""
        if stream in self._recent or stream in self._before:
            if not self._before.pop(stream, False):
                self._bus.follow(stream)
            self._recent[stream] = True
        elif len(self._recent) < MOST_WRITTEN:
            self._recent[stream] = False

    def end_period(self) -> None:
        """Is to be called every FOLLOWED_FOR seconds. Streams without a new entry are not followed any more."""
        for stream, is_followed in self._before.items():
            if is_followed:
                self._bus.unfollow(stream)
        self._before, self._recent = self._recent, {}

    def tell_missed(self) -> None:
        """Send hints for what could not be told, as far as its nodes are back."""
        if not self._is_telling and (self._untold or self._is_too_much):
            self._is_telling = True
            ensureDeferred(self._tell()).addErrback(
                lambda failure: self._log.failure("other daemons were not told of entries", failure)
            )

    async def _tell(self) -> None:
        try:
            for number, (stream, seq) in enumerate(tuple(self._untold.items())):
                if number % HINTS_AT_ONCE == HINTS_AT_ONCE - 1:
                    await deferLater(reactor, 0)
                if self._bus.publish(stream, PacketKind.HINT, hint(seq)) and self._untold.get(stream) == seq:
                    del self._untold[stream]
            if self._is_too_much and self._bus.publish(CONTROL, PacketKind.SWEEP, b""):
                self._is_too_much = False
        finally:
            self._is_telling = False
