"""The heads of streams in memory, and the publishing of entries as a head advances.

Invariant: a head in memory is its stream's state after entry ``seq``, and every entry up to ``seq`` that became durable
since the head was loaded, and has not expired meanwhile, has been published, in the order of seq, once. ``seq`` never
falls while the head is in memory.
"""

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Generic

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import ApiError, DatabaseAway
from justchat.interfaces.bus import IBus
from justchat.limits.bounded_cache import BoundedCache
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.store.log.liveness import Liveness, Period
from justchat.store.log.reader import LogReader
from justchat.store.log.stream_head import S, StreamHead

MAX_HEADS = 20_000
"""Heads kept in memory; the least recently used goes first."""
EVICTION_TRIES = 32
"""Heads that are looked at for one that can go. If all are of streams that are followed, the table grows with them."""
CATCH_UP_PAGE = 1000
"""Entries that one query of a catch-up reads."""
FAULT_OF_SUBSCRIBER = "an entry was stored but not published to every subscriber"


class Heads(Generic[S]):
    """The heads of one log's streams. ``load`` reads one. ``shared``: others append too, and ``bus`` says what.
    ``deletable``: a stream may go, with all of its entries; then ``load`` raises an ApiError.
    """

    _log = Logger()

    def __init__(
        self,
        reader: LogReader,
        load: Callable[[Id], Coroutine[Any, Any, StreamHead[S]]],
        *,
        shared: bool,
        bus: IBus | None = None,
        deletable: bool = False,
    ) -> None:
        self._reader = reader
        self._load = load
        self._bus = bus
        self.is_shared = shared
        self.are_deletable = deletable
        self.liveness = Liveness(shared=shared, bus=bus)
        self.in_memory: BoundedCache[Id, StreamHead[S]] = BoundedCache(MAX_HEADS)
        self.loading: dict[Id, list[Deferred[StreamHead[S]]]] = {}
        self.early: dict[Id, dict[int, Entry]] = {}
        """Entries of other daemons that came before the one in front of them, by stream and seq: those are gaps."""
        self.on_gap: Callable[[Id], None] = lambda stream: None
        self._subscribers: list[Callable[[S, Entry], None]] = []
        self._own_subscribers: list[Callable[[S, Entry], None]] = []
        self.is_batch_in_flight = False
        self.caught_up: set[Id] = set()
        """Entries that were published as those of others while a batch was in flight, and may be entries of that batch:
        another daemon may have appended the same one, under its derived id, or the log was read.
        """
        self.passed: dict[Id, int] = {}
        """While a batch is in flight: up to where a head has passed a hole. Entries of the batch that are not behind
        that have expired, or were published when the log was read.
        """
        self.in_use: Collection[Id] = ()
        """The streams of the batch in flight. Their heads stay in memory."""

    def subscribe(self, on_entry: Callable[[S, Entry], None]) -> None:
        """Call ``on_entry`` with each entry that becomes durable from now on, and with its stream's state after it."""
        self._subscribers.append(on_entry)

    def subscribe_own(self, on_entry: Callable[[S, Entry], None]) -> None:
        """The same for the entries that this daemon appends: for what has to follow from an entry once."""
        self._own_subscribers.append(on_entry)

    def end_of_batches(self) -> None:
        """No batch is in flight any more."""
        self.is_batch_in_flight = False
        self.caught_up, self.in_use = set(), ()
        self.passed.clear()

    def is_published(self, entry: Entry) -> bool:
        """Whether an own entry that is about to be published was published as one of others, or has expired."""
        return entry.id in self.caught_up or (bool(self.passed) and entry.seq <= self.passed.get(entry.stream, 0))

    def is_live(self, stream: Id) -> bool:
        """Whether the head in memory has all entries of its stream, as far as this daemon can know."""
        return self.liveness.is_live(stream) and stream not in self.early

    def not_live(self, streams: Iterable[Id]) -> set[Id]:
        """Those of the streams whose heads are not live."""
        return set() if self.liveness.are_all_live else {each for each in streams if not self.is_live(each)}

    async def get(self, stream: Id) -> StreamHead[S]:
        """The head of a stream, from memory or the database. Raises what ``load`` raises, such as RoomNotFound and
        DatabaseAway.
        """
        head = self.in_memory.use(stream)
        if head is not None:
            return head
        waiter: Deferred[StreamHead[S]] = Deferred()
        if stream in self.loading:
            self.loading[stream].append(waiter)
        else:
            self.loading[stream] = [waiter]
            periods = self.liveness.periods([stream])
            ensureDeferred(self._load(stream)).addBoth(self._loaded, stream, periods)
        return await waiter

    async def live(self, stream: Id, at_least: int = 0) -> StreamHead[S]:
        """The head, as the bus keeps it up to date, or else the log. It has the log's first ``at_least`` entries."""
        head = self.in_memory.get(stream)
        if head is not None and (not self.is_live(stream) or head.seq < at_least):
            return await self.latest(stream)
        return head or await self.get(stream)

    async def latest(self, stream: Id) -> StreamHead[S]:
        """The head of a stream with all that any daemon has appended by now. Raises as ``get``."""
        if stream in self.in_memory and (self.is_shared or not self.is_live(stream)):
            gone = await self.catch_up([stream])
            if stream in gone:
                gone[stream].raiseException()
        return await self.get(stream)

    def _loaded(self, result: StreamHead[S] | Failure, stream: Id, periods: dict[Id, Period]) -> None:
        if isinstance(result, StreamHead):
            if stream not in self.in_memory:  # else an entry that was stored before has been published meanwhile
                self.put(result)
                self.liveness.verify(periods)
            if stream in self.early:
                self._take_early(stream)
                if stream in self.early:
                    self.on_gap(stream)
            result = self.in_memory[stream]
        else:
            self.early.pop(stream, None)
            self.liveness.forget(stream)
        for waiter in self.loading.pop(stream):
            waiter.callback(result)  # a Failure given to callback() is an errback

    def put(self, head: StreamHead[S]) -> None:
        """Keep a head that was just made or read."""
        stream, heads = head.state.id, self.in_memory
        heads[stream] = head
        heads.move_to_end(stream)
        self.liveness.verify(self.liveness.periods([stream]))
        if len(heads) > heads.max_items:
            self._evict()

    def _evict(self) -> None:
        """Drop the least recently used heads; but not of streams that are followed, since their entries are published,
        nor of those of the batch in flight.
        """
        heads = self.in_memory
        for stream in list(islice(heads, EVICTION_TRIES)):
            if stream in self.in_use or (self._bus is not None and self._bus.is_followed(stream)):
                heads.move_to_end(stream)
                continue
            self._forget(stream)
            if len(heads) <= heads.max_items:
                return

    def drop_first(self, stream: Id) -> None:
        """Let this head go before all others: nobody is likely to need it again."""
        if stream in self.in_memory:
            self.in_memory.move_to_end(stream, last=False)

    def advance(self, head: StreamHead[S], entry: Entry) -> None:
        """Make this the head of the entry's stream, unless one that was read is further, and publish the entry."""
        stream = entry.stream
        known = self.in_memory.get(stream)
        if known is None or known.seq < head.seq:
            self.in_memory[stream] = head
        self.in_memory.move_to_end(stream)
        self._publish(head.state, entry)
        if self.early and stream in self.early:
            self._take_early(stream)

    def _publish(self, state: S, entry: Entry) -> None:
        for on_entry in self._subscribers:
            try:
                on_entry(state, entry)
            except Exception:
                self._log.failure(FAULT_OF_SUBSCRIBER)

    def publish_own(self, state: S, entry: Entry) -> None:
        """Publish an entry of this daemon, which all subscribers have, to those of own entries."""
        for on_entry in self._own_subscribers:
            try:
                on_entry(state, entry)
            except Exception:
                self._log.failure(FAULT_OF_SUBSCRIBER)

    def take(self, entry: Entry) -> bool:
        """Take in an entry of another daemon; False if the head lacks entries in front of it."""
        head = self.in_memory.get(entry.stream)
        if head is None or entry.seq <= head.seq:
            return True
        if entry.seq > head.seq + 1:
            return False
        self._advance_by_others(head, entry)
        return True

    def _advance_by_others(self, head: StreamHead[S], entry: Entry) -> None:
        """Publish an entry that comes from elsewhere than the batch in flight, though it may be in that, too."""
        if self.is_batch_in_flight:
            self.caught_up.add(entry.id)
        self.advance(StreamHead(head.state.after(entry), entry.seq), entry)

    def _take_early(self, stream: Id) -> None:
        """Take in the entries that came early, up to the next gap."""
        early = self.early.pop(stream)
        while (entry := early.pop(self.in_memory[stream].seq + 1, None)) is not None:
            self._advance_by_others(self.in_memory[stream], entry)
        if early and max(early) > self.in_memory[stream].seq:
            self.early[stream] = early

    async def catch_up(self, streams: Iterable[Id]) -> Mapping[Id, Failure]:
        """Read and publish what others have appended to these streams since their heads, as far as those are in memory.
        Returns which streams are gone, with the errors that loading them raises.

        One query reads many. Raises DatabaseAway; then these heads are not live.
        """
        wanted = list(streams)
        periods = self.liveness.periods(wanted)
        while behind := {stream: self.in_memory[stream].seq for stream in wanted if stream in self.in_memory}:
            # A stream that has not even its head's entry may be deleted.
            after = {stream: seq - 1 for stream, seq in behind.items()} if self.are_deletable else behind
            page = CATCH_UP_PAGE + len(behind)
            entries = await self._reader.tails(after, page)
            behind_holes: dict[Id, list[Entry]] = {}
            for entry in _as_they_happened(entries):
                head = self.in_memory.get(entry.stream)
                if head is None or entry.seq <= head.seq:  # it has come meanwhile
                    continue
                if entry.stream in behind_holes or entry.seq > head.seq + 1:
                    behind_holes.setdefault(entry.stream, []).append(entry)
                    continue
                self._advance_by_others(head, entry)
            for stream, left in behind_holes.items():
                await self._pass_hole(stream, left)
            if len(entries) < page and not behind_holes:
                found = {entry.stream for entry in entries}
                gone = await self._find_gone(behind.keys() - found) if self.are_deletable else {}
                self.liveness.verify({stream: periods[stream] for stream in behind if stream not in gone})
                return gone
        return {}

    async def _find_gone(self, streams: Iterable[Id]) -> dict[Id, Failure]:
        """Of these streams the log has no entry from the head's on. They are new, or they are deleted and cannot be
        loaded; then all of their seqs are free. Raises DatabaseAway.
        """
        gone: dict[Id, Failure] = {}
        for stream in streams:
            try:
                await self._load(stream)
            except DatabaseAway:
                raise
            except ApiError:
                gone[stream] = Failure()
                if stream not in self.in_use:
                    self._forget(stream)
        return gone

    def _forget(self, stream: Id) -> None:
        self.in_memory.pop(stream, None)
        self.early.pop(stream, None)
        self.liveness.forget(stream)

    async def _pass_hole(self, stream: Id, left: list[Entry]) -> None:
        """Entries behind a head have expired, or are being deleted with their stream. ``left`` were read behind those:
        they are published with the state that is read now, as it is no longer known what there was after each.

        Raises DatabaseAway.
        """
        try:
            head = await self._load(stream)
        except DatabaseAway:
            raise
        except ApiError:  # the stream is nearly gone: read what is left of it
            head = None
        known = self.in_memory.get(stream)
        if known is None or known.seq >= left[0].seq:
            return
        if head is None or head.seq < left[0].seq:
            head = StreamHead(known.state, left[0].seq - 1)
        if self.is_batch_in_flight:
            self.passed[stream] = head.seq
        self.in_memory[stream] = head
        for entry in left:
            if entry.seq <= head.seq:
                self._publish(head.state, entry)
        if stream in self.early:
            self._take_early(stream)


def _as_they_happened(entries: Sequence[Entry]) -> Iterable[Entry]:
    """Entries of several streams in the order of their times, and those of each stream in its own order: who leaves a
    room and enters the next is told so in this order.
    """
    latest: dict[Id, int] = {}
    places = []
    for entry in entries:
        latest[entry.stream] = max(entry.place, latest.get(entry.stream, 0))
        places.append(latest[entry.stream])
    return (entries[number] for number in sorted(range(len(entries)), key=places.__getitem__))
