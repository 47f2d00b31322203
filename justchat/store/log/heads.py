"""The heads of streams in memory, and the publishing of entries as a head advances.

Invariant: a head in memory is its stream's state after entry ``seq``, and every entry up to ``seq`` that became durable
since the head was loaded has been published, in the order of seq, once.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, Self, TypeVar

from attrs import define
from bson import ObjectId
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import DatabaseAway
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
        self.is_batch_in_flight = False
        self.caught_up: set[Id] = set()
        """Entries that a catch-up has published while a batch was in flight, which may be entries of that batch."""

    def subscribe(self, on_entry: Callable[[S, Entry], None]) -> None:
        """Call ``on_entry`` with each entry that becomes durable from now on, and with its stream's state after it."""
        self._subscribers.append(on_entry)

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
        head = await self.get(stream)
        if self.is_shared:
            await self.catch_up(stream)
            head = await self.get(stream)
        return head

    def _loaded(self, result: StreamHead[S] | Failure, stream: Id) -> None:
        if isinstance(result, StreamHead):
            self.put(result)
        for waiter in self._loading.pop(stream):
            waiter.callback(result)  # a Failure given to callback() is an errback

    def put(self, head: StreamHead[S]) -> None:
        """Keep a head that was just made or read."""
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

    async def catch_up(self, stream: Id) -> None:
        """Read and publish what other daemons have appended since our head."""
        while True:
            head = self.in_memory.get(stream)
            if head is None:
                return
            try:
                entries = await self._reader.entries(ObjectId(stream), head.seq, CATCH_UP_PAGE)
            except DatabaseAway:
                # The head is out of date, so it must not be used. It is loaded anew when the database is back.
                self.in_memory.pop(stream, None)
                return
            current = self.in_memory.get(stream)
            if current is None:
                return
            head = current  # by now it may be ahead of some of them
            for entry in entries:
                if entry.seq <= head.seq:
                    continue
                head = StreamHead(head.state.after(entry), entry.seq)
                self.advance(head, entry)
                if self.is_batch_in_flight:
                    self.caught_up.add(entry.id)
            if len(entries) < CATCH_UP_PAGE:
                return
