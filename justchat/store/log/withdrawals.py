"""Withdrawals: a message that others may have read is taken back, since its caller got a 503.

Invariant: one update of the message's document decides. It becomes a void entry that names itself by ``voids``, unless
a repeated call has confirmed the message before, which then stays (``client_ids``). After that a void entry at the end
of the stream names it too, so that every head and every snapshot that has the message learns of it in the order of the
log. A start appends that entry if a crash prevented it.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from attrs import evolve
from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import AlreadyStored, ApiError, Unavailable
from justchat.model.entry import Entry, Hold, Kind
from justchat.model.ids import Id, derived_id
from justchat.store.bson import entry_to_document
from justchat.store.indexes import LOG
from justchat.store.mongo.client import Database, Document

RETRY_INTERVAL = 0.5
"""Seconds between two attempts to append the entry that names a message."""
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
    """Replace a stored entry that nobody else has read. Raises DatabaseAway."""
    await database.replace(LOG, _place(entry), entry_to_document(void_of(entry)))


def _place(entry: Entry) -> Document:
    return {"_id": ObjectId(entry.id), "stream": ObjectId(entry.stream)}


class Withdrawals:
    """Takes messages back. ``append`` appends an entry to a stream, made from its seq."""

    _log = Logger()

    def __init__(self, database: Database, append: Append) -> None:
        self._database = database
        self._append = append
        self._is_closed = False
        self._announcing: set[Deferred[None]] = set()

    async def close(self) -> None:
        """Returns when the entries that name messages are appended, or could not be at one more try.

        The latter are left to the next start, or to another daemon if this one seems to have died.
        """
        self._is_closed = True
        await DeferredList(self._announcing)

    async def take_back(self, message: Entry) -> Entry | None:
        """Make a stored message void. Returns the void entry, or None where the message is confirmed or removed.

        Raises DatabaseAway. Then it may be void, and says so by ``voids``.
        """
        void = evolve(void_of(message), voids=message.seq, order=self._database.order_clock.next())
        unconfirmed = {**_place(message), "kind": message.kind.value, "confirmed": None}
        return void if await self._database.update(LOG, unconfirmed, entry_to_document(void)) else None

    async def drop(self, message: Entry) -> bool:
        """Make a held message void, which its author alone has seen. Returns when its room knows, or nearly; with False
        where it is decided already.

        Raises DatabaseAway; then it may be void.
        """
        order = self._database.order_clock.next()
        void = evolve(void_of(message), voids=message.seq, message=message.id, order=order)
        waiting = {**_place(message), "held": Hold.WAITING.value}
        if not await self._database.update(LOG, waiting, entry_to_document(void)):
            return False
        await self.announce(void)
        return True

    def announce(self, void: Entry) -> "Deferred[None]":
        """Append the entry that names a message that was taken back, in the background; once, however often called."""
        announcing: Deferred[None] = ensureDeferred(self._announce(void)).addErrback(
            lambda failure: self._log.failure("not all daemons know that a message was taken back", failure)
        )
        self._announcing.add(announcing)
        announcing.addBoth(lambda _: self._announcing.discard(announcing))
        return announcing

    async def _announce(self, void: Entry) -> None:
        def make(seq: int) -> Entry:
            return evolve(void, id=derived_id("withdrawn", void.id), seq=seq, order=self._database.order_clock.next())

        while True:
            try:
                with suppress(AlreadyStored):
                    await self._append(void.stream, make)
                return
            except Unavailable:
                if self._is_closed:
                    return
                await deferLater(reactor, RETRY_INTERVAL)
            except ApiError:  # the room is gone
                return
