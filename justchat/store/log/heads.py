"""The heads of streams in memory, and the publishing of entries as a head advances.

Invariant: a head in memory is its stream's state after entry ``seq``, and every entry up to ``seq`` that became durable
since the head was loaded has been published, in the order of seq, once.
"""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Generic, Protocol, Self, TypeVar

from attrs import define
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.limits.bounded_cache import BoundedCache
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.store.log.reader import LogReader

MAX_HEADS = 20_000
"""Heads kept in memory; the least recently used goes first."""
CATCH_UP_PAGE = 1000
"""Entries that one query of a catch-up reads."""


class State(Protocol):
    """What a stream's entries add up to."""

    @property
    def id(self) -> Id: ...

    def after(self, entry: Entry) -> Self:
        """The state once this entry has happened."""


S = TypeVar("S", bound=State)


@define(eq=False)
class StreamHead(Generic[S]):
    """A stream's state, true up to its entry ``seq``."""

    state: S
    seq: int


class Heads(Generic[S]):
    """The heads of one log's streams. ``load`` reads a head from the database.

    ``shared``: other daemons may append to the same streams, so that a head in memory may be out of date.
    """

    _log = Logger()

    def __init__(
        self, reader: LogReader, load: Callable[[Id], Coroutine[Any, Any, StreamHead[S]]], *, shared: bool
    ) -> None:
        self._reader = reader
        self._load = load
        self.is_shared = shared
        self.in_memory: BoundedCache[Id, StreamHead[S]] = BoundedCache(MAX_HEADS)
        self._loading: dict[Id, list[Deferred[StreamHead[S]]]] = {}
        self._subscribers: list[Callable[[S, Entry], None]] = []
        self._outdated: set[Id] = set()
        """Streams of which the log is known to have more than the head."""
        self.is_batch_in_flight = False
        self.caught_up: set[Id] = set()
        """Entries that a catch-up has published while a batch was in flight, which may be entries of that batch."""

    def subscribe(self, on_entry: Callable[[S, Entry], None]) -> None:
        """Call ``on_entry`` with each entry that becomes durable from now on, and with its stream's state after it."""
        self._subscribers.append(on_entry)

    def is_live(self, stream: Id) -> bool:
        """Whether the head in memory has all entries of its stream, as far as this daemon can know."""
        return not self.is_shared and stream not in self._outdated

    def mark_outdated(self, stream: Id) -> None:
        """The log has more of a stream than the head: it must be read before the head is used."""
        self._outdated.add(stream)

    async def get(self, stream: Id) -> StreamHead[S]:
        """The head of a stream, from memory or the database. Raises what ``load`` raises, such as RoomNotFound and
        DatabaseAway.
        """
        head = self.in_memory.use(stream)
        if head is not None:
            return head
        waiter: Deferred[StreamHead[S]] = Deferred()
        if stream in self._loading:
            self._loading[stream].append(waiter)
        else:
            self._loading[stream] = [waiter]
            ensureDeferred(self._load(stream)).addBoth(self._loaded, stream)
        return await waiter

    async def latest(self, stream: Id) -> StreamHead[S]:
        """The head of a stream, with what other daemons have appended by now. Raises as ``get``."""
        if stream not in self.in_memory or self.is_live(stream):
            return await self.get(stream)
        await self.catch_up([stream])
        return await self.get(stream)

    def _loaded(self, result: StreamHead[S] | Failure, stream: Id) -> None:
        if isinstance(result, StreamHead):
            self.put(result)
        for waiter in self._loading.pop(stream):
            waiter.callback(result)  # a Failure given to callback() is an errback

    def put(self, head: StreamHead[S]) -> None:
        """Keep a head that was just made or read."""
        self._outdated.discard(head.state.id)
        self.in_memory.put(head.state.id, head)

    def advance(self, head: StreamHead[S], entry: Entry) -> None:
        """Make this the head of the entry's stream, and publish the entry."""
        self.in_memory[entry.stream] = head
        self.in_memory.move_to_end(entry.stream)
        for on_entry in self._subscribers:
            try:
                on_entry(head.state, entry)
            except Exception:
                self._log.failure("an entry was stored but not published to every subscriber")

    async def catch_up(self, streams: Iterable[Id]) -> None:
        """Read and publish what other daemons have appended to these streams since their heads, as far as they are in
        memory. One query reads many. Raises DatabaseAway; then these heads stay out of date.
        """
        wanted = list(streams)
        while behind := {stream: self.in_memory[stream].seq for stream in wanted if stream in self.in_memory}:
            self._outdated.update(behind)
            entries = await self._reader.tails(behind, CATCH_UP_PAGE)
            for entry in entries:
                self._take(entry)
            if len(entries) < CATCH_UP_PAGE:
                self._outdated.difference_update(behind)
                return

    def _take(self, entry: Entry) -> None:
        head = self.in_memory.get(entry.stream)
        if head is None or entry.seq <= head.seq:  # by now it may be ahead
            return
        self.advance(StreamHead(head.state.after(entry), entry.seq), entry)
        if self.is_batch_in_flight:
            self.caught_up.add(entry.id)
