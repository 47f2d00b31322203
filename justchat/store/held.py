"""Held messages, in MongoDB.

A held message is an entry of the log whose ``held`` is "waiting". A decision is a document of ``held`` until a daemon
has carried it out: an operator's command may run where no daemon hears it, and daemons look for decisions all the time.
"""

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import Conflict, MessageNotFound
from justchat.interfaces.held import IHeldMessages
from justchat.model.entry import Entry, Hold, Kind
from justchat.model.held import Decision
from justchat.model.ids import Id
from justchat.store.bson import entry_from_document, object_id
from justchat.store.indexes import BY_ID, HELD, LOG, WAITING
from justchat.store.mongo.client import Database
from justchat.store.mongo.sharding import Scatter

_WAITING = {"held": Hold.WAITING.value}


@implementer(IHeldMessages)
class HeldMessages:
    """See IHeldMessages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, limit: int, *, skip: int = 0) -> list[Entry]:
        documents = await self._database.find(
            LOG,
            {**_WAITING, "removed_at": None},
            sort={"held": 1, "create_at": 1},
            skip=skip,
            limit=limit,
            hint=WAITING["name"],
            scatter=Scatter.HELD,
        )
        return [entry_from_document(document) for document in documents]

    async def count(self, most: int) -> int:
        found = await self._database.find(
            LOG,
            {**_WAITING, "removed_at": None},
            limit=most,
            fields=["_id"],
            hint=WAITING["name"],
            scatter=Scatter.HELD,
        )
        return len(found)

    async def get(self, message: Id) -> Entry:
        query = {"_id": object_id(message, MessageNotFound)}
        document = await self._database.find_one(LOG, query, scatter=Scatter.MESSAGE_ID)
        if document is None or document.get("held") != Hold.WAITING or document.get("removed_at") is not None:
            raise MessageNotFound("no message with this id is held")
        return entry_from_document(document)

    async def decide(self, message: Entry, decision: Decision) -> None:
        decided = {
            "_id": ObjectId(message.id),
            "stream": ObjectId(message.stream),
            "decision": decision.value,
            "order": self._database.order_clock.next(),
        }
        if not await self._database.insert(HELD, decided):
            raise Conflict("this message is decided on already, and a daemon is about to carry that out")

    async def decided(self, limit: int) -> list[tuple[Entry, Decision]]:
        decisions = await self._database.find(HELD, {}, sort={"order": 1}, limit=limit)
        found = []
        for each in decisions:
            query = {"_id": each["_id"], "stream": each["stream"]}
            document = await self._database.find_one(LOG, query, hint=BY_ID)
            if document is not None and document["kind"] != Kind.VOID:
                found.append((entry_from_document(document), Decision(each["decision"])))
            else:  # its room is removed, or it is dropped and a crash came before ``finish``
                await self._database.delete_and_get(HELD, {"_id": each["_id"]})
        return found

    async def let_go(self, message: Entry) -> bool:
        # This update, or that of a removal, decides.
        place = {"_id": ObjectId(message.id), "stream": ObjectId(message.stream)}
        decided = {"held": Hold.DECIDED.value}
        if await self._database.update(LOG, {**place, **_WAITING}, {"$set": decided}, hint=BY_ID):
            return True
        # An earlier attempt, or another daemon, may have done it.
        return await self._database.find_one(LOG, {**place, **decided}, fields=["_id"], hint=BY_ID) is not None

    async def finish(self, message: Entry) -> None:
        query = {"_id": ObjectId(message.id), "stream": ObjectId(message.stream), **_WAITING}
        await self._database.update(LOG, query, {"$set": {"held": Hold.DECIDED.value}}, hint=BY_ID)
        await self._database.delete_and_get(HELD, {"_id": query["_id"]})
