"""Group commit: a batch is proposed, stored by one insert, decided, and published.

Invariant: entries of a batch are published, and its callers answered, only once the batch is durable; and the entries
of one batch before those of the next. While a batch is in flight, the one before it may be decided and not published
yet: its entries are then not in the heads, and the proposals of the next batch see them all the same.
"""

from collections import deque
from typing import Generic

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from justchat.errors import AlreadyStored, DatabaseAway
from justchat.store.bson import entry_to_document
from justchat.store.indexes import LOG
from justchat.store.log.append import Append, Deadlines
from justchat.store.log.heads import Heads, S, StreamHead
from justchat.store.log.in_doubt import InDoubt
from justchat.store.mongo.client import Database

PUBLISH_SLICE = 0.003
"""Seconds of publishing after which the reactor does other work first."""


class Batches(Generic[S]):
    """The steps of a batch; ``Log`` takes them in order."""

    def __init__(self, database: Database, heads: Heads[S], in_doubt: InDoubt[S], deadlines: Deadlines[S]) -> None:
        self._database = database
        self._heads = heads
        self._in_doubt = in_doubt
        self._deadlines = deadlines
        self.unpublished: deque[Append[S]] = deque()
        """Appends of the last batch that are decided and not published yet."""

    async def load_heads(self, batch: list[Append[S]]) -> None:
        """Load the heads that are not in memory, all at once: one after another would slow two daemons to a crawl."""
        in_memory = self._heads.in_memory
        missing = {append.stream for append in batch if append.stream not in in_memory}
        if not missing:
            return
        await self.publish()
        loads = {stream: ensureDeferred(self._heads.get(stream)) for stream in missing}
        for stream, load in loads.items():
            try:
                await load
            except Exception:
                for append in batch:
                    if append.stream == stream:
                        append.fail(Failure())

    def propose(self, batch: list[Append[S]]) -> None:
        """Make every proposal, each to the state that those before it leave."""
        ahead = {
            append.stream: append.head
            for append in self.unpublished
            if append.head and append.entry and not append.is_published
        }
        in_memory = self._heads.in_memory
        for append in batch:
            head = ahead.get(append.stream) or in_memory[append.stream]
            try:
                entry = append.propose(head.state, head.seq + 1)
            except Exception:
                append.head, append.entry, append.refusal = None, None, Failure()
                continue
            if entry is not None:
                head = ahead[append.stream] = StreamHead(head.state.after(entry), entry.seq)
            append.head, append.entry, append.refusal = head, entry, None

    async def propose_again(self, batch: list[Append[S]]) -> None:
        """Catch up before anything is refused: what another daemon appended may allow what our head refuses."""
        streams = {append.stream for append in batch if append.entry is None}
        if not streams:
            return
        await self.publish()
        heads = self._heads.in_memory
        before = {stream: heads[stream].seq for stream in streams}
        for catching_up in [ensureDeferred(self._heads.catch_up(stream)) for stream in streams]:
            await catching_up
        await self.load_heads(batch)
        if any(heads[stream].seq != seq for stream, seq in before.items() if stream in heads):
            self.propose(batch)

    async def commit(self, batch: list[Append[S]]) -> list[Append[S]]:
        """Store a batch and decide its appends. Returns those to propose anew: an index refused an entry of theirs, or
        one before it. Raises LeftInDoubt.
        """
        writes = [append for append in batch if append.entry is not None]
        documents = [entry_to_document(append.entry) for append in writes if append.entry]
        inserting = ensureDeferred(self._database.insert_many(LOG, documents)) if documents else None
        # Not before the insert is sent: the database has nothing to do until it has the next batch.
        await self.publish()
        try:
            stored, clash = await inserting if inserting else (0, None)
            in_doubt = any(append.outcome.called for append in writes)  # it came so late that callers got a 503
        except DatabaseAway:
            in_doubt = True
        except Exception:
            for append in batch:
                append.fail(Failure())
            self._heads.in_memory.clear()
            raise
        if in_doubt:
            stored, clash = await self._in_doubt.settle(batch, writes)
        fallen = len(batch) if clash is None else batch.index(writes[stored])
        self._decide(batch[:fallen])
        if clash is None:
            return []
        await self.publish()
        if "_id" in clash:
            batch[fallen].fail(Failure(AlreadyStored()))
            fallen += 1
        else:
            await self._heads.catch_up(writes[stored].stream)
        return batch[fallen:]

    def _decide(self, batch: list[Append[S]]) -> None:
        """The outcomes of a batch are final: its entries are durable."""
        caught_up, self._heads.caught_up = self._heads.caught_up, set()
        for append in batch:
            append.is_decided = True
            append.is_published = append.entry is not None and append.entry.id in caught_up
        self.unpublished.extend(batch)

    async def publish(self) -> None:
        """Publish the entries that are decided, then answer the callers; in slices, with other work between."""
        until = reactor.seconds() + PUBLISH_SLICE
        published: list[Append[S]] = []
        while self.unpublished:
            append = self.unpublished.popleft()
            self._publish_entry(append)
            published.append(append)
            if reactor.seconds() > until:
                await deferLater(reactor, 0)
                until = reactor.seconds() + PUBLISH_SLICE
        for append in published:
            append.answer()
            if reactor.seconds() > until:
                await deferLater(reactor, 0)
                until = reactor.seconds() + PUBLISH_SLICE
        self._deadlines.forget_answered()

    def publish_at_once(self) -> None:
        """Publish and answer what is decided without a pause. What arrived during one would wait for the next batch."""
        while self.unpublished:
            self._publish_entry(self.unpublished[0])
            self.unpublished.popleft().answer()

    def _publish_entry(self, append: Append[S]) -> None:
        head, entry = append.head, append.entry
        if head is not None and entry is not None and not append.is_published and entry.id not in self._heads.caught_up:
            self._heads.advance(head, entry)
