"""What webhooks are to be told of, found by its marks (``marks.py``), with the documents of ``protocol``."""

from collections.abc import Collection, Mapping, Sequence

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces.webhooks import IMarkedEvents
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.webhook import TYPE_OF_KIND, WebhookEvent, WebhookType
from justchat.protocol.documents import (
    complaint_document,
    listed_room_document,
)
from justchat.protocol.operator_documents import (
    server_user_document,
)
from justchat.protocol.webhook_events import balance_data, webhook_event_of_entry
from justchat.store.bson import entry_from_document, id_of, moment, transfer_from_document
from justchat.store.bson_users import user_from_document
from justchat.store.complaints import complaint_from_document
from justchat.store.deletions import DELETED_EXTERNAL_ID
from justchat.store.indexes import (
    BY_ID,
    COMPLAINTS,
    LEDGER,
    LOG,
    MARKED,
    MARKED_ENTRIES,
    MARKED_USERS,
    ROOMS,
    USERS,
)
from justchat.store.marks import MARK
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter
from justchat.store.room_search import LISTED_ROOM, listed_room_from_document

ENTRIES_AT_ONCE = 100
"""To read them and to make their bodies takes a few milliseconds."""
OTHERS_AT_ONCE = 50
UNMARKED_AT_ONCE = 500
_NOTHING: Mapping[str, object] = {}


@implementer(IMarkedEvents)
class MarkedEvents:
    """See IMarkedEvents."""

    def __init__(
        self, database: Database, clock: Clock, types: Collection[WebhookType] = frozenset(WebhookType)
    ) -> None:
        self._database = database
        self._clock = clock
        self._types = types
        self._is_new = True
        """Until everything was looked through, earlier settings may have wanted other types."""
        self._stream: ObjectId | None = None
        """The last stream of the last entries. The streams take turns, so that none waits for busier ones."""

    def change(self, types: Collection[WebhookType]) -> None:
        """Webhooks want these types from now on."""
        self._types = types
        self._is_new = True

    async def first(self) -> list[WebhookEvent]:
        users = await self._users() if self._may_be(WebhookType.USER_NEW, WebhookType.USER_DELETED) else []
        return users or (await self._rooms() if self._may_be(WebhookType.ROOM_NEW) else [])

    async def then(self) -> list[WebhookEvent]:
        balances = await self._balances() if self._may_be(WebhookType.BALANCE_CHANGED) else []
        complaints = await self._complaints() if self._may_be(WebhookType.COMPLAINT_NEW) else []
        entries = await self._entries() if self._may_be(*TYPE_OF_KIND.values()) else []
        found = [*balances, *complaints, *entries]
        self._is_new = self._is_new and bool(found)
        return found

    def _may_be(self, *types: WebhookType) -> bool:
        return self._is_new or any(type in self._types for type in types)

    async def unmark(self, events: Sequence[WebhookEvent]) -> None:
        for collection in (LOG, USERS, ROOMS, LEDGER, COMPLAINTS):
            some = [event for event in events if _collection(event) == collection]
            if some:
                await self._unmark(collection, some)

    async def _unmark(self, collection: str, events: Sequence[WebhookEvent]) -> None:
        these: Document = {"_id": {"$in": [ObjectId(event.source) for event in events]}, MARK: {"$ne": None}}
        gone: Document = {"$unset": {MARK: 1}}
        if collection == LOG:
            these["stream"] = {"$in": [*{ObjectId(event.stream) for event in events}]}
        if collection == USERS:
            # A user may have got the second mark meanwhile.
            for type in (WebhookType.USER_NEW, WebhookType.USER_DELETED):
                some = {"_id": {"$in": [ObjectId(event.source) for event in events if event.type is type]}}
                await self._database.update_all(USERS, some, {"$pull": {MARK: type.value}}, hint=BY_ID)
            these[MARK] = []
            gone["$unset"][DELETED_EXTERNAL_ID] = 1
        await self._database.update_all(collection, these, gone, hint=BY_ID)

    async def unmark_all(self) -> None:
        """There are no webhooks any more. Raises DatabaseAway."""
        for collection in (LOG, USERS, ROOMS, LEDGER, COMPLAINTS):
            marked: Document = {MARK: {"$exists": True} if collection == USERS else True}
            index = {LOG: MARKED_ENTRIES, USERS: MARKED_USERS}.get(collection, MARKED)["name"]
            scatter = Scatter.WEBHOOKS if collection == LOG else None
            while found := await self._database.find(
                collection, marked, limit=UNMARKED_AT_ONCE, fields=["_id"], hint=index, scatter=scatter
            ):
                these = {"_id": {"$in": [each["_id"] for each in found]}}
                gone = {"$unset": {MARK: 1, DELETED_EXTERNAL_ID: 1}}
                await self._database.update_all(collection, these, gone, hint=BY_ID, scatter=scatter)

    async def _users(self) -> list[WebhookEvent]:
        found = await self._database.find(
            USERS, {MARK: {"$exists": True}}, limit=OTHERS_AT_ONCE, hint=MARKED_USERS["name"]
        )
        return [self._of_user(user, WebhookType(type)) for user in found for type in user[MARK]]

    def _of_user(self, document: Document, type: WebhookType) -> WebhookEvent:
        id = id_of(document["_id"])
        if type is WebhookType.USER_DELETED:
            data: Mapping[str, object] = {"_id": id, "external_id": document.get(DELETED_EXTERNAL_ID)}
            return WebhookEvent(type=type, source=id, stream=id, at=self._clock(), data=data)
        user = user_from_document(document, [], [], 0)
        return WebhookEvent(type=type, source=id, stream=id, at=user.created_at, data=server_user_document(user))

    async def _rooms(self) -> list[WebhookEvent]:
        found = await self._database.find(
            ROOMS,
            {MARK: True},
            sort={MARK: 1, "order": 1},
            limit=OTHERS_AT_ONCE,
            fields=LISTED_ROOM,
            hint=MARKED["name"],
        )
        return [
            WebhookEvent(
                type=WebhookType.ROOM_NEW,
                source=id_of(room["_id"]),
                stream=id_of(room["_id"]),
                at=moment(room["create_at"]),
                data=_room(room),
            )
            for room in found
        ]

    async def _balances(self) -> list[WebhookEvent]:
        found = await self._database.find(
            LEDGER, {MARK: True, "begun": None}, sort={MARK: 1, "order": 1}, limit=OTHERS_AT_ONCE, hint=MARKED["name"]
        )
        if not found:
            return []
        users = [*{each["user"] for each in found}]
        owners = await self._database.find(USERS, {"_id": {"$in": users}}, limit=len(users), fields=["balance"])
        balances = {id_of(owner["_id"]): owner["balance"] for owner in owners}
        transfers = [transfer_from_document(document) for document in found]
        return [
            WebhookEvent(
                type=WebhookType.BALANCE_CHANGED,
                source=transfer.id,
                stream=transfer.user,
                at=transfer.created_at,
                data=balance_data(transfer, balances.get(transfer.user)),
            )
            for transfer in transfers
        ]

    async def _complaints(self) -> list[WebhookEvent]:
        found = await self._database.find(
            COMPLAINTS, {MARK: True}, sort={MARK: 1, "order": 1}, limit=OTHERS_AT_ONCE, hint=MARKED["name"]
        )
        return [
            WebhookEvent(
                type=WebhookType.COMPLAINT_NEW,
                source=complaint.id,
                stream=complaint.author,
                at=complaint.created_at,
                data=complaint_document(complaint),
            )
            for complaint in map(complaint_from_document, found)
        ]

    async def _entries(self) -> list[WebhookEvent]:
        # Within one index scan, those of a stream come in the order of their ``seq``.
        beyond: Document = {} if self._stream is None else {"stream": {"$gt": self._stream}}
        found = await self._database.find(
            LOG,
            {MARK: True, **beyond},
            sort={MARK: 1, "stream": 1, "seq": 1},
            limit=ENTRIES_AT_ONCE,
            hint=MARKED_ENTRIES["name"],
            scatter=Scatter.WEBHOOKS,
        )
        is_last = len(found) < ENTRIES_AT_ONCE
        was_first, self._stream = self._stream is None, None if is_last else found[-1]["stream"]
        if not found and not was_first:
            return await self._entries()
        # An early release's daemon, or a message that was taken back, may have left a mark on another kind.
        entries = [entry for entry in map(entry_from_document, found) if entry.kind in TYPE_OF_KIND]
        removed = await self._removed([entry for entry in entries if TYPE_OF_KIND[entry.kind] is REMOVED])
        rooms = await self._removed_rooms([entry.stream for entry in entries if entry.kind is Kind.REMOVE_ROOM])
        return [
            webhook_event_of_entry(
                entry, removed=removed.get(entry.message or Id("")), room=rooms.get(entry.stream, _NOTHING)
            )
            for entry in entries
        ]

    async def _removed(self, removals: Sequence[Entry]) -> dict[Id, Entry]:
        """The messages that these removals are about."""
        if not removals:
            return {}
        ids = [ObjectId(removal.message) for removal in removals]
        streams = [*{ObjectId(removal.stream) for removal in removals}]
        query = {"_id": {"$in": ids}, "stream": {"$in": streams}}
        found = await self._database.find(LOG, query, limit=len(ids), hint=BY_ID)
        return {entry.id: entry for entry in map(entry_from_document, found)}

    async def _removed_rooms(self, rooms: Sequence[Id]) -> dict[Id, Mapping[str, object]]:
        if not rooms:
            return {}
        query = {"_id": {"$in": list(map(ObjectId, rooms))}}
        found = await self._database.find(ROOMS, query, limit=len(rooms), fields=LISTED_ROOM)
        return {id_of(room["_id"]): _room(room) for room in found}


REMOVED = WebhookType.MESSAGE_REMOVED


def _room(document: Document) -> Mapping[str, object]:
    return listed_room_document(listed_room_from_document(document), people=True)


def _collection(event: WebhookEvent) -> str:
    match event.type:
        case WebhookType.USER_NEW | WebhookType.USER_DELETED:
            return USERS
        case WebhookType.ROOM_NEW:
            return ROOMS
        case WebhookType.BALANCE_CHANGED:
            return LEDGER
        case WebhookType.COMPLAINT_NEW:
            return COMPLAINTS
    return LOG
