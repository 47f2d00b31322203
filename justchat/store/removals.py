"""Removals of messages, in MongoDB.

Invariant: the insert of a removal's entry decides. The entry carries the mark ``scrub`` until the words of its message
are gone, so whatever a crash interrupts is found by an index. Everything else can be done twice, at several daemons.

Words are looked for a second time when no call that began before the removal is in progress any more: such a call may
have stored a copy late, a notice or an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from bson import Binary, ObjectId
from zope.interface import implementer

from justchat.errors import AlreadyStored, MessageNotFound, RoomNotFound
from justchat.interfaces.removals import IRemovals
from justchat.interfaces.rooms import IRooms
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Clock, Moment
from justchat.model.room import Room
from justchat.protocol.removed_words import without_removed_words
from justchat.store.bson import entry_from_document, object_id
from justchat.store.indexes import ANSWERS, BY_ID, COMPLAINTS, DELIVERIES, LOG, QUOTING, REMOVALS
from justchat.store.log.reader import LogReader
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter

LATE = timedelta(minutes=2)
"""After a removal, until words are looked for a second time."""
CHANGED_AT_ONCE = 500
"""Copies that one operation changes."""
LOOKED_THROUGH = 1_000
"""Entries of a room that one step looks through for those of an author."""
STEP = 25
"""Messages of an author that one step finds. A room knows more of its latest removals, so that nobody reads the words
of any before they are removed.
"""


@implementer(IRemovals)
class Removals:
    """See IRemovals."""

    def __init__(self, database: Database, rooms: IRooms, clock: Clock) -> None:
        self._database = database
        self._rooms = rooms
        self._clock = clock
        self._reader = LogReader(database)

    async def append(self, message: Entry, by: Id, at: Moment, check: Callable[[Room], None]) -> Entry:
        id = derived_id("removed", message.id)
        while True:

            def propose(room: Room, seq: int, id: Id = id) -> Entry:
                check(room)
                return Entry(
                    id=id,
                    stream=room.id,
                    seq=seq,
                    kind=Kind.MESSAGE_REMOVED,
                    author=by,
                    created_at=at,
                    message=message.id,
                )

            try:
                _, removal = await self._rooms.append(message.stream, propose)
            except AlreadyStored:
                query = {"_id": ObjectId(id), "stream": ObjectId(message.stream)}
                known = await self._database.find_one(LOG, query, hint=BY_ID)
                if known is None:  # with its room
                    raise MessageNotFound from None
                if known["kind"] != Kind.VOID:
                    return entry_from_document(known)
                id = derived_id("after void", id)
            else:
                assert removal is not None
                return removal

    async def scrub(self, removals: Sequence[Entry]) -> None:
        groups: dict[tuple[Id, Moment], list[Entry]] = {}
        for removal in removals:
            groups.setdefault((removal.stream, removal.created_at), []).append(removal)
        for (stream, at), group in groups.items():
            await self._scrub_group(ObjectId(stream), at, group)

    async def _scrub_group(self, stream: ObjectId, at: Moment, removals: Sequence[Entry]) -> None:
        """Remove the words of messages of one room, which were removed at the same time."""
        messages = [Id(str(removal.message)) for removal in removals]
        ids = list(map(ObjectId, messages))
        whole = {"_id": {"$in": ids}, "stream": stream, "removed_at": None}
        of_room = {**whole, "kind": {"$nin": [Kind.VOID.value, Kind.DIRECT_MESSAGE.value]}}
        await self._database.update_all(LOG, of_room, without_words("", at), hint=BY_ID)
        if any(removal.kind is Kind.DIRECT_REMOVED for removal in removals):
            direct = {**whole, "kind": Kind.DIRECT_MESSAGE.value}
            await self._database.update_all(LOG, direct, direct_without_words(at), hint=BY_ID)
        for field in QUOTING:
            await self._scrub_quotations(field, ids, at)
        for field in ("message._id", "message.ref_message._id"):
            quoted = field.removesuffix("_id")
            closed = {field: {"$in": ids}, "closed": True, f"{quoted}text": {"$ne": None}}
            await self._database.update_all(COMPLAINTS, closed, without_words(quoted, at))
        await self._scrub_answers(ids, dict.fromkeys(messages, at))
        await self._scrub_deliveries(ids, dict.fromkeys(messages, at))
        marks = {"_id": {"$in": [ObjectId(removal.id) for removal in removals]}, "stream": stream}
        is_late = self._clock() - at >= LATE
        again = {"$unset": {"scrub": 1}} if is_late else {"$set": {"scrub": at + LATE}}
        await self._database.update_all(LOG, {**marks, "scrub": {"$exists": True}}, again, hint=BY_ID)

    async def _scrub_quotations(self, field: str, ids: Sequence[ObjectId], at: Moment) -> None:
        quoted = field.removesuffix("_id")
        query: Document = {field: {"$in": ids}, f"{quoted}text": {"$exists": True}}
        while found := await self._database.find(
            LOG, query, limit=CHANGED_AT_ONCE, fields=["_id"], hint=field, scatter=Scatter.COPIES
        ):
            some = {"_id": {"$in": [each["_id"] for each in found]}, field: {"$in": ids}}
            await self._database.update_all(LOG, some, without_words(quoted, at), hint=BY_ID, scatter=Scatter.COPIES)

    async def _scrub_answers(self, ids: Sequence[ObjectId], removed: Mapping[Id, Moment]) -> None:
        while found := await self._database.find(
            ANSWERS,
            {"ids": {"$in": ids}},
            limit=CHANGED_AT_ONCE,
            fields=["answer"],
            scatter=Scatter.COPIES,
        ):
            for kept in found:
                change: Document = {"$pull": {"ids": {"$in": ids}}}
                if "answer" in kept:
                    change["$set"] = {"answer": without_removed_words(kept["answer"], removed)}
                await self._database.update(ANSWERS, kept, change)

    async def _scrub_deliveries(self, ids: Sequence[ObjectId], removed: Mapping[Id, Moment]) -> None:
        while found := await self._database.find(
            DELIVERIES, {"ids": {"$in": ids}}, limit=CHANGED_AT_ONCE, fields=["body"]
        ):
            changes = []
            for each in found:
                body = Binary(without_removed_words(bytes(each["body"]), removed))
                changes.append(({"_id": each["_id"]}, {"$set": {"body": body}, "$pull": {"ids": {"$in": ids}}}))
            await self._database.update_each(DELIVERIES, changes)

    async def due(self, at: Moment, limit: int) -> list[Entry]:
        documents = await self._database.find(
            LOG, {"scrub": {"$lte": at}}, sort={"scrub": 1}, limit=limit, scatter=Scatter.COPIES
        )
        return [entry_from_document(document) for document in documents]

    async def messages_of(self, author: Id, room: Id, after: int) -> tuple[list[Entry], int | None]:
        stream = object_id(room, RoomNotFound)
        upto = after + LOOKED_THROUGH
        entries = await self._reader.among(
            stream, {"$gt": after, "$lte": upto}, STEP, author=ObjectId(author), text={"$type": "string"}
        )
        if len(entries) == STEP:
            return entries, entries[-1].seq
        return entries, upto if upto < await self._rooms.position(room) else None

    async def ask(self, message: Id) -> None:
        await self._database.upsert(REMOVALS, {"_id": ObjectId(message)}, {"$setOnInsert": {"at": self._clock()}})

    async def asked(self, limit: int) -> list[Id]:
        return await self._asked({"room": None}, limit)

    async def ask_room(self, room: Id) -> None:
        asked = {"$setOnInsert": {"room": True, "at": self._clock()}}
        await self._database.upsert(REMOVALS, {"_id": ObjectId(room)}, asked)

    async def asked_rooms(self, limit: int) -> list[Id]:
        return await self._asked({"room": True}, limit)

    async def _asked(self, query: Document, limit: int) -> list[Id]:
        # Few are asked for at a time.
        found = await self._database.find(REMOVALS, query, sort={"_id": 1}, limit=limit, fields=["_id"], hint=BY_ID)
        return [Id(str(document["_id"])) for document in found]

    async def settle(self, asked: Id) -> None:
        await self._database.delete_all(REMOVALS, {"_id": ObjectId(asked)})


def direct_without_words(at: Moment) -> list[Document]:
    """The update that removes the words of direct messages, and both copies of each."""
    unread = {"$cond": [{"$eq": ["$read", False]}, None, "$read"]}
    return [{"$set": {"removed_at": at, "read": unread, "removed_by": ["$author", "$user"]}}, {"$unset": ["text"]}]


def without_words(place: str, at: Moment) -> Document:
    """The update that removes the words of a message, which is at a place in a document."""
    return {"$unset": {f"{place}text": 1, f"{place}ref_message": 1}, "$set": {f"{place}removed_at": at}}
