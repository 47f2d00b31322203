"""A batch in doubt: the connection broke or the answer is late, so nobody knows whether the database has stored it.

Invariant: an entry whose caller got DatabaseAway never appears. It is stored as a void entry, which keeps its place
in the stream and nothing else of it, or not at all.
"""

from typing import Generic

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import DatabaseAway
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.store.bson import entry_to_document
from justchat.store.indexes import LOG
from justchat.store.log.append import Append
from justchat.store.log.heads import Heads, S, StreamHead
from justchat.store.mongo.client import Database, Document

RESEND_INTERVAL = 0.2
"""Seconds between two attempts to send a batch again."""
CLOSE_TIMEOUT = 1.0
"""Seconds in which a log that is closed still waits for a database that is away."""


class LeftInDoubt(Exception):
    """The log is closed, and the database did not come back in time. Its argument is the number of entries in doubt."""


class InDoubt(Generic[S]):
    """Settles batches that are in doubt."""

    _log = Logger()

    def __init__(self, database: Database, heads: Heads[S]) -> None:
        self._database = database
        self._heads = heads
        self._ends_at: float | None = None

    def close(self) -> None:
        """Wait for a database that is away no longer than CLOSE_TIMEOUT from now on."""
        self._ends_at = reactor.seconds() + CLOSE_TIMEOUT

    async def settle(self, batch: list[Append[S]], writes: list[Append[S]]) -> tuple[int, Document | None]:
        """Find the outcome of a batch, by sending it again until the database answers.

        Returns what Database.insert_many() does; ``writes`` are the appends of ``batch`` that make an entry. Callers
        who get a 503 meanwhile have their entries made void, too. Raises LeftInDoubt.
        """
        self._log.warn("the database is away with {n} entries in doubt", n=len(writes))
        while True:
            self._void_refused(batch)
            stored, clash = await self._send_again(writes)
            if not any(append.outcome.called and not append.is_void for append in writes[:stored]):
                self._log.info("the database is back; {n} entries are settled", n=stored)
                return stored, clash

    async def _send_again(self, writes: list[Append[S]]) -> tuple[int, Document | None]:
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
                    await self._database.replace(LOG, {"_id": found["_id"], "stream": found["stream"]}, wanted)
                done += 1
            except DatabaseAway:
                if self._ends_at is not None and reactor.seconds() > self._ends_at:
                    raise LeftInDoubt(len(documents) - done) from None
                await deferLater(reactor, RESEND_INTERVAL)
        return done, None

    def _void_refused(self, batch: list[Append[S]]) -> None:
        """Make void the entries whose callers got a 503, and all that follow them in their streams: the rules were
        asked of a state that does not come about.
        """
        states: dict[Id, S] = {}
        broken: set[Id] = set()
        for append in batch:
            entry = append.entry
            if append.outcome.called or append.stream in broken:
                append.fail(Failure(DatabaseAway()))
                if entry is not None:
                    broken.add(append.stream)
                    entry = _void(entry)
            if entry is not None:
                state = states.get(append.stream) or self._heads.in_memory[append.stream].state
                states[append.stream] = state.after(entry)
                append.head, append.entry, append.refusal = StreamHead(states[append.stream], entry.seq), entry, None


def _void(entry: Entry) -> Entry:
    """The void entry that takes the place of another."""
    return Entry(
        id=entry.id,
        stream=entry.stream,
        seq=entry.seq,
        kind=Kind.VOID,
        author=entry.author,
        created_at=entry.created_at,
    )
