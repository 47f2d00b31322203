"""Group commit: a batch is proposed, stored by one insert or two, decided, and published.

Invariant: entries of a batch are published, and its callers answered, only once the batch is durable; and the entries
of one batch before those of the next. While a batch is in flight, the one before it may be decided and not published
yet: its entries are then not in the heads, and the proposals of the next batch see them all the same.
"""

from collections.abc import Collection, Sequence
from typing import Generic

from bson import encode
from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure

from justchat.errors import AlreadyStored
from justchat.metrics.declarations import LOG_ENTRIES, LOG_REFUSALS
from justchat.model.ids import Id
from justchat.store.bson import entry_to_document
from justchat.store.log.append import Append
from justchat.store.log.heads import Heads
from justchat.store.log.in_doubt import InDoubt, LeftInDoubt
from justchat.store.log.inserts import Inserts, Refusal, Stored
from justchat.store.log.publication import Publication
from justchat.store.log.stream_head import S, StreamHead
from justchat.store.marks import Marks


class Batches(Generic[S]):
    """The steps of a batch; ``Log`` takes them in order."""

    def __init__(
        self,
        inserts: Inserts[S],
        heads: Heads[S],
        in_doubt: InDoubt[S],
        publication: Publication[S],
        marks: Marks,
        name: str,
    ) -> None:
        self._name = name
        self._inserts = inserts
        self._heads = heads
        self._in_doubt = in_doubt
        self._publication = publication
        self._marks = marks

    async def prepare(self, batch: list[Append[S]]) -> set[Id]:
        """Load the heads that are not in memory, and read the tails of those that are not live, all at once: one after
        another would slow two daemons to a crawl. Returns the streams that were read.
        """
        heads = self._heads
        if heads.is_shared:
            heads.liveness.notice_standstill()
        streams = heads.in_use = {append.stream for append in batch}
        missing = {stream for stream in streams if stream not in heads.in_memory}
        behind = heads.not_live(streams) - missing
        if not missing and not behind:
            return behind
        await self._publication.publish()
        loads = [(stream, ensureDeferred(heads.get(stream))) for stream in missing]
        await self._catch_up(batch, behind)
        for stream, load in loads:
            try:
                await load
            except Exception:
                _fail(batch, {stream})
        return missing | behind

    async def _catch_up(self, batch: list[Append[S]], streams: set[Id]) -> Collection[Id]:
        """Catch up with these streams. Returns those of which that failed, and the appends to them with it."""
        try:
            gone = await self._heads.catch_up(streams)
        except Exception:
            _fail(batch, streams)
            return streams
        for append in batch:
            if append.stream in gone:
                append.fail(gone[append.stream])
        return gone

    def propose(self, batch: list[Append[S]]) -> None:
        """Make every proposal, each to the state that those before it leave."""
        heads = self._heads
        ahead = {
            append.stream: append.head
            for append in self._publication.waiting
            if append.head and append.entry and not append.is_published and not heads.is_published(append.entry)
        }
        for append in batch:
            head = ahead.get(append.stream) or heads.in_memory[append.stream]
            try:
                entry = append.propose(head.state, head.seq + 1)
            except Exception:
                append.head, append.entry, append.refusal = None, None, Failure()
                continue
            if entry is not None:
                head = ahead[append.stream] = StreamHead(head.state.after(entry), entry.seq)
            append.head, append.entry, append.refusal = head, entry, None

    async def propose_again(self, batch: list[Append[S]], read: set[Id]) -> list[Append[S]]:
        """Catch up before anything is refused: what another daemon appended may allow what our head refuses. ``read``
        are the streams that were read since the batch arrived. Returns the appends that can go on.
        """
        heads = self._heads
        refusing = {append.stream for append in batch if append.entry is None} - read
        if not refusing:
            return batch
        await self._publication.publish()
        before = {stream: heads.in_memory[stream].seq for stream in refusing}
        if failed := await self._catch_up(batch, refusing):
            batch = [append for append in batch if append.stream not in failed]
        if any(heads.in_memory[stream].seq != seq for stream, seq in before.items()):
            self.propose(batch)
        return batch

    async def commit(self, batch: list[Append[S]]) -> list[Append[S]]:
        """Store a batch and decide its appends. Returns those to propose anew: an index refused an entry of theirs, or
        one before it in the stream, or this process has stood still since it was proposed. Raises LeftInDoubt.
        """
        if self._heads.is_shared and self._heads.liveness.notice_standstill():
            return batch
        writes = [append for append in batch if append.entry is not None]
        LOG_ENTRIES.count(self._name, by=len(writes))
        marked = self._marks.kinds
        for append in writes:
            assert append.entry is not None
            document = entry_to_document(append.entry)
            if marked and append.entry.kind in marked:
                self._marks.mark_entry(append.entry, document)
            append.document = encode(document)
        storing = ensureDeferred(self._inserts.store(writes)) if writes else None
        # Not before the inserts are sent: the database has nothing to do until it has the next batch.
        await self._publication.publish()
        try:
            stored = await storing if storing else None
            if stored is None:
                return self._decide(batch, {})
            # Where the outcome comes so late that callers have got a 503, it is in doubt, too.
            late = [append.stream for append in writes if append.outcome.called]
            if late or stored.in_doubt:
                return await self._settle(batch, stored, stored.in_doubt.union(late))
            return self._decide(batch, stored.refused)
        except LeftInDoubt:
            raise
        except Exception:
            for append in batch:
                append.fail(Failure())
            # What is stored of it nobody knows: the log is read before anything is proposed to these heads again.
            for append in writes:
                self._heads.liveness.doubt(append.stream)
            raise

    async def _settle(self, batch: list[Append[S]], stored: Stored[S], in_doubt: set[Id]) -> list[Append[S]]:
        """Decide a batch of which some streams are in doubt. The others do not wait for these."""
        doubted = [append for append in batch if append.stream in in_doubt]
        others = [append for append in batch if append.stream not in in_doubt]
        again = self._decide(others, stored.refused, doubted)
        await self._publication.publish()
        refused = await self._in_doubt.settle(doubted)
        for stream in refused:
            self._heads.liveness.doubt(stream)  # whatever the head has: its seqs may be free again
        return again + self._decide(doubted, refused)

    def _decide(
        self, batch: list[Append[S]], refused: dict[Id, Refusal[S]], undecided: Sequence[Append[S]] = ()
    ) -> list[Append[S]]:
        """The outcomes of these appends are final: their entries are durable. Returns those that are not, since they
        are in their streams behind what an index refused. ``undecided`` are the others of the same batch.
        """
        fallen: list[Append[S]] = []
        if refused:
            batch, fallen = self._divide(batch, refused)
        caught_up = self._heads.caught_up
        still_in_flight = {append.entry.id for append in undecided if append.entry is not None}
        self._heads.caught_up = caught_up & still_in_flight
        for append in batch:
            append.is_decided = True
            if append.refusal is not None:
                LOG_REFUSALS.count(self._name, "rule")
            append.is_published = append.entry is not None and append.entry.id in caught_up
        self._publication.waiting.extend(batch)
        return fallen

    def _divide(self, batch: list[Append[S]], refused: dict[Id, Refusal[S]]) -> tuple[list[Append[S]], list[Append[S]]]:
        """What is stored, and what follows a refusal in its stream."""
        stored: list[Append[S]] = []
        fallen: list[Append[S]] = []
        ended: set[Id] = set()
        for append in batch:
            refusal = refused.get(append.stream)
            if refusal is not None and append is refusal.append:
                ended.add(append.stream)
                LOG_REFUSALS.count(self._name, "id" if refusal.is_id_stored else "seq")
                if refusal.is_id_stored:
                    append.fail(Failure(AlreadyStored()))
                    continue
                if not self._has_come(append):
                    self._heads.liveness.doubt(append.stream)
            (fallen if append.stream in ended else stored).append(append)
        return stored, fallen

    def _has_come(self, append: Append[S]) -> bool:
        """Whether the entry that took the place of this append's has come over the bus meanwhile, so that the log need
        not be read for it.
        """
        head = self._heads.in_memory.get(append.stream)
        return head is not None and append.entry is not None and head.seq >= append.entry.seq


def _fail(batch: list[Append[S]], streams: set[Id]) -> None:
    """Fail the appends to these streams with the error that is being handled."""
    for append in batch:
        if append.stream in streams:
            append.fail(Failure())
