"""The mailboxes, in MongoDB: the streams of users, and the direct messages in them.

A direct message is an entry of its receiver's stream; that insert is its commit. The fields that can
change (``read``, ``removed_by``) are in the same document. Dialogs follow from the messages (``dialogs.py``).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from bson import ObjectId
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from justchat.errors import AlreadyStored, Blocked, MessageNotFound
from justchat.interfaces.bus import IBus
from justchat.interfaces.mailboxes import IMailboxes
from justchat.model.direct import Dialog, DirectMessage, Mailbox
from justchat.model.entry import Entry, Hold, Kind
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Moment
from justchat.policy import check_not_blocked
from justchat.store.bson import KINDS, direct_from_document, entry_from_document, object_id
from justchat.store.coalescer import wait_at_most
from justchat.store.dialog_lists import DIRECT, DialogLists, between, dialog_query, messages_query, streams
from justchat.store.dialogs import Dialogs
from justchat.store.indexes import BETWEEN, BY_ID, FROM_AUTHOR, LATEST, LOG, TO_USER, UNREAD
from justchat.store.log.beginnings import delete_expired
from justchat.store.log.log import Log
from justchat.store.log.neighbours import Neighbours
from justchat.store.log.stream_head import StreamHead
from justchat.store.mailbox_state import read_mailbox
from justchat.store.marks import Marks
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter
from justchat.store.room_search import EARLY
from justchat.store.unread_counts import LIFETIME, UnreadCounts

NOT_READ = {"$in": [False, None]}
"""None: its receiver has removed it unread."""
SHOWN_WITHIN = 1.0
"""Seconds that a stored message waits for its dialogs, which other daemons show."""
REMOVED_AT_ONCE = 1000
"""A dialog is removed in steps of this many messages, so that no operation takes long."""


@implementer(IMailboxes)
class Mailboxes:
    """See IMailboxes. ``shared``: other daemons may write to the same database."""

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        *,
        shared: bool = True,
        bus: IBus | None = None,
        marks: Marks | None = None,
    ) -> None:
        self._database = database
        self._log: Log[Mailbox] = Log(database, self._load, shared=shared, bus=bus, marks=marks, name="mailboxes")
        self._log.heads.subscribe(self._on_entry)
        self._log.heads.subscribe_own(self._on_own_entry)
        self._dialogs = Dialogs(database, reactor, shared=shared)
        self._lists = DialogLists(database, self._dialogs)
        self._unread = UnreadCounts(self._lists.count_unread, reactor.seconds, 0.0 if shared else LIFETIME)
        self._shared = shared
        self._reactor = reactor

    @property
    def log(self) -> Log[Mailbox]:
        """The log, as metrics look at it."""
        return self._log

    def subscribe(self, on_entry: Callable[[Mailbox, Entry], None]) -> None:
        """Call ``on_entry`` with each entry that becomes durable from now on, and with the mailbox it is in."""
        self._log.heads.subscribe(on_entry)

    def subscribe_own(self, on_entry: Callable[[Mailbox, Entry], None]) -> None:
        """The same for the entries that this daemon appends: for what has to follow from an entry once."""
        self._log.heads.subscribe_own(on_entry)

    @property
    def neighbours(self) -> Neighbours[Mailbox] | None:
        """The other daemons that write to the same log; None without a bus."""
        return self._log.neighbours

    async def stop(self) -> None:
        settled = await self._log.close()
        await self._dialogs.stop(write=settled)

    async def _load(self, user: Id) -> StreamHead[Mailbox]:
        last = await self._database.find(
            LOG, {"stream": ObjectId(user)}, sort={"stream": -1, "seq": -1}, limit=1, fields=["seq", "order"]
        )
        if not last:
            return StreamHead(Mailbox(id=user), 0)
        seq, order = last[0]["seq"], last[0].get("order")
        if self._shared and order is None:  # it is no direct message; of those, another daemon's may be the last
            order = await self._last_order(messages_query(user, None, None), {"seq": -1}, TO_USER["name"])
        self._database.order_clock.observe(order)
        return StreamHead(await read_mailbox(self._database, user, seq), seq)

    async def _last_order(self, query: Document, sort: Mapping[str, int], hint: str) -> int | None:
        last = await self._database.find(LOG, query, sort=sort, limit=1, fields=["order"], hint=hint)
        return last[0].get("order") if last else None

    async def append(self, user: Id, make: Callable[[int], Entry]) -> Entry:
        entry = await self._append(user, lambda _, seq: make(seq))
        assert entry is not None
        return entry

    async def _append(self, user: Id, propose: Callable[[Mailbox, int], Entry | None]) -> Entry | None:
        if self._dialogs.is_far_behind:
            await self._dialogs.write()
        _, entry = await self._log.append(user, propose)
        if not self._shared or entry is None or entry.kind is not Kind.DIRECT_MESSAGE:
            return entry
        if not self._dialogs.is_shown(entry):
            # Once it is answered, other daemons should show it in the dialogs.
            await wait_at_most(SHOWN_WITHIN, self._dialogs.flush(), self._reactor)
        return entry

    def send(self, author: Id, to: Id, make: Callable[[int, int], Entry]) -> Awaitable[Entry]:
        def numbered(seq: int) -> Entry:
            # At the head of the log, where it gets its seq: both rise alike.
            return make(seq, self._database.order_clock.next())

        if not self._shared:
            return self._append_between(author, to, numbered)
        return self._send_after_others(author, to, numbered)

    async def _send_after_others(self, author: Id, to: Id, make: Callable[[int], Entry]) -> Entry:
        await self._observe_dialog(author, to)
        return await self._append_between(author, to, make)

    async def send_once(self, author: Id, to: Id, id: Id, make: Callable[[Id, int, int], Entry]) -> None:
        if self._shared:
            await self._observe_dialog(author, to)
        was_known = to in self._log.heads.in_memory
        try:
            await self.append_once(to, id, lambda id, seq: make(id, seq, self._database.order_clock.next()), by=author)
        finally:
            if not was_known:
                self._log.heads.drop_first(to)

    async def _observe_dialog(self, author: Id, to: Id) -> None:
        """Observe the orders of this dialog that other daemons have given: the message comes after them.

        Each head of a mailbox observes the orders of its messages. So the head that the message is appended to has
        observed one direction, and a live head of the author's mailbox the other. Else the database is asked.
        """
        heads = self._log.heads
        if self.neighbours is not None:
            self.neighbours.keep_followed(author)
        if author in heads.in_memory and heads.is_live(author):
            return
        if heads.liveness.can_be_live(author):
            await heads.latest(author)
        else:
            order = await self._last_order(between(author, to), LATEST, BETWEEN["name"])
            self._database.order_clock.observe(order)

    async def _append_between(self, author: Id, to: Id, make: Callable[[int], Entry]) -> Entry:
        """Append an entry that comes from another user. Raises Blocked where one of the two blocks the other.

        The receiver's log decides. It has whom the receiver blocks; and that somebody blocks the receiver, from before
        the first such block is answered on. Only then the author's blocks are read: if they are read before the
        author's own call to block is answered, the two calls are simultaneous.
        """

        def propose(mailbox: Mailbox, seq: int) -> Entry | None:
            check_not_blocked(mailbox, author)
            return None if mailbox.is_blocked and not has_looked else make(seq)

        has_looked = False
        head = self._log.heads.in_memory.get(to)
        if head is None or not head.state.is_blocked:
            entry = await self._append(to, propose)
            if entry is not None:
                return entry
        check_not_blocked(await self.mailbox(author), to)
        has_looked = True
        entry = await self._append(to, propose)
        assert entry is not None
        return entry

    async def append_once(self, user: Id, id: Id, make: Callable[[Id, int], Entry], *, by: Id | None = None) -> Kind:
        while True:
            made = partial(make, id)
            try:
                entry = await (self.append(user, made) if by is None else self._append_between(by, user, made))
                return entry.kind
            except (AlreadyStored, Blocked) as refusal:
                query = {"_id": ObjectId(id), "stream": ObjectId(user)}
                known = await self._database.find_one(LOG, query, ["kind"], hint=BY_ID)
                if known is None and isinstance(refusal, Blocked):
                    raise
                if known is None or known["kind"] != Kind.VOID:
                    return Kind.VOID if known is None else KINDS[known["kind"]]
                id = derived_id("after void", id)

    async def give(self, giver: Id, to: Id, id: Id, make: Callable[[Id, int], Entry]) -> bool:
        def refuse(id: Id, seq: int) -> Entry:
            given = make(id, seq)
            return Entry(
                id=id, stream=to, seq=seq, kind=Kind.REFUSED, author=giver, user=to, created_at=given.created_at
            )

        try:
            return await self.append_once(to, id, make, by=giver) is Kind.GIFT
        except Blocked:
            # Another daemon may have given it just before the block: the one entry with this id decides.
            return await self.append_once(to, id, refuse) is Kind.GIFT

    async def mailbox(self, user: Id) -> Mailbox:
        return (await self._log.heads.latest(user)).state

    async def blocks(self, user: Id, at_least: int = 0) -> list[Id]:
        return [*(await self._log.heads.live(user, at_least)).state.blocks][::-1]

    async def change_blocks(self, user: Id, propose: Callable[[Mailbox, int], Entry | None]) -> None:
        def stating(mailbox: Mailbox, seq: int) -> Entry | None:
            entry = propose(mailbox, seq)
            return None if entry is None else mailbox.stating(entry)

        await self._append(user, stating)

    async def head(self, user: Id, at_least: int = 0) -> int:
        return (await self._log.heads.live(user, at_least)).seq

    async def entries(self, user: Id, after: int, limit: int) -> list[Entry]:
        return await self._log.reader.entries(ObjectId(user), after, limit)

    def _on_entry(self, mailbox: Mailbox, entry: Entry) -> None:
        self._unread.invalidate(mailbox.id)  # a void entry may have been a message while it was in doubt
        if self._shared and entry.kind is Kind.DIRECT_MESSAGE:
            self._database.order_clock.observe(entry.order)  # it may be another daemon's

    def _on_own_entry(self, mailbox: Mailbox, entry: Entry) -> None:
        if entry.kind is Kind.DIRECT_MESSAGE:
            self._dialogs.add(entry)

    async def reconcile(self) -> None:
        await self._dialogs.reconcile()

    async def write_dialogs(self) -> None:
        """Write what dialogs lack of this daemon's messages."""
        await self._dialogs.flush()

    async def get(self, user: Id, message: Id) -> DirectMessage:
        query = {"_id": object_id(message, MessageNotFound)}
        document = await self._database.find_one(LOG, query, scatter=Scatter.MESSAGE_ID)
        if document is None or document["kind"] != Kind.DIRECT_MESSAGE or ObjectId(user) in document["removed_by"]:
            raise MessageNotFound
        direct = direct_from_document(document)
        if user not in (direct.author, direct.user):
            raise MessageNotFound
        return direct

    async def find(self, message: Id) -> Entry:
        query = {"_id": object_id(message, MessageNotFound)}
        document = await self._database.find_one(LOG, query, scatter=Scatter.MESSAGE_ID)
        if document is None or document["kind"] != Kind.DIRECT_MESSAGE:
            raise MessageNotFound
        return entry_from_document(document)

    async def messages(
        self, user: Id, *, author: Id | None, to: Id | None, offset: int, limit: int
    ) -> list[DirectMessage]:
        documents = await self._database.find(
            LOG,
            messages_query(user, author, to),
            sort={"seq": -1},
            skip=offset,
            limit=limit,
            hint=(TO_USER if author is None and to is None else FROM_AUTHOR)["name"],
            slow=user if offset > EARLY else None,
        )
        self._lists.observe(documents)
        return [direct_from_document(document) for document in documents]

    async def count_unread(self, user: Id, *, author: Id | None, to: Id | None) -> int:
        if to is not None:
            unread = {**messages_query(user, author, to), "read": NOT_READ}
            return await self._database.count(LOG, unread, hint=UNREAD["name"])
        counts = await self._unread.get(user)
        return sum(counts.values()) if author is None else counts.get(author, 0)

    async def dialog(self, user: Id, other: Id, *, skip: int, limit: int) -> list[DirectMessage]:
        return await self._lists.dialog(user, other, skip=skip, limit=limit)

    async def around(self, message: DirectMessage, number: int) -> list[DirectMessage]:
        return await self._lists.around(message, number)

    async def dialogs(self, user: Id) -> list[Dialog]:
        messages = await self._lists.last_messages(user)
        unread = await self._unread.get(user)
        others = [message.author if message.user == user else message.user for message in messages]
        return [
            Dialog(other=other, last_message=message, unread=unread.get(other, 0))
            for other, message in zip(others, messages, strict=True)
        ]

    async def mark_as_read(self, message: DirectMessage, at: Moment) -> DirectMessage:
        query = {"_id": ObjectId(message.id), "stream": ObjectId(message.user), **DIRECT}
        read = {"$set": {"read": True, "read_at": at}}
        try:
            await self._database.update(LOG, {**query, "read": NOT_READ}, read, hint=BY_ID)
        finally:
            self._unread.invalidate(message.user)
        document = await self._database.find_one(LOG, query, hint=BY_ID)
        if document is None:  # it has expired meanwhile
            raise MessageNotFound
        return direct_from_document(document)

    async def release(self, message: Entry, make: Callable[[Id, int], Entry]) -> None:
        for owner, other in ((message.stream, message.author), (message.author, message.stream)):
            check_not_blocked(await self.mailbox(owner), other)
        place = {"_id": ObjectId(message.id), "stream": ObjectId(message.stream)}
        # Once: its receiver may remove it from now on.
        for_receiver = {
            "$set": {"read": False, "held": Hold.DECIDED.value},
            "$pull": {"removed_by": ObjectId(message.stream)},
        }
        hidden = {**place, "held": Hold.WAITING.value, "removed_by": [ObjectId(message.stream)]}
        await self._database.update(LOG, hidden, for_receiver, hint=BY_ID)
        document = await self._database.find_one(LOG, place, hint=BY_ID)
        if document is None or ObjectId(message.stream) in document["removed_by"]:
            return
        self._dialogs.add_for_receiver(message)
        await self._dialogs.flush()
        try:
            await self.append_once(message.stream, derived_id("release", message.id), make, by=message.author)
        except Blocked:  # since it was looked for above
            await self._remove(message.stream, message.author, [ObjectId(message.id)])
            raise

    async def drop(self, message: Entry) -> bool:
        await self._dialogs.flush()
        place = {"_id": ObjectId(message.id), "stream": ObjectId(message.stream), "held": Hold.WAITING.value}
        # At once, so that nothing is let go any more.
        of_nobody = {"removed_by": [ObjectId(message.stream), ObjectId(message.author)]}
        gone = {"$set": of_nobody, "$unset": {"text": 1}, "$currentDate": {"removed_at": True}}
        if not await self._database.update(LOG, place, gone, hint=BY_ID):
            return False
        await self._remove(message.author, message.stream, [ObjectId(message.id)])
        return True

    async def remove(self, user: Id, message: DirectMessage) -> None:
        await self._dialogs.flush()
        other = message.user if message.author == user else message.author
        await self._remove(user, other, [ObjectId(message.id)])

    async def remove_dialog(self, user: Id, other: Id) -> None:
        await self._dialogs.flush()
        query = dialog_query(user, other)
        while documents := await self._database.find(
            LOG, query, sort=LATEST, limit=REMOVED_AT_ONCE, fields=["_id"], hint=BETWEEN["name"]
        ):
            await self._remove(user, other, [document["_id"] for document in documents])

    async def expire(self, user: Id, before: Moment, after: int) -> int | None:
        """Delete some of what a user's stream has from before a time, behind the seq ``after``. Returns where to go on;
        None at the end.
        """
        try:
            return await delete_expired(self._database, ObjectId(user), before, after)
        finally:
            self._unread.invalidate(user)

    async def _remove(self, user: Id, other: Id, messages: Sequence[ObjectId]) -> None:
        """Remove the user's copies. The last message that is left is the last of the dialog."""
        try:
            query = {"_id": {"$in": messages}, "stream": streams(user, other)}
            await self._database.update_all(LOG, query, _removal(user), hint=BY_ID)
        finally:
            self._unread.invalidate(user)
        await self._lists.correct_last(user, other, messages)


def _removal(user: Id) -> list[Document]:
    """The update that removes a user's copy. A message that its receiver never read is then not unread any more. One
    that is held, and so only its author had, loses its text.
    """
    owner = ObjectId(user)
    unread = {"$and": [{"$eq": ["$user", owner]}, {"$eq": ["$read", False]}]}
    held = {"$and": [{"$eq": ["$author", owner]}, {"$eq": ["$held", Hold.WAITING.value]}]}
    return [
        {
            "$set": {
                "removed_by": {"$setUnion": ["$removed_by", [owner]]},
                "read": {"$cond": [unread, None, "$read"]},
                "text": {"$cond": [held, "$$REMOVE", "$text"]},
                "removed_at": {"$cond": [held, {"$ifNull": ["$removed_at", "$$NOW"]}, "$removed_at"]},
            }
        }
    ]
