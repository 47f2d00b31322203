"""The other daemons, as a log sees them: the entries that it publishes to them, and theirs.

Invariant: what they append is published here at last by a sweep, whatever the bus loses.
"""

from typing import Generic

from twisted.internet import reactor

from justchat.interfaces.bus import IBus
from justchat.model.ids import Id
from justchat.store.log.announcements import FOLLOWED_FOR, Announcements
from justchat.store.log.heads import Heads
from justchat.store.log.incoming import Incoming
from justchat.store.log.reader import LogReader
from justchat.store.log.stream_head import S
from justchat.store.log.sweep import Sweep


class Neighbours(Generic[S]):
    """Composes the parts of a log that use the bus."""

    def __init__(self, bus: IBus, heads: Heads[S], reader: LogReader) -> None:
        self.announcements = Announcements(bus)
        self._heads = heads
        self._incoming = Incoming(bus, heads)
        self._sweep = Sweep(bus, heads, reader)
        self._period_ends = reactor.seconds() + FOLLOWED_FOR

    async def look(self) -> None:
        """Do what is due of the work that is done from time to time."""
        if self._heads.liveness.notice_standstill():
            self._sweep.compare_all()
        self.announcements.tell_missed()
        if reactor.seconds() >= self._period_ends:
            self._period_ends = reactor.seconds() + FOLLOWED_FOR
            self.announcements.end_period()
        await self._sweep.round()

    def keep_followed(self, stream: Id) -> None:
        """Follow a stream that is needed, from the second time on, as those that this daemon writes to."""
        self.announcements.keep_followed(stream)

    def had_unpublished(self) -> bool:
        """Whether, since the last call of this, an entry could not be published to the others."""
        return self.announcements.had_unpublished()

    def compare_all(self) -> None:
        """Another daemon could not publish its entries: look for them."""
        self._sweep.compare_all()

    def close(self) -> None:
        """Read nothing any more."""
        self._incoming.close()
