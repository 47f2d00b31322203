"""Withdrawals: a message that others may have read is taken back, since its caller got a 503.

Invariant: the log alone says which entries count. So a void entry at the end of the stream, which names the message by
``voids``, is the commit of a withdrawal: every head and every snapshot that has the message gets that entry too. Then
the message itself is replaced by a void entry. A start completes what a crash prevented.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from attrs import evolve
from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import AlreadyStored, ApiError, Unavailable
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id
from justchat.store.bson import entry_from_document, entry_to_document
from justchat.store.indexes import LOG
from justchat.store.mongo.client import Database

RETRY_INTERVAL = 0.5
"""Seconds between two attempts to withdraw a message."""
Append = Callable[[Id, Callable[[int], Entry]], Awaitable[object]]


def is_void(entry: Entry) -> bool:
    return entry.kind is Kind.VOID


def void_of(entry: Entry) -> Entry:
    """The void entry that takes the place of another."""
    if entry.kind is Kind.VOID:
        return entry
    return Entry(
        id=entry.id,
        stream=entry.stream,
        seq=entry.seq,
        kind=Kind.VOID,
        author=entry.author,
        created_at=entry.created_at,
    )


async def replace_by_void(database: Database, entry: Entry) -> None:
    """Replace a stored entry. Raises DatabaseAway."""
    place = {"_id": ObjectId(entry.id), "stream": ObjectId(entry.stream)}
    await database.replace(LOG, place, entry_to_document(void_of(entry)))


class Withdrawals:
    """Withdraws messages in the background. ``append`` appends an entry to a stream, made from its seq."""

    _log = Logger()

    def __init__(self, database: Database, append: Append) -> None:
        self._database = database
        self._append = append
        self._is_closed = False

    def close(self) -> None:
        """Begin nothing any more. What is not withdrawn yet stays."""
        self._is_closed = True

    def begin(self, entry: Entry) -> None:
        """Withdraw an entry."""
        ensureDeferred(self._withdraw(entry)).addErrback(
            lambda failure: self._log.failure("a message whose sender was told that it is not stored stays", failure)
        )

    async def _withdraw(self, entry: Entry) -> None:
        def make(seq: int) -> Entry:
            void = void_of(entry)
            id = derived_id("withdrawn", entry.id)
            return evolve(void, id=id, seq=seq, voids=entry.seq, order=self._database.order_clock.next())

        while not self._is_closed:
            try:
                with suppress(AlreadyStored):
                    await self._append(entry.stream, make)
                return await replace_by_void(self._database, entry)
            except Unavailable:
                await deferLater(reactor, RETRY_INTERVAL)
            except ApiError:  # the room is gone
                return None

    async def complete(self, withdrawal: Entry) -> None:
        """Replace the message that was withdrawn by this entry, if a crash prevented that. Raises DatabaseAway."""
        query = {"stream": ObjectId(withdrawal.stream), "seq": withdrawal.voids, "kind": {"$ne": Kind.VOID.value}}
        found = await self._database.find_one(LOG, query)
        if found is not None:
            await replace_by_void(self._database, entry_from_document(found))
