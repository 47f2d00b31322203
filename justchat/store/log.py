"""The log: what makes a thing happen, in what order, and that it stays happened.

Everything that happens in a room, or is addressed to a user, is one entry of that stream, under a unique index on
(stream, seq). Inserting it is the commit.

- A stream's *head* (its state, and the seq up to which that is true) is held in memory. A proposal asks the rules
  of the head and makes the entry ``seq + 1``. Where another daemon took that seq first, the index refuses, the
  head is brought up to date from the log, and the proposal is asked again.
- Appends are *group-committed*: one batch is on its way at a time, and what arrives meanwhile leaves together in
  the next. Within a batch a proposal sees the entries before it, though they are not durable yet; so what it
  answers, a refusal too, is told only when they are.
- When the connection breaks, or nothing is answered in time, a batch is *in doubt*: it may be stored now, later
  or never. The same entries are sent again until each has one outcome; the unique indexes make that harmless.
  Those whose callers have been told 503 meanwhile become void, so that nothing refused appears later.

Entries are published to subscribers in the order of their seq, each once, when they are durable.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, Self, TypeVar

from attrs import define, field
from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import AlreadyStored, Busy, DatabaseAway
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.store.bson import entry_from_document, entry_to_document
from justchat.store.indexes import LOG
from justchat.store.mongo.client import Database, Document

BATCH = 500
WAITING = 10_000
"""More than this many appends waiting, and the next is told Busy."""
PATIENCE = 4.5
"""Seconds an append waits for the database before its caller is told 503."""
HEADS = 20_000
"""Rooms kept in memory; the one unused longest goes first."""
RETRY = 0.2
SLICE = 0.003
"""Seconds of telling what became durable, after which others have their turn."""
CLOSING = 1.0
"""Seconds in which a log that is closed still waits for a database that is away."""


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


@define(eq=False)
class _Append(Generic[S]):
    stream: Id
    propose: Callable[[S, int], Entry | None]
    outcome: "Deferred[tuple[S, Entry | None]]" = field(factory=Deferred)
    head: "StreamHead[S] | None" = None
    """In a batch: the stream's head after it."""
    entry: Entry | None = None
    """What it makes, if anything."""
    refusal: Failure | None = None
    decided: bool = False
    """Its outcome stands, and is about to be told."""
    heard: bool = False
    """Its entry was found and told by a look at the log, for entries of other daemons."""


class _GivenUp(Exception):
    """The log is closed, and the database did not come back in time; with the number of entries in doubt."""


class Log(Generic[S]):
    """See the module. ``load`` reads a head from the database.

    ``shared``: other daemons may append to the same streams, so that a head in memory may be out of date.
    """

    _log = Logger()

    def __init__(
        self,
        database: Database,
        load: Callable[[Id], Coroutine[Any, Any, StreamHead[S]]],
        *,
        shared: bool = False,
    ) -> None:
        self._database = database
        self._load = load
        self._subscribers: list[Callable[[S, Entry], None]] = []
        self._shared = shared
        self._heads: OrderedDict[Id, StreamHead[S]] = OrderedDict()
        self._loading: dict[Id, list[Deferred[StreamHead[S]]]] = {}
        self._waiting: deque[_Append[S]] = deque()
        self._undecided: deque[tuple[float, _Append[S]]] = deque()
        self._watch: IDelayedCall | None = None
        self._untold: deque[_Append[S]] = deque()
        """Of the batch before: decided, and nobody knows yet. In memory their entries have not happened."""
        self._read_first: set[Id] = set()
        """Entries that a look at the log, for those of other daemons, found and told while a batch was on its way."""
        self._busy = False
        self._closed = False
        self._gives_up_at: float | None = None
        self._idle: Deferred[bool] = Deferred()

    def subscribe(self, on_entry: Callable[[S, Entry], None]) -> None:
        """Call ``on_entry`` with each entry that becomes durable from now on, and with its stream's state after it."""
        self._subscribers.append(on_entry)

    async def head(self, stream: Id) -> StreamHead[S]:
        """The head of a room's log, from memory or the database. Raises RoomNotFound, DatabaseAway."""
        head = self._heads.get(stream)
        if head is not None:
            self._heads.move_to_end(stream)
            return head
        waiter: Deferred[StreamHead[S]] = Deferred()
        if stream in self._loading:
            self._loading[stream].append(waiter)
        else:
            self._loading[stream] = [waiter]
            ensureDeferred(self._load(stream)).addBoth(self._loaded, stream)
        return await waiter

    async def latest(self, stream: Id) -> StreamHead[S]:
        """The head of a room's log, as it is by now."""
        head = await self.head(stream)
        if self._shared:
            await self._catch_up(stream)
            head = await self.head(stream)
        return head

    def _loaded(self, result: StreamHead[S] | Failure, stream: Id) -> None:
        if isinstance(result, StreamHead):
            self.known(result)
        for waiter in self._loading.pop(stream):
            waiter.callback(result)  # a Failure given to callback() is an errback

    def known_state(self, stream: Id) -> S | None:
        """The state of a stream that is in memory."""
        head = self._heads.get(stream)
        return None if head is None else head.state

    def known(self, head: StreamHead[S]) -> None:
        """Take a head that was just made or read."""
        self._heads[head.state.id] = head
        if len(self._heads) > HEADS:
            self._heads.popitem(last=False)

    async def append(self, stream: Id, propose: Callable[[S, int], Entry | None]) -> tuple[S, Entry | None]:
        """Let a proposal happen (see IRooms.append)."""
        if len(self._waiting) >= WAITING or self._closed:
            raise Busy
        if stream not in self._heads:
            await self.head(stream)
            if self._closed:  # meanwhile
                raise Busy
        append = _Append(stream, propose)
        self._waiting.append(append)
        self._undecided.append((reactor.seconds() + PATIENCE, append))
        if self._watch is None:
            self._watch = reactor.callLater(PATIENCE, self._lose_patience)
        if not self._busy:
            self._busy = True
            # When this turn ends, with what else it brings: of many who come together the first would go alone, and the
            # others all wait for it.
            reactor.callLater(0, lambda: ensureDeferred(self._work()))
        return await append.outcome

    def _lose_patience(self) -> None:
        """Tell those 503 who have waited too long. One timer does for all: they are in the order of their coming."""
        self._watch = None
        while self._undecided and self._undecided[0][0] <= reactor.seconds():
            append = self._undecided.popleft()[1]
            if not append.decided:
                _fail(append, Failure(DatabaseAway()))
        self._forget_decided()
        if self._undecided:
            self._watch = reactor.callLater(max(0.0, self._undecided[0][0] - reactor.seconds()), self._lose_patience)

    def _forget_decided(self) -> None:
        undecided = self._undecided
        while undecided and undecided[0][1].outcome.called:
            undecided.popleft()
        if not undecided and self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def close(self) -> bool:
        """Take no more; returns when what was taken has its outcome.

        With the database away it waits for some seconds, and returns False. All callers have then been told 503; of
        what was on its way, nobody can know whether it is stored.
        """
        self._closed = True
        self._gives_up_at = reactor.seconds() + CLOSING
        return await self._idle if self._busy else True

    async def _work(self) -> None:
        settled = True
        try:
            while self._waiting or self._untold:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                await self._load_heads(batch)
                batch = [append for append in batch if not append.outcome.called]
                self._propose(batch)
                if self._shared:
                    await self._ask_again(batch)
                await self._commit(batch)
        except _GivenUp as given_up:
            self._log.error("closed while the database was away, with {n} entries in doubt", n=given_up.args[0])
            settled = False
            self._refuse_undecided()
        except Exception:
            self._log.failure("the log stopped unexpectedly")
            self._refuse_undecided()
        finally:
            # At once: what comes while others have a turn would wait for the next.
            while self._untold:
                self._be_heard(self._untold[0])
                _answer(self._untold.popleft())
            self._forget_decided()
            self._busy = False
            if self._closed:
                self._idle.callback(settled)

    def _refuse_undecided(self) -> None:
        """Tell all 503 who have no outcome, those of the batch under way too: nobody else would."""
        self._waiting.clear()
        for _, append in self._undecided:
            if not append.decided:
                _fail(append, Failure(DatabaseAway()))

    async def _load_heads(self, batch: list[_Append[S]]) -> None:
        """Heads that are not in memory are read together: one after another, two daemons would crawl."""
        missing = {append.stream for append in batch if append.stream not in self._heads}
        if not missing:
            return
        await self._tell_all()
        loads = {stream: ensureDeferred(self.head(stream)) for stream in missing}
        for stream, load in loads.items():
            try:
                await load
            except Exception:
                for append in batch:
                    if append.stream == stream:
                        _fail(append, Failure())

    def _propose(self, batch: list[_Append[S]]) -> None:
        """Ask every proposal, each of the state that those before it leave."""
        ahead = {
            append.stream: append.head for append in self._untold if append.head and append.entry and not append.heard
        }
        for append in batch:
            head = ahead.get(append.stream) or self._heads[append.stream]
            try:
                entry = append.propose(head.state, head.seq + 1)
            except Exception:
                append.head, append.entry, append.refusal = None, None, Failure()
                continue
            if entry is not None:
                head = ahead[append.stream] = StreamHead(head.state.after(entry), entry.seq)
            append.head, append.entry, append.refusal = head, entry, None

    async def _ask_again(self, batch: list[_Append[S]]) -> None:
        """What another daemon appended may allow what our head refuses: look, before anything is refused."""
        streams = {append.stream for append in batch if append.entry is None}
        if not streams:
            return
        await self._tell_all()
        before = {stream: self._heads[stream].seq for stream in streams}
        for looking in [ensureDeferred(self._catch_up(stream)) for stream in streams]:
            await looking
        await self._load_heads(batch)
        if any(self._heads[stream].seq != seq for stream, seq in before.items() if stream in self._heads):
            self._propose(batch)

    async def _commit(self, batch: list[_Append[S]]) -> None:
        """Store a batch and tell each append its outcome; what falls with a refusal of the index waits again."""
        writes = [append for append in batch if append.entry is not None]
        documents = [entry_to_document(append.entry) for append in writes if append.entry]
        inserting = ensureDeferred(self._database.insert_many(LOG, documents)) if documents else None
        # Not before: the database has nothing to do until it has the next batch.
        await self._tell_all()
        try:
            stored, clash = await inserting if inserting else (0, None)
            in_doubt = any(append.outcome.called for append in writes)  # it came so late that callers were told 503
        except DatabaseAway:
            in_doubt = True
        except Exception:
            for append in batch:
                _fail(append, Failure())
            self._heads.clear()
            raise
        if in_doubt:
            stored, clash = await self._settle(batch, writes)
        fallen = len(batch) if clash is None else batch.index(writes[stored])
        self._decide(batch[:fallen])
        if clash is None:
            return
        await self._tell_all()
        if "_id" in clash:
            _fail(batch[fallen], Failure(AlreadyStored()))
            fallen += 1
        else:
            await self._catch_up(writes[stored].stream)
        self._waiting.extendleft(reversed(batch[fallen:]))

    def _decide(self, batch: list[_Append[S]]) -> None:
        """The outcomes of a batch stand: its entries are durable."""
        found, self._read_first = self._read_first, set()
        for append in batch:
            append.decided = True
            append.heard = append.entry is not None and append.entry.id in found
        self._untold.extend(batch)

    async def _tell_all(self) -> None:
        """Tell what was decided: first those who hear of it, then the callers. Others have a turn between."""
        until = reactor.seconds() + SLICE
        told: list[_Append[S]] = []
        while self._untold:
            append = self._untold.popleft()
            self._be_heard(append)
            told.append(append)
            if reactor.seconds() > until:
                await deferLater(reactor, 0)
                until = reactor.seconds() + SLICE
        for append in told:
            _answer(append)
            if reactor.seconds() > until:
                await deferLater(reactor, 0)
                until = reactor.seconds() + SLICE
        self._forget_decided()

    def _be_heard(self, append: _Append[S]) -> None:
        head, entry = append.head, append.entry
        if head is not None and entry is not None and not append.heard and entry.id not in self._read_first:
            self._advance(head, entry)

    def _advance(self, head: StreamHead[S], entry: Entry) -> None:
        self._heads[entry.stream] = head
        self._heads.move_to_end(entry.stream)
        for on_entry in self._subscribers:
            try:
                on_entry(head.state, entry)
            except Exception:
                self._log.failure("an entry was stored but not published to every subscriber")

    async def _catch_up(self, stream: Id) -> None:
        """Read what other daemons have appended since our head."""
        while True:
            head = self._heads.get(stream)
            if head is None:
                return
            try:
                documents = await self._database.find(
                    LOG,
                    {"stream": ObjectId(stream), "seq": {"$gt": head.seq}},
                    sort={"stream": 1, "seq": 1},
                    limit=1000,
                )
            except DatabaseAway:
                # The head is out of date, so it must not be used. It is read anew when the database is back.
                self._heads.pop(stream, None)
                return
            known = self._heads.get(stream)
            if known is None:
                return
            head = known  # by now it may be ahead of some of them
            for entry in map(entry_from_document, documents):
                if entry.seq <= head.seq:
                    continue
                head = StreamHead(head.state.after(entry), entry.seq)
                self._advance(head, entry)
                if self._busy:
                    self._read_first.add(entry.id)
            if len(documents) < 1000:
                return

    async def _settle(self, batch: list[_Append[S]], writes: list[_Append[S]]) -> tuple[int, Document | None]:
        """Find out what became of a batch in doubt, by sending it again until there is an answer.

        Returns what insert_many() does. More callers may be told 503 meanwhile: then theirs is made void, too.
        """
        self._log.warn("the database is away with {n} entries in doubt", n=len(writes))
        while True:
            self._give_up(batch)
            stored, clash = await self._send_again(writes)
            if not any(append.outcome.called and _matters(append) for append in writes[:stored]):
                self._log.info("the database is back; {n} entries are settled", n=stored)
                return stored, clash

    async def _send_again(self, writes: list[_Append[S]]) -> tuple[int, Document | None]:
        documents = [entry_to_document(append.entry) for append in writes if append.entry]
        done = 0
        while done < len(documents):
            try:
                stored, clash = await self._database.insert_many(LOG, documents[done:])
                done += stored
                if clash is None:
                    continue
                wanted = documents[done]
                found = await self._database.find_one(LOG, {"stream": wanted["stream"], "seq": wanted["seq"]})
                if found is None or found["_id"] != wanted["_id"]:
                    return done, clash
                if wanted["kind"] == Kind.VOID and found["kind"] != Kind.VOID:
                    await self._database.replace(LOG, {"_id": found["_id"]}, wanted)
                done += 1
            except DatabaseAway:
                if self._gives_up_at is not None and reactor.seconds() > self._gives_up_at:
                    raise _GivenUp(len(documents) - done) from None
                await deferLater(reactor, RETRY)
        return done, None

    def _give_up(self, batch: list[_Append[S]]) -> None:
        """Make void what is in doubt and whose caller was told 503, and what follows it in its stream: that was
        allowed, or refused, by a state that will not have been.
        """
        states: dict[Id, S] = {}
        broken: set[Id] = set()
        for append in batch:
            entry = append.entry
            if append.outcome.called or append.stream in broken:
                _fail(append, Failure(DatabaseAway()))
                if entry is not None:
                    broken.add(append.stream)
                    entry = _void(entry)
            if entry is not None:
                state = states.get(append.stream) or self._heads[append.stream].state
                states[append.stream] = state.after(entry)
                append.head, append.entry, append.refusal = StreamHead(states[append.stream], entry.seq), entry, None


def _void(entry: Entry) -> Entry:
    """What keeps an entry's place, and nothing else of it."""
    return Entry(
        id=entry.id,
        stream=entry.stream,
        seq=entry.seq,
        kind=Kind.VOID,
        author=entry.author,
        created_at=entry.created_at,
    )


def _matters(append: _Append[Any]) -> bool:
    return append.entry is not None and append.entry.kind is not Kind.VOID


def _answer(append: _Append[Any]) -> None:
    """Tell the caller what was decided."""
    if append.refusal is not None:
        _fail(append, append.refusal)
    elif append.head is not None and not append.outcome.called:
        append.outcome.callback((append.head.state, append.entry))


def _fail(append: _Append[Any], failure: Failure) -> None:
    if not append.outcome.called:
        append.outcome.errback(failure)
