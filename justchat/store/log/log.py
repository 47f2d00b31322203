"""The log: appends to streams, in batches.

Invariant: at most one batch is in flight. Every append that is taken gets an outcome, even if the log closes or fails.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any, Generic

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from justchat.errors import Busy
from justchat.interfaces.bus import IBus
from justchat.metrics.declarations import LOG_BATCHES, LOG_SECONDS
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.store.log.append import Append, Deadlines
from justchat.store.log.batch import Batches
from justchat.store.log.heads import Heads
from justchat.store.log.in_doubt import InDoubt, LeftInDoubt
from justchat.store.log.inserts import Inserts
from justchat.store.log.neighbours import Neighbours
from justchat.store.log.publication import Publication
from justchat.store.log.reader import LogReader
from justchat.store.log.stream_head import S, StreamHead
from justchat.store.log.withdrawals import Withdrawals
from justchat.store.marks import Marks
from justchat.store.mongo.client import Database

BATCH_SIZE = 500
MAX_WAITING = 10_000
"""With more appends than this waiting, the next raises Busy."""


class Log(Generic[S]):
    """Appends entries to streams (see the package). ``load`` reads a head from the database.

    ``shared``: other daemons may append to the same streams, so that a head in memory may be out of date. ``bus``
    carries the entries of this daemon to them, and theirs to it. ``marks`` says which entries webhooks are told of.
    ``name`` is that of its metrics. ``deletable``: streams may be deleted (see Heads).
    """

    _log = Logger()

    def __init__(
        self,
        database: Database,
        load: Callable[[Id], Coroutine[Any, Any, StreamHead[S]]],
        *,
        shared: bool = False,
        bus: IBus | None = None,
        marks: Marks | None = None,
        name: str = "rooms",
        deletable: bool = False,
    ) -> None:
        self._name = name
        self.reader = LogReader(database)
        self.heads = Heads(self.reader, load, shared=shared, bus=bus, deletable=deletable)
        self.neighbours = Neighbours(bus, self.heads, self.reader) if bus is not None else None
        announcements = self.neighbours.announcements if self.neighbours is not None else None
        inserts: Inserts[S] = Inserts(database, shared=shared)
        self.withdrawals = Withdrawals(database, self._append_withdrawal)
        self._in_doubt = InDoubt(database, self.reader, inserts, self.heads, self.withdrawals, name)
        self._deadlines: Deadlines[S] = Deadlines()
        self._publication = Publication(self.heads, self._deadlines, announcements)
        self._batches = Batches(inserts, self.heads, self._in_doubt, self._publication, marks or Marks(), name)
        self._waiting: deque[Append[S]] = deque()
        self._is_closed = False
        self._idle: Deferred[bool] | None = None

    @property
    def waiting(self) -> int:
        """How many appends wait for a batch."""
        return len(self._waiting)

    @property
    def in_doubt(self) -> int:
        """How many entries have an unknown outcome."""
        return self._in_doubt.count

    def append(self, stream: Id, propose: Callable[[S, int], Entry | None]) -> Awaitable[tuple[S, Entry | None]]:
        """Carry a proposal out (see IRooms.append). Raises Busy.

        No coroutine of its own, nor is ``_take``: nearly every call would pay for both.
        """
        if len(self._waiting) >= MAX_WAITING or self._is_closed:
            raise Busy
        return self._take(stream, propose) if stream in self.heads.in_memory else self._load_and_take(stream, propose)

    async def _load_and_take(self, stream: Id, propose: Callable[[S, int], Entry | None]) -> tuple[S, Entry | None]:
        await self.heads.get(stream)
        if self._is_closed:  # meanwhile
            raise Busy
        return await self._take(stream, propose)

    async def _append_withdrawal(self, stream: Id, make: Callable[[int], Entry]) -> None:
        """The same for the log's own entries, even while it closes."""
        await self.heads.get(stream)
        await self._take(stream, lambda _, seq: make(seq))

    def _take(self, stream: Id, propose: Callable[[S, int], Entry | None]) -> Deferred[tuple[S, Entry | None]]:
        append = Append(stream, propose)
        self._waiting.append(append)
        self._deadlines.add(append)
        if not self.heads.is_batch_in_flight:
            self.heads.is_batch_in_flight = True
            # At the end of this reactor turn, with what else arrives in it. Else the first of many appends that arrive
            # together would leave alone, and all others would wait for it.
            reactor.callLater(0, lambda: ensureDeferred(self._run_batches()))
        return append.outcome

    async def close(self) -> bool:
        """Take no more appends; returns when those taken have their outcome, and others know what was taken back.

        With the database away it waits for CLOSE_TIMEOUT, and returns False. All callers have then got a 503, and
        nobody can know whether the entries in flight are stored.
        """
        self._is_closed = True
        self._in_doubt.close()
        if self.neighbours is not None:
            self.neighbours.close()
        settled = await self._end_of_batches()
        await self.withdrawals.close()
        settled = await self._end_of_batches() and settled
        self._deadlines.stop()
        return settled

    async def _end_of_batches(self) -> bool:
        """Wait until nothing waits to be appended. Returns whether no entry is in doubt."""
        if not self.heads.is_batch_in_flight:
            return True
        self._idle = Deferred()
        return await self._idle

    async def _run_batches(self) -> None:
        settled = True
        try:
            while self._waiting or self._publication.waiting:
                if not self._waiting:
                    await self._publication.publish()
                    continue
                began = perf_counter()
                batch = [self._waiting.popleft() for _ in range(min(BATCH_SIZE, len(self._waiting)))]
                read = await self._batches.prepare(batch)
                batch = [append for append in batch if not append.outcome.called]
                self._batches.propose(batch)
                if self.heads.is_shared:
                    batch = await self._batches.propose_again(batch, read)
                again = await self._batches.commit(batch)
                LOG_BATCHES.count(self._name)
                LOG_SECONDS.observe(perf_counter() - began, self._name)
                if again:
                    self._waiting.extendleft(reversed(again))
        except LeftInDoubt as left:
            self._log.error("closed while the database was away, with {n} entries in doubt", n=left.args[0])
            settled = False
            self._refuse_all()
        except Exception:
            self._log.failure("the log stopped unexpectedly")
            self._refuse_all()
        finally:
            self._publication.publish_at_once()
            self._deadlines.forget_answered()
            self.heads.end_of_batches()
            idle, self._idle = self._idle, None
            if idle is not None:
                idle.callback(settled)

    def _refuse_all(self) -> None:
        self._waiting.clear()
        self._deadlines.fail_undecided()
