"""Incoming: the entries of other daemons, as they arrive over the bus.

Invariant: an entry that came early, before the one in front of it, is held, and its stream's head is not live until the
gap is closed: by that entry itself, or by reading the log after GAP_WAIT.
"""

from collections import deque
from collections.abc import Iterable
from typing import Generic

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from justchat.errors import DatabaseAway
from justchat.interfaces.bus import IBus, PacketKind
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.store.log.heads import Heads
from justchat.store.log.packets import entry_of_packet, seq_of_hint, seq_of_packet
from justchat.store.log.stream_head import S

GAP_WAIT = 0.01
"""Seconds that an entry waits for the one in front of it, before the log is read: a third of the gaps close without
that.
"""
RETRY_WAIT = 0.5
"""Seconds until the log is read again after the database was away."""
MOST_EARLY = 1000
"""Entries of one stream that are held. Of more, the last one is held, so that the gap stays open."""


class Incoming(Generic[S]):
    """Takes in the packets of the streams of one log, as far as their heads are in memory."""

    _log = Logger()

    def __init__(self, bus: IBus, heads: Heads[S]) -> None:
        self._heads = heads
        self._due: deque[tuple[float, Id]] = deque()
        """Streams to read, with the second."""
        self._timer: IDelayedCall | None = None
        self._is_closed = False
        heads.on_gap = self._on_gap
        bus.on_packet(PacketKind.ENTRY, self._on_entry)
        bus.on_packet(PacketKind.HINT, self._on_hint)

    def close(self) -> None:
        """Read nothing any more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_entry(self, stream: Id, body: bytes) -> None:
        head = self._heads.in_memory.get(stream)
        if head is None and stream not in self._heads.loading:
            return
        seq = seq_of_packet(body)
        if head is not None and seq is not None and seq <= head.seq:
            return  # mostly our own
        entry = entry_of_packet(stream, body)
        if entry is None:
            self._log.warn("a packet of an entry is malformed")
        elif head is None or not self._heads.take(entry):
            early = self._heads.early.setdefault(stream, {})
            _hold(entry, early)
            if head is not None and len(early) == 1:
                self._read_at(reactor.seconds() + GAP_WAIT, stream)

    def _on_hint(self, stream: Id, body: bytes) -> None:
        head = self._heads.in_memory.get(stream)
        if head is None and stream not in self._heads.loading:
            return
        seq = seq_of_hint(body)
        if seq is not None and (head is None or seq > head.seq):
            self._heads.liveness.doubt(stream)
            self._read_at(reactor.seconds(), stream)

    def _on_gap(self, stream: Id) -> None:
        """A head was read, and entries that came meanwhile are not next to it."""
        self._read_at(reactor.seconds(), stream)

    def _read_at(self, second: float, stream: Id) -> None:
        self._due.append((second, stream))
        self._start_timer()

    def _start_timer(self) -> None:
        if self._due and self._timer is None and not self._is_closed:
            self._timer = reactor.callLater(max(0.0, self._due[0][0] - reactor.seconds()), self._read_due)

    def _read_due(self) -> None:
        self._timer = None
        now = reactor.seconds()
        due: set[Id] = set()
        while self._due and self._due[0][0] <= now:
            due.add(self._due.popleft()[1])
        # Most gaps have closed.
        due = {stream for stream in due if not self._heads.is_live(stream)}
        if due:
            ensureDeferred(self._read(due)).addErrback(
                lambda failure: self._log.failure("entries of other daemons were not read", failure)
            )
        self._start_timer()

    async def _read(self, streams: set[Id]) -> None:
        early = self._heads.early
        held = {stream: tuple(early[stream]) for stream in streams if stream in early}
        try:
            await self._heads.catch_up(streams)
            for stream, seqs in held.items():
                self._drop(stream, seqs)
            again = {stream for stream in streams if stream in self._heads.early or stream in self._heads.loading}
        except DatabaseAway:
            again = streams
        for stream in again:
            self._read_at(reactor.seconds() + RETRY_WAIT, stream)

    def _drop(self, stream: Id, seqs: Iterable[int]) -> None:
        """Drop entries that came before the log was read, and that it does not have: they were never stored."""
        early = self._heads.early.get(stream)
        if early is None or stream not in self._heads.in_memory:
            return
        dropped = [seq for seq in seqs if early.pop(seq, None) is not None]
        if not early:
            del self._heads.early[stream]
        if dropped:
            self._log.warn("packets of {number} entries that the log does not have", number=len(dropped))


def _hold(entry: Entry, early: dict[int, Entry]) -> None:
    """Hold an entry that came early. Where there are too many, the log is read for those in front of the last one."""
    if len(early) >= MOST_EARLY and entry.seq not in early:
        last = max(early)
        if entry.seq < last:
            return
        del early[last]
    early[entry.seq] = entry
