"""Streams in doubt: the connection broke or the answer is late, so nobody knows what the database has of a batch.

Invariant: an entry whose caller got DatabaseAway never appears. It is stored as a void entry, which keeps its place
in the stream and nothing else of it, or not at all. Where the log is shared, other daemons may have read an entry that
turns out stored. Then it stays, and the 503 was too careful; but a mere message, on which nobody can have acted, is
taken back (``withdrawals``), unless a repeated call has got a 200 for it.
"""

from typing import Generic

from bson import encode
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import DatabaseAway
from justchat.metrics.declarations import LOG_DOUBTS
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.store.bson import entry_to_document
from justchat.store.log.append import Append
from justchat.store.log.heads import Heads
from justchat.store.log.inserts import Inserts, Refusal
from justchat.store.log.reader import LogReader
from justchat.store.log.stream_head import S, StreamHead
from justchat.store.log.withdrawals import Withdrawals, is_void, replace_by_void, void_of
from justchat.store.mongo.client import Database

RESEND_INTERVAL = 0.2
"""Seconds between two attempts to settle what is in doubt."""
CLOSE_TIMEOUT = 1.0
"""Seconds in which a log that is closed still waits for a database that is away."""
WORDS = frozenset({Kind.MESSAGE, Kind.DIRECT_MESSAGE})
"""What changes no state, so that nobody can have acted on it."""


class LeftInDoubt(Exception):
    """The log is closed, and the database did not come back in time. Its argument is the number of entries in doubt."""


class InDoubt(Generic[S]):
    """Settles streams that are in doubt."""

    _log = Logger()

    def __init__(
        self,
        database: Database,
        reader: LogReader,
        inserts: Inserts[S],
        heads: Heads[S],
        withdrawals: Withdrawals,
        name: str,
    ) -> None:
        self._name = name
        self.count = 0
        """Entries that are in doubt now."""
        self._database = database
        self._reader = reader
        self._inserts = inserts
        self._heads = heads
        self._withdrawals = withdrawals
        self._ends_at: float | None = None

    def close(self) -> None:
        """Wait for a database that is away no longer than CLOSE_TIMEOUT from now on."""
        self._ends_at = reactor.seconds() + CLOSE_TIMEOUT

    async def settle(self, appends: list[Append[S]]) -> dict[Id, Refusal[S]]:
        """Find the outcome of all appends of these streams, by looking and sending again until the database answers.

        Returns the refusals, as Inserts.store() does. Callers who get a 503 meanwhile have their entries made void,
        too. Raises LeftInDoubt.
        """
        self._log.warn("the database is away with {n} entries in doubt", n=len(appends))
        doubts = _Doubts(appends)
        self.count = len(appends)
        while True:
            try:
                await self._look(doubts)
                self._void_refused(doubts)
                await self._write(doubts)
            except DatabaseAway:
                if self._ends_at is not None and reactor.seconds() > self._ends_at:
                    LOG_DOUBTS.count(self._name, "left", by=len(appends))
                    raise LeftInDoubt(len(doubts.open())) from None
                await deferLater(reactor, RESEND_INTERVAL)
                continue
            if doubts.are_settled():
                self._log.info("the database is back; {n} entries are settled", n=len(appends))
                self.count = 0
                LOG_DOUBTS.count(self._name, "settled", by=len(appends))
                for each in doubts.taken_back.values():
                    self._withdrawals.announce(each)
                return doubts.refused

    async def _look(self, doubts: "_Doubts[S]") -> None:
        """Find which entries the log has by now."""
        if not (places := doubts.places()):
            return
        if not self._heads.is_shared:
            doubts.found(await self._reader.at(places))
            return
        # First: with what comes later, a place would seem freed that is filled since.
        ends = await self._reader.seqs(list(places))
        doubts.found(await self._reader.at(places), ends)
        await self._take_back(doubts)

    async def _take_back(self, doubts: "_Doubts[S]") -> None:
        """Make void the stored messages whose callers got a 503."""
        for append, stored in doubts.stored.items():
            if stored.voids == stored.seq:  # an earlier attempt, whose answer was lost
                doubts.taken_back[append] = stored
            elif append.outcome.called and stored.kind in WORDS and append not in doubts.confirmed:
                void = await self._withdrawals.take_back(stored)
                if void is None:
                    doubts.confirmed.add(append)
                else:
                    doubts.taken_back[append] = doubts.stored[append] = void

    def _void_refused(self, doubts: "_Doubts[S]") -> None:
        """Make void what callers got a 503 for, and what follows: its rules saw a state that does not come about."""
        heads: dict[Id, StreamHead[S]] = {}
        broken: set[Id] = set()
        for append in doubts.pending():
            entry, stored = append.entry, doubts.stored.get(append)
            if stored is not None and self._heads.is_shared:
                entry = stored
                if stored.kind not in WORDS:
                    doubts.staying.add(append)
            elif append.outcome.called or append.stream in broken:
                append.fail(Failure(DatabaseAway()))
                if entry is not None:
                    broken.add(append.stream)
                    entry = void_of(entry)
            if entry is None:
                continue
            if entry is not append.entry:
                append.document = encode(entry_to_document(entry))
            head = heads.get(append.stream) or self._heads.in_memory[append.stream]
            if entry.seq > head.seq:
                head = heads[append.stream] = StreamHead(head.state.after(entry), entry.seq)
            append.head, append.entry, append.refusal = head, entry, None

    async def _write(self, doubts: "_Doubts[S]") -> None:
        """Store what the log lacks, and replace what became void."""
        if not self._heads.is_shared:
            for append, stored in doubts.stored.items():
                if append.is_void and not is_void(stored):
                    await replace_by_void(self._database, stored)
        missing = [append for append in doubts.pending() if append.entry is not None and append not in doubts.stored]
        outcome = await self._inserts.store(missing)
        if outcome.in_doubt:
            raise DatabaseAway
        doubts.refused_now = outcome.refused


class _Doubts(Generic[S]):
    """What is known of the appends of streams in doubt."""

    def __init__(self, appends: list[Append[S]]) -> None:
        self._appends = appends
        self.stored: dict[Append[S], Entry] = {}
        """Entries that the log has, as it has them."""
        self.staying: set[Append[S]] = set()
        """Those of them that stay what they are, even if their callers have got a 503."""
        self.confirmed: set[Append[S]] = set()
        """Messages that a repeated call has confirmed, so that they stay, too."""
        self.taken_back: dict[Append[S], Entry] = {}
        """Messages that have become void, as the log has them now."""
        self.refused: dict[Id, Refusal[S]] = {}
        """Refusals that are certain: they are not of our own first attempt."""
        self.refused_now: dict[Id, Refusal[S]] = {}
        """Refusals of the last attempt."""

    def pending(self) -> list[Append[S]]:
        """All appends but those from a refusal on."""
        pending: list[Append[S]] = []
        ended: set[Id] = set()
        for append in self._appends:
            refusal = self.refused.get(append.stream)
            if refusal is not None and refusal.append is append:
                ended.add(append.stream)
            if append.stream not in ended:
                pending.append(append)
        return pending

    def places(self) -> dict[Id, list[int]]:
        """The seqs of the entries, by stream."""
        places: dict[Id, list[int]] = {}
        for append in self.pending():
            if append.entry is not None:
                places.setdefault(append.stream, []).append(append.entry.seq)
        return places

    def found(self, entries: dict[tuple[Id, int], Entry], ends: dict[Id, int] | None = None) -> None:
        """The log has these entries at the places, which may be ours. ``ends`` are the seqs of its last entries: an
        empty place that is not just behind was filled, and has been freed since, with its stream or by its age.
        """
        self.stored = {}
        ended: set[Id] = set()
        for append in self.pending():
            if append.entry is None or append.stream in ended:
                continue
            there = entries.get((append.stream, append.entry.seq))
            if there is not None and there.id == append.entry.id:
                self.stored[append] = there
                continue
            ended.add(append.stream)  # the log has none of those behind
            refusal = self.refused_now.get(append.stream)
            is_freed = there is None and ends is not None and ends.get(append.stream, 0) != append.entry.seq - 1
            if there is not None or is_freed:
                self.refused[append.stream] = Refusal(append, False)
            elif refusal is not None and refusal.is_id_stored and refusal.append is append:
                self.refused[append.stream] = refusal  # its id is elsewhere in the log

    def are_settled(self) -> bool:
        """Whether nothing is left to find out or to make void."""
        return not self.refused_now and not any(
            append.outcome.called and not append.is_void and append not in self.staying | self.confirmed
            for append in self.pending()
        )

    def open(self) -> list[Append[S]]:
        """The entries that the log may lack."""
        return [append for append in self.pending() if append.entry is not None and append not in self.stored]
