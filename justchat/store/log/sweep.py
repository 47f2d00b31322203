"""The sweep: compares the heads of followed streams with the log, since the bus may lose packets.

Invariant: while the bus is there, each followed stream is compared at least once in ROLLING seconds, and once after its
node was away. While a node is away, or another daemon has lost one, all are compared every SWEEP_EVERY seconds, or more
rarely where that takes more than a tenth of the time.
"""

from collections.abc import Sequence
from typing import Generic

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import DatabaseAway
from justchat.interfaces.bus import IBus, PacketKind
from justchat.model.ids import Id
from justchat.store.log.heads import Heads
from justchat.store.log.reader import LogReader
from justchat.store.log.stream_head import S

SWEEP_EVERY = 0.5
"""Seconds between rounds."""
ROLLING = 30.0
"""Seconds in which rounds compare all streams once, if nothing calls for more."""
COMPARED_AT_ONCE = 1000
"""Streams of one query, which takes the database 4 to 10 microseconds each."""
PAUSE = 10
"""Rounds that compare all streams begin at least this many times their own duration after another."""


class Sweep(Generic[S]):
    """Compares heads. ``round`` is to be called every SWEEP_EVERY seconds."""

    _log = Logger()

    def __init__(self, bus: IBus, heads: Heads[S], reader: LogReader) -> None:
        self._bus = bus
        self._heads = heads
        self._reader = reader
        self._is_all_due = False
        self._is_running = False
        self._next_all = 0.0
        self._rest: list[Id] = []
        """Streams that this rolling sweep has still to compare."""
        self._portion = 0
        bus.on_change(self.compare_all)
        bus.on_packet(PacketKind.SWEEP, lambda stream, body: self.compare_all())

    def compare_all(self) -> None:
        """Compare all streams, at once if no round is in progress."""
        self._is_all_due = True
        ensureDeferred(self.round()).addErrback(lambda failure: self._log.failure("a sweep failed", failure))

    async def round(self) -> None:
        """Compare what is due."""
        if self._is_running:
            return
        self._is_running = True
        try:
            if self._is_all_due or self._bus.is_away():
                if reactor.seconds() >= self._next_all:
                    await self._sweep_all()
            else:
                await self._roll()
        except DatabaseAway:  # others log that
            self._is_all_due = True
        finally:
            self._is_running = False

    async def _sweep_all(self) -> None:
        self._is_all_due = False
        began = reactor.seconds()
        await self._compare(self._followed())
        self._next_all = began + PAUSE * (reactor.seconds() - began)

    async def _roll(self) -> None:
        if not self._rest:
            self._rest = self._followed()
            self._portion = int(len(self._rest) * SWEEP_EVERY / ROLLING) + 1
        portion, self._rest = self._rest[-self._portion :], self._rest[: -self._portion]
        await self._compare(portion)

    def _followed(self) -> list[Id]:
        return [stream for stream in self._bus.followed() if stream in self._heads.in_memory]

    async def _compare(self, streams: Sequence[Id]) -> None:
        """Raises DatabaseAway."""
        for start in range(0, len(streams), COMPARED_AT_ONCE):
            if start:
                await deferLater(reactor, 0)
            await self._compare_some(streams[start : start + COMPARED_AT_ONCE])

    async def _compare_some(self, streams: Sequence[Id]) -> None:
        heads = self._heads
        periods = heads.liveness.periods(streams)
        seqs = await self._reader.seqs(streams)
        behind = []
        for stream, period in periods.items():
            head = heads.in_memory.get(stream)
            if head is None:
                continue
            if seqs.get(stream, 0) > head.seq or (heads.are_deletable and stream not in seqs):
                behind.append(stream)
            else:
                heads.liveness.verify({stream: period})
        if behind:
            await heads.catch_up(behind)
