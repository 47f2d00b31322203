"""Dialogs: a projection of the direct messages, written behind them.

Each of two users has a dialog with the other: its last message, by which dialogs are sorted. Many messages are written
as one update of their dialogs, and before anybody reads or changes dialogs.

Another daemon may be asked for dialogs next, and cannot wait for this one. So where daemons share a database, a written
dialog is *active* for a while: readers take the last message of an active dialog from the log. A message is answered
once both of its dialogs are known to be active, so only the first message in a while waits until they are written.

Invariant: dialogs lack at most MAX_BEHIND messages and those in flight. So a start finds what a crash left behind among
the latest LOOKED_AT messages.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from bson import ObjectId
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from justchat.errors import DatabaseAway
from justchat.limits.bounded_cache import BoundedCache
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.store.bson import moment
from justchat.store.coalescer import Coalescer
from justchat.store.indexes import DIALOGS, LATEST, LOG
from justchat.store.log.log import MAX_WAITING
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter

MAX_SHOWN = 500
"""Dialogs of a user that are listed."""
WRITTEN_AT_ONCE = 1000
"""Dialogs that one command writes."""
WRITE_DELAY = 0.1
"""Seconds that a message waits at most before its dialogs are written."""
MAX_BEHIND = 2000
"""Messages that dialogs may lack. With as many, the next append waits until they are written."""
LOOKED_AT = MAX_BEHIND + MAX_WAITING
"""Messages that a reconciliation looks at: a crash of one daemon alone cannot leave more behind, with all that were in
flight.
"""
LOOKED_AT_SPAN = 60_000_000
"""Microseconds before the latest message, of which it looks at all, up to MOST_LOOKED_AT. Others may have written since
one has died, and that is noticed within half of this.
"""
MOST_LOOKED_AT = 30_000
ACTIVE_FOR = LOOKED_AT_SPAN
"""Microseconds for which a dialog is active after its last written message. So the messages of a daemon that dies are
shown until another one has written their dialogs.
"""
RELIED_ON = 15_000_000
"""Microseconds for which a daemon relies on that. It allows for readers whose clocks are ahead by the rest."""
MOST_RELIED_ON = 40_000
"""Dialogs that this daemon knows to be active."""


class Dialogs:
    """Keeps the dialogs of all users."""

    _logger = Logger()

    def __init__(self, database: Database, reactor: IReactorTime, *, shared: bool) -> None:
        """``shared``: other daemons may read and write the same dialogs."""
        self._database = database
        self._reactor = reactor
        self._shared = shared
        self._unwritten: dict[tuple[Id, Id], _Last] = {}
        """By owner and other, the last message that their dialog may lack, beside ``_latest``."""
        self._latest: dict[tuple[Id, Id], Entry] = {}
        """By receiver and author, their last message that both of their dialogs may lack."""
        self._active: BoundedCache[tuple[Id, Id], int] = BoundedCache(MOST_RELIED_ON)
        """By owner and other, the order up to which this daemon relies on that their dialog is active."""
        self._behind = 0
        """Messages since dialogs were last written."""
        self._may_lack = True
        """A crash, of this daemon or another, may have left dialogs behind."""
        self._writer = Coalescer(self._write)
        self._timer: IDelayedCall | None = None

    @property
    def is_far_behind(self) -> bool:
        """Whether the next append has to wait for ``write``."""
        return self._behind >= MAX_BEHIND

    def add(self, message: Entry) -> None:
        """A direct message has become durable."""
        self._behind += 1
        if message.is_announcement:
            self.add_for_receiver(message)
        elif message.held is None:
            self._latest[message.stream, message.author] = message  # later than the one before, as their stream goes
        else:
            self._update((message.author, message.stream), _last(message))
        if self._timer is None:
            self._start_timer()

    def is_shown(self, message: Entry) -> bool:
        """Whether both users see the message in their dialogs, at every daemon, though it is not written there yet."""
        order, active = message.order or 0, self._active
        receiver, author = message.stream, message.author
        if message.is_announcement:
            return active.get((receiver, author), 0) > order
        return active.get((receiver, author), 0) > order and active.get((author, receiver), 0) > order

    def add_for_receiver(self, message: Entry) -> None:
        """A direct message that was held is shown to its receiver."""
        self._update((message.stream, message.author), _last(message))

    def _update(self, dialog: tuple[Id, Id], last: "_Last") -> None:
        known = self._unwritten.get(dialog)
        if known is None or known < last:
            self._unwritten[dialog] = last

    def _start_timer(self) -> None:
        self._timer = self._reactor.callLater(WRITE_DELAY, self._write_behind)

    def _write_behind(self) -> None:
        self._timer = None
        ensureDeferred(self.flush()).addErrback(
            lambda failure: self._logger.failure("dialogs were not written", failure)
        )

    async def reconcile(self) -> None:
        """Write what dialogs lack, also those of a daemon that has died. Raises as ``write``."""
        self._may_lack = True
        await self.write()

    async def write(self) -> None:
        """Write what dialogs lack. Raises DatabaseAway; then it is tried again later."""
        await self._writer.run()

    @property
    def _is_behind(self) -> bool:
        return bool(self._latest or self._unwritten) or self._writer.is_running

    async def flush(self) -> None:
        """Write what dialogs lack, if anything. Where the database is away it is tried again later."""
        if self._is_behind or self._may_lack:
            with suppress(DatabaseAway):
                await self._writer.run()

    async def stop(self, *, write: bool) -> None:
        """Stop the timer; with ``write``, write first what dialogs lack."""
        if write and self._is_behind:
            await self.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _write(self) -> None:
        unwritten: dict[tuple[Id, Id], _Last] = {}
        try:
            if self._may_lack:
                await self._find_left_behind()
                self._may_lack = False
            self._expand_latest()
            unwritten, self._unwritten, written = self._unwritten, {}, self._behind
            active_for = ACTIVE_FOR if self._shared else 0
            updates = [_update_of(*dialog, last, active_for) for dialog, last in unwritten.items()]
            for start in range(0, len(updates), WRITTEN_AT_ONCE):
                await self._database.upsert_many(DIALOGS, updates[start : start + WRITTEN_AT_ONCE])
        except DatabaseAway:
            for dialog, last in unwritten.items():
                self._update(dialog, last)
            if self._timer is None:
                self._start_timer()
            raise
        self._behind -= written
        if self._shared:
            for dialog, last in unwritten.items():
                self._active.put(dialog, last.order + RELIED_ON)

    def _expand_latest(self) -> None:
        """Each message is the last of two dialogs."""
        latest, self._latest = self._latest, {}
        for (receiver, author), message in latest.items():
            last = _last(message)
            self._update((receiver, author), last)
            self._update((author, receiver), last)

    async def _find_left_behind(self) -> None:
        """Find the dialogs that, after a crash, may lack their last message that their owner has not removed."""
        latest = 0
        for skip in range(0, MOST_LOOKED_AT, WRITTEN_AT_ONCE):
            documents = await self._database.find(
                LOG,
                {"kind": Kind.DIRECT_MESSAGE.value},
                sort=LATEST,
                skip=skip,
                limit=WRITTEN_AT_ONCE,
                fields=["author", "user", "create_at", "removed_by", "order", "seq"],
                scatter=Scatter.LATEST_OF_ALL,
            )
            for document in documents:
                last = _Last(
                    document.get("order") or 0, moment(document["create_at"]), document["seq"], Id(str(document["_id"]))
                )
                sides = document["user"], document["author"]
                for owner, other in (sides, sides[::-1]):
                    if owner not in document["removed_by"]:
                        self._update((Id(str(owner)), Id(str(other))), last)
            if len(documents) < WRITTEN_AT_ONCE:
                break
            latest = latest or documents[0].get("order") or 0
            oldest = documents[-1].get("order") or 0
            if skip + WRITTEN_AT_ONCE >= LOOKED_AT and oldest < latest - LOOKED_AT_SPAN:
                break

    async def of(self, user: Id) -> list["StoredDialog"]:
        """A user's dialogs, the latest first."""
        await self.flush()
        documents = await self._database.find(
            DIALOGS, {"owner": ObjectId(user)}, sort={"order": -1, "at": -1}, limit=MAX_SHOWN, fields=STORED
        )
        at = self._database.order_clock.present()
        return [
            StoredDialog(document["other"], document["last"], document.get("active_until", 0) > at)
            for document in documents
        ]

    async def replace_last(
        self, owner: Id, other: Id, removed: Sequence[ObjectId | None], last: DirectMessage | None
    ) -> None:
        """Where a dialog's last message is one of the removed, make it ``last``. Without any there is no dialog.

        The document of an active dialog stays all the same: other daemons rely on it.
        """
        dialog = {"owner": ObjectId(owner), "other": ObjectId(other), "last": {"$in": removed}}
        if last is not None:
            change = {"last": ObjectId(last.id), "at": last.created_at, "order": last.order}
            await self._database.update(DIALOGS, dialog, {"$set": change})
            return
        active = {"active_until": {"$gt": self._database.order_clock.present()}}
        if not await self._database.update(DIALOGS, {**dialog, **active}, {"$set": {"last": None}}):
            await self._database.delete_and_get(DIALOGS, dialog)


STORED: Document = {"_id": 0, "other": 1, "last": 1, "active_until": 1}


class StoredDialog(NamedTuple):
    """A dialog as it is stored. Of an active one, the log may have a later message than ``last``.

    ``last`` is None where its owner has removed all messages, and of an active dialog alone.
    """

    other: ObjectId
    last: ObjectId | None
    is_active: bool


class _Last(NamedTuple):
    """A message that may be the last of a dialog. The last is the greatest. ``order`` is 0 for an early release's."""

    order: int
    at: Moment
    seq: int
    message: Id


def _last(message: Entry) -> _Last:
    return _Last(message.order or 0, message.created_at, message.seq, message.id)


def _update_of(owner: Id, other: Id, last: _Last, active_for: int) -> tuple[Document, Document]:
    """The upsert that makes a message the last of a dialog. Where the dialog has a later one, the query matches nothing
    and the unique index refuses a second dialog. ``active_for``: microseconds; 0 where no other daemon reads it.
    """
    dialog: Document = {"owner": ObjectId(owner), "other": ObjectId(other)}
    change: Document = {"last": ObjectId(last.message), "at": last.at, "order": last.order or None}
    if active_for:
        change["active_until"] = last.order + active_for
    if not last.order:
        dialog |= {"order": None, "at": {"$lte": last.at}}
    else:
        dialog["$or"] = [{"order": None}, {"order": {"$lt": last.order}}]
    return dialog, {"$set": change}
