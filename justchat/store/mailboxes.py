"""What is addressed to users, in MongoDB: their streams, direct messages, and dialogs.

A direct message is an entry of its receiver's stream; that insert is its commit. What can change of it
(``read``, ``removed_by``) stands beside it. Dialogs are a projection of that, written behind: what somebody says at
once is written once, and before anybody reads or changes dialogs. What a crash leaves behind is found by the next
start, among the latest messages: there are never more behind than it looks at.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from attrs import frozen
from bson import ObjectId
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from justchat.errors import AlreadyStored, DatabaseAway, MessageNotFound
from justchat.interfaces.mailboxes import IMailboxes
from justchat.model.direct import Dialog, DirectMessage, Mailbox
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Moment
from justchat.store.bson import direct_from_document, moment, object_id, pair
from justchat.store.coalescer import Coalescer
from justchat.store.indexes import DIALOGS, LATEST, LOG, UNREAD
from justchat.store.log.heads import StreamHead
from justchat.store.log.log import MAX_WAITING, Log
from justchat.store.mongo.client import Database, Document
from justchat.store.room_search import EARLY
from justchat.store.unread_counts import LIFETIME, Counts, UnreadCounts

DIRECT = {"kind": Kind.DIRECT_MESSAGE.value}
NOT_READ = {"$in": [False, None]}
"""None: its receiver has removed it unread."""
REMOVED_AT_ONCE = 1000
"""A dialog is removed in steps of this many messages, so that no operation takes long."""
DIALOGS_SHOWN = 500
NOTED_AT_ONCE = 1000
"""Dialogs that one command writes."""
NOTED_AFTER = 0.1
"""Seconds that a message waits at most before its dialogs are written."""
BEHIND = 2000
"""Messages that dialogs may not know of. With as many, who writes waits, too."""
LOOKED_AT = BEHIND + MAX_WAITING
"""Messages that a start looks at: a crash cannot leave more behind, with all that was on its way."""


@implementer(IMailboxes)
class Mailboxes:
    """See IMailboxes. ``shared``: other daemons may write to the same database."""

    _logger = Logger()

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        *,
        shared: bool = True,
    ) -> None:
        self._database = database
        self._reactor = reactor
        self._log: Log[Mailbox] = Log(database, self._load)
        self._log.heads.subscribe(self._on_entry)
        self._unread = UnreadCounts(self._count_unread, reactor.seconds, 0.0 if shared else LIFETIME)
        self._shared = shared
        self._news: dict[tuple[Id, Id], _Last] = {}
        """By owner and other, the last message that their dialog may not know of."""
        self._behind = 0
        """Messages since dialogs were last written."""
        self._just_started = True
        """A crash may have left dialogs behind."""
        self._noting = Coalescer(self._note)
        self._timer: IDelayedCall | None = None

    def subscribe(self, on_entry: Callable[[Mailbox, Entry], None]) -> None:
        """Call ``on_entry`` with each entry that becomes durable from now on, and with the mailbox it is in."""
        self._log.heads.subscribe(on_entry)

    async def stop(self) -> None:
        if await self._log.close() and (self._news or self._noting.is_running):
            await self._dialogs_noted()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _load(self, user: Id) -> StreamHead[Mailbox]:
        last = await self._database.find(
            LOG, {"stream": ObjectId(user)}, sort={"stream": -1, "seq": -1}, limit=1, fields=["seq", "order"]
        )
        self._database.order_clock.observe(last[0].get("order") if last else None)
        return StreamHead(Mailbox(id=user), last[0]["seq"] if last else 0)

    async def append(self, user: Id, make: Callable[[int], Entry]) -> Entry:
        if self._behind >= BEHIND:
            await self._noting.run()
        _, entry = await self._log.append(user, lambda _, seq: make(seq))
        assert entry is not None
        return entry

    async def send(self, author: Id, to: Id, make: Callable[[int, int], Entry]) -> Entry:
        if self._shared:
            # What another daemon has put into this dialog comes before.
            latest = await self._database.find(
                LOG, {**DIRECT, "pair": pair(author, to)}, sort=LATEST, limit=1, fields=["order"]
            )
            self._database.order_clock.observe(latest[0].get("order") if latest else None)
        # Numbered at the head of the log, where it gets its seq: both rise alike.
        return await self.append(to, lambda seq: make(seq, self._database.order_clock.next()))

    async def append_once(self, user: Id, id: Id, make: Callable[[Id, int], Entry]) -> None:
        while True:
            try:
                await self.append(user, partial(make, id))
            except AlreadyStored:
                known = await self._database.find_one(LOG, {"_id": ObjectId(id)}, ["kind"])
                if known is None or known["kind"] != Kind.VOID:
                    return
                id = derived_id("after void", id)
            else:
                return

    async def head(self, user: Id) -> int:
        return (await self._log.heads.get(user)).seq

    async def entries(self, user: Id, after: int, limit: int) -> list[Entry]:
        return await self._log.reader.entries(ObjectId(user), after, limit)

    async def sent(self, author: Id, entry: Id) -> Entry | None:
        return await self._log.reader.sent(author, entry)

    def _on_entry(self, mailbox: Mailbox, entry: Entry) -> None:
        self._unread.invalidate(mailbox.id)  # void may be what was a message while it was in doubt
        if entry.kind is Kind.DIRECT_MESSAGE:
            self._behind += 1
            self._database.order_clock.observe(entry.order)  # it may be another daemon's
            last = _Last(entry.order, entry.created_at, entry.seq, entry.id)
            self._to_note((entry.stream, entry.author), last)
            self._to_note((entry.author, entry.stream), last)

    def _to_note(self, dialog: tuple[Id, Id], last: "_Last") -> None:
        self._news[dialog] = max(last, self._news.get(dialog, last), key=_Last.place)
        if self._timer is None:
            self._timer = self._reactor.callLater(NOTED_AFTER, self._note_behind)

    def _note_behind(self) -> None:
        self._timer = None
        ensureDeferred(self._dialogs_noted()).addErrback(
            lambda failure: self._logger.failure("dialogs were not written", failure)
        )

    async def reconcile(self) -> None:
        await self._noting.run()

    async def _dialogs_noted(self) -> None:
        """Write what dialogs do not know yet. Where that must wait for the database it is tried again later."""
        if self._news or self._noting.is_running or self._just_started:
            with suppress(DatabaseAway):
                await self._noting.run()

    async def _note(self) -> None:
        if self._just_started:
            await self._find_left_behind()
            self._just_started = False
        news, self._news, noted = self._news, {}, self._behind
        updates = [_dialog_update(*dialog, last) for dialog, last in news.items()]
        try:
            for start in range(0, len(updates), NOTED_AT_ONCE):
                await self._database.upsert_many(DIALOGS, updates[start : start + NOTED_AT_ONCE])
        except DatabaseAway:
            for dialog, last in news.items():
                self._to_note(dialog, last)
            raise
        self._behind -= noted

    async def _find_left_behind(self) -> None:
        """Dialogs that a crash may have kept from knowing their last message that their owner has not removed."""
        for skip in range(0, LOOKED_AT, NOTED_AT_ONCE):
            documents = await self._database.find(
                LOG,
                DIRECT,
                sort=LATEST,
                skip=skip,
                limit=NOTED_AT_ONCE,
                fields=["author", "user", "create_at", "removed_by", "order", "seq"],
            )
            for document in documents:
                last = _Last(
                    document.get("order"), moment(document["create_at"]), document["seq"], Id(str(document["_id"]))
                )
                sides = document["user"], document["author"]
                for owner, other in (sides, sides[::-1]):
                    if owner not in document["removed_by"]:
                        self._to_note((Id(str(owner)), Id(str(other))), last)
            if len(documents) < NOTED_AT_ONCE:
                break

    async def get(self, user: Id, message: Id) -> DirectMessage:
        document = await self._database.find_one(LOG, {"_id": object_id(message, MessageNotFound)})
        if document is None or document["kind"] != Kind.DIRECT_MESSAGE or ObjectId(user) in document["removed_by"]:
            raise MessageNotFound
        direct = direct_from_document(document)
        if user not in (direct.author, direct.user):
            raise MessageNotFound
        return direct

    async def messages(
        self, user: Id, *, author: Id | None, to: Id | None, offset: int, limit: int
    ) -> list[DirectMessage]:
        documents = await self._database.find(
            LOG,
            self._choice(user, author, to),
            sort={"seq": -1},
            skip=offset,
            limit=limit,
            slow=user if offset > EARLY else None,
        )
        return [direct_from_document(document) for document in documents]

    async def count_unread(self, user: Id, *, author: Id | None, to: Id | None) -> int:
        if to is not None:
            return await self._database.count(LOG, {**self._choice(user, author, to), "read": NOT_READ})
        counts = await self._unread.get(user)
        return sum(counts.values()) if author is None else counts.get(author, 0)

    async def _count_unread(self, user: Id) -> Counts:
        """Read from an index alone."""
        rows = await self._database.aggregate(
            LOG,
            [
                {"$match": {**DIRECT, "user": ObjectId(user), "read": False}},
                {"$group": {"_id": "$author", "n": {"$sum": 1}}},
            ],
            hint=UNREAD["name"],
        )
        return {Id(str(row["_id"])): row["n"] for row in rows}

    def _choice(self, user: Id, author: Id | None, to: Id | None) -> Document:
        """Those sent to the user, or only by ``author``; or those the user sent to ``to``."""
        query: Document = {**DIRECT, "removed_by": {"$ne": ObjectId(user)}}
        if to is not None:
            return {**query, "user": ObjectId(to), "author": ObjectId(user)}
        query["user"] = ObjectId(user)
        if author is not None:
            query["author"] = ObjectId(author)
        return query

    async def dialog(self, user: Id, other: Id, *, skip: int, limit: int) -> list[DirectMessage]:
        documents = await self._database.find(
            LOG,
            {**DIRECT, "pair": pair(user, other), "removed_by": {"$ne": ObjectId(user)}},
            sort=LATEST,
            skip=skip,
            limit=limit,
            slow=user if skip > EARLY else None,
        )
        return [direct_from_document(document) for document in documents]

    async def dialogs(self, user: Id) -> list[Dialog]:
        await self._dialogs_noted()
        dialogs = await self._database.find(
            DIALOGS, {"owner": ObjectId(user)}, sort={"order": -1, "at": -1}, limit=DIALOGS_SHOWN
        )
        last = await self._database.find(
            LOG, {"_id": {"$in": [dialog["last"] for dialog in dialogs]}}, limit=DIALOGS_SHOWN
        )
        messages = {document["_id"]: direct_from_document(document) for document in last}
        unread = await self._unread.get(user)
        return [
            Dialog(other=other, last_message=messages[dialog["last"]], unread=unread.get(other, 0))
            for dialog in dialogs
            if dialog["last"] in messages
            for other in [Id(str(dialog["other"]))]
        ]

    async def mark_as_read(self, message: DirectMessage, at: Moment) -> DirectMessage:
        query = {"_id": ObjectId(message.id)}
        try:
            await self._database.update(LOG, {**query, "read": NOT_READ}, {"$set": {"read": True, "read_at": at}})
        finally:
            self._unread.invalidate(message.user)
        document = await self._database.find_one(LOG, query)
        assert document is not None
        return direct_from_document(document)

    async def remove(self, user: Id, message: DirectMessage) -> None:
        await self._dialogs_noted()
        await self._remove(user, [ObjectId(message.id)])
        other = message.user if message.author == user else message.author
        await self._renew_dialog(user, other, [ObjectId(message.id)])

    async def remove_dialog(self, user: Id, other: Id) -> None:
        await self._dialogs_noted()
        query = {**DIRECT, "pair": pair(user, other), "removed_by": {"$ne": ObjectId(user)}}
        while documents := await self._database.find(LOG, query, sort=LATEST, limit=REMOVED_AT_ONCE, fields=["_id"]):
            ids = [document["_id"] for document in documents]
            await self._remove(user, ids)
            await self._renew_dialog(user, other, ids)

    async def _remove(self, user: Id, messages: Sequence[ObjectId]) -> None:
        try:
            await self._database.update_all(LOG, {"_id": {"$in": messages}}, _removal(user))
        finally:
            self._unread.invalidate(user)

    async def _renew_dialog(self, owner: Id, other: Id, gone: Sequence[ObjectId]) -> None:
        """The dialog's last message is the last that its owner has not removed; without any there is no dialog."""
        key = {"owner": ObjectId(owner), "other": ObjectId(other), "last": {"$in": gone}}
        left = await self.dialog(owner, other, skip=0, limit=1)
        if left:
            last = {"last": ObjectId(left[0].id), "at": left[0].created_at, "order": left[0].order}
            await self._database.update(DIALOGS, key, {"$set": last})
        else:
            await self._database.delete_and_get(DIALOGS, key)


@frozen
class _Last:
    """A message that may be the last of a dialog."""

    order: int | None
    at: Moment
    seq: int
    message: Id

    def place(self) -> tuple[int, Moment, int]:
        return (self.order or 0, self.at, self.seq)


def _dialog_update(owner: Id, other: Id, last: _Last) -> tuple[Document, Document]:
    """What makes a message the last of somebody's dialog. Where that has a later one, the index refuses another."""
    dialog: Document = {"owner": ObjectId(owner), "other": ObjectId(other)}
    if last.order is None:
        dialog |= {"order": None, "at": {"$lte": last.at}}
    else:
        dialog["$or"] = [{"order": None}, {"order": {"$lt": last.order}}]
    return dialog, {"$set": {"last": ObjectId(last.message), "at": last.at, "order": last.order}}


def _removal(user: Id) -> list[Document]:
    """What removes somebody's copy of a message. One that its receiver never read is no more among the unread."""
    owner = ObjectId(user)
    unread = {"$and": [{"$eq": ["$user", owner]}, {"$eq": ["$read", False]}]}
    return [
        {
            "$set": {
                "removed_by": {"$setUnion": ["$removed_by", [owner]]},
                "read": {"$cond": [unread, None, "$read"]},
            }
        }
    ]
