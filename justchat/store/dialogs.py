"""Dialogs: a projection of the direct messages, written behind them.

Each of two users has a dialog with the other: its last message, by which dialogs are sorted. Many messages are written
as one update of their dialogs, and before anybody reads or changes dialogs.

Invariant: dialogs lack at most MAX_BEHIND messages and those in flight. So a start finds what a crash left behind among
the latest LOOKED_AT messages.
"""

from collections.abc import Sequence
from contextlib import suppress

from attrs import frozen
from bson import ObjectId
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from justchat.errors import DatabaseAway
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


class Dialogs:
    """Keeps the dialogs of all users."""

    _logger = Logger()

    def __init__(self, database: Database, reactor: IReactorTime) -> None:
        self._database = database
        self._reactor = reactor
        self._unwritten: dict[tuple[Id, Id], _Last] = {}
        """By owner and other, the last message that their dialog may lack."""
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
        last = _Last(message.order, message.created_at, message.seq, message.id)
        self._update((message.stream, message.author), last)
        self._update((message.author, message.stream), last)

    def _update(self, dialog: tuple[Id, Id], last: "_Last") -> None:
        self._unwritten[dialog] = max(last, self._unwritten.get(dialog, last), key=_Last.place)
        if self._timer is None:
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

    async def flush(self) -> None:
        """Write what dialogs lack, if anything. Where the database is away it is tried again later."""
        if self._unwritten or self._writer.is_running or self._may_lack:
            with suppress(DatabaseAway):
                await self._writer.run()

    async def stop(self, *, write: bool) -> None:
        """Stop the timer; with ``write``, write first what dialogs lack."""
        if write and (self._unwritten or self._writer.is_running):
            await self.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _write(self) -> None:
        if self._may_lack:
            await self._find_left_behind()
            self._may_lack = False
        unwritten, self._unwritten, written = self._unwritten, {}, self._behind
        updates = [_update_of(*dialog, last) for dialog, last in unwritten.items()]
        try:
            for start in range(0, len(updates), WRITTEN_AT_ONCE):
                await self._database.upsert_many(DIALOGS, updates[start : start + WRITTEN_AT_ONCE])
        except DatabaseAway:
            for dialog, last in unwritten.items():
                self._update(dialog, last)
            raise
        self._behind -= written

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
                    document.get("order"), moment(document["create_at"]), document["seq"], Id(str(document["_id"]))
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

    async def of(self, user: Id) -> dict[Id, ObjectId]:
        """The last message of each of a user's dialogs, by the other user, the latest first."""
        await self.flush()
        documents = await self._database.find(
            DIALOGS, {"owner": ObjectId(user)}, sort={"order": -1, "at": -1}, limit=MAX_SHOWN
        )
        return {Id(str(document["other"])): document["last"] for document in documents}

    async def replace_last(self, owner: Id, other: Id, removed: Sequence[ObjectId], last: DirectMessage | None) -> None:
        """Where a dialog's last message is one of the removed, make it ``last``. Without any there is no dialog."""
        dialog = {"owner": ObjectId(owner), "other": ObjectId(other), "last": {"$in": removed}}
        if last is not None:
            change = {"last": ObjectId(last.id), "at": last.created_at, "order": last.order}
            await self._database.update(DIALOGS, dialog, {"$set": change})
        else:
            await self._database.delete_and_get(DIALOGS, dialog)


@frozen
class _Last:
    """A message that may be the last of a dialog."""

    order: int | None
    at: Moment
    seq: int
    message: Id

    def place(self) -> tuple[int, Moment, int]:
        return (self.order or 0, self.at, self.seq)


def _update_of(owner: Id, other: Id, last: _Last) -> tuple[Document, Document]:
    """The upsert that makes a message the last of a dialog. Where the dialog has a later one, the query matches nothing
    and the unique index refuses a second dialog.
    """
    dialog: Document = {"owner": ObjectId(owner), "other": ObjectId(other)}
    if last.order is None:
        dialog |= {"order": None, "at": {"$lte": last.at}}
    else:
        dialog["$or"] = [{"order": None}, {"order": {"$lt": last.order}}]
    return dialog, {"$set": {"last": ObjectId(last.message), "at": last.at, "order": last.order}}
