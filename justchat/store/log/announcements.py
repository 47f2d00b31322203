"""Announcements: this daemon publishes each entry that it appends to the others, over the bus.

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

MOST_UNPUBLISHED = 100_000
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
        self._unpublished: dict[Id, int] = {}
        self._is_too_much = False
        self._had_unpublished = False
        self._is_sending_hints = False
        self._recent: dict[Id, bool] = {}
        """Streams written to in this period, and whether they are followed for it."""
        self._before: dict[Id, bool] = {}
        """The same of the period before."""
        bus.on_change(self.tell_missed)

    def announce(self, stream: Id, seq: int, document: bytes) -> None:
        """Publish an entry, which is durable and published here, to the other daemons."""
        self.keep_followed(stream)
        if self._bus.publish(stream, PacketKind.ENTRY, document):
            return
        self._had_unpublished = True
        if stream in self._unpublished or len(self._unpublished) < MOST_UNPUBLISHED:
            self._unpublished[stream] = seq
        else:
            self._is_too_much = True

    def had_unpublished(self) -> bool:
        """Whether, since the last call of this, an entry could not be published."""
        was, self._had_unpublished = self._had_unpublished, False
        return was

    def keep_followed(self, stream: Id) -> None:
        """Follow a stream from its second use on: most receivers of a direct message are not written to again."""
        if self._recent.get(stream):
            return
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
        """Send hints for entries that could not be published, as far as their nodes are back."""
        if not self._is_sending_hints and (self._unpublished or self._is_too_much):
            self._is_sending_hints = True
            ensureDeferred(self._tell()).addErrback(
                lambda failure: self._log.failure("entries were not announced to other daemons", failure)
            )

    async def _tell(self) -> None:
        try:
            for number, (stream, seq) in enumerate(tuple(self._unpublished.items())):
                if number % HINTS_AT_ONCE == HINTS_AT_ONCE - 1:
                    await deferLater(reactor, 0)
                if self._bus.publish(stream, PacketKind.HINT, hint(seq)) and self._unpublished.get(stream) == seq:
                    del self._unpublished[stream]
            if self._is_too_much and self._bus.publish(CONTROL, PacketKind.SWEEP, b""):
                self._is_too_much = False
        finally:
            self._is_sending_hints = False
