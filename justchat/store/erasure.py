"""What a deleted user left, and how it is found, collection by collection.

Every collection that has anything of a person is named here or in docs/database.rst, "Deletion of a person", which a
test compares with the list of collections.
"""

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces.deletions import IErasure
from justchat.model.entry import Kind
from justchat.model.ids import Id
from justchat.model.moment import EPOCH, Clock
from justchat.model.webhook import WebhookType
from justchat.store.indexes import (
    ANNOUNCEMENTS,
    ANSWERS,
    BY_ID,
    COMPLAINTS,
    DELIVERIES,
    DIALOGS,
    EXPORTS,
    LEDGER,
    LOG,
    NEWEST,
    PICTURES,
    ROOMS,
)
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter
from justchat.store.removals import direct_without_words, without_words

LOOKED_THROUGH = 500
"""Entries of the log that one step looks through."""
DELETED_AT_ONCE = 100
TOLD_WITHOUT_WORDS = [
    type.value for type in (WebhookType.USER_DELETED, WebhookType.MESSAGE_REMOVED, WebhookType.ROOM_REMOVED)
]
QUOTED = ("ref_message.", "ref_message.ref_message.")


@implementer(IErasure)
class Erasure:
    """See IErasure."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def rooms_of(self, user: Id) -> list[Id]:
        query = {"admin": ObjectId(user), "removed": False}
        found = await self._database.find(ROOMS, query, sort=NEWEST, limit=DELETED_AT_ONCE, fields=["_id"])
        return [Id(str(document["_id"])) for document in found]

    async def erase_words(self, user: Id, after: Id | None) -> tuple[set[Id], Id | None]:
        # The log has no index by author, which every message would pay for. So all of it is read, in small steps.
        author = ObjectId(user)
        beyond: Document = {} if after is None else {"_id": {"$gt": ObjectId(after)}}
        last = await self._database.find(
            LOG,
            beyond,
            sort={"_id": 1},
            skip=LOOKED_THROUGH - 1,
            limit=1,
            fields=["_id"],
            hint=BY_ID,
            scatter=Scatter.PERSON,
        )
        among: Document = {"_id": {**beyond.get("_id", {}), **({"$lte": last[0]["_id"]} if last else {})}}
        theirs = {"$or": [{f"{place}author": author} for place in ("", *QUOTED)], **(among if among["_id"] else {})}
        found = await self._database.find(
            LOG,
            theirs,
            limit=LOOKED_THROUGH,
            fields=["_id", "stream", "kind", "author", "text"],
            hint=BY_ID,
            scatter=Scatter.PERSON,
        )
        rooms = {
            Id(str(entry["stream"]))
            for entry in found
            if entry["kind"] == Kind.MESSAGE and entry["author"] == author and "text" in entry
        }
        if found:
            await self._erase_among([entry["_id"] for entry in found], author)
        return rooms, Id(str(last[0]["_id"])) if last else None

    async def _erase_among(self, ids: list[ObjectId], author: ObjectId) -> None:
        these = {"_id": {"$in": ids}}
        direct = {**these, "author": author, "kind": Kind.DIRECT_MESSAGE.value, "text": {"$exists": True}}
        gone = direct_without_words(self._clock())
        await self._database.update_all(LOG, direct, gone, hint=BY_ID, scatter=Scatter.PERSON)
        # Those in rooms are removed as any message is, which tells the rooms.
        others = {**these, "author": author, "kind": {"$nin": [Kind.DIRECT_MESSAGE.value, Kind.MESSAGE.value]}}
        await self._database.update_all(LOG, others, {"$unset": {"text": 1}}, hint=BY_ID, scatter=Scatter.PERSON)
        for place in QUOTED:
            quoting = {**these, f"{place}author": author, f"{place}text": {"$exists": True}}
            await self._database.update_all(
                LOG, quoting, without_words(place, self._clock()), hint=BY_ID, scatter=Scatter.PERSON
            )

    async def erase_stream(self, user: Id) -> bool:
        stream = ObjectId(user)
        found = await self._database.find(LOG, {"stream": stream}, limit=DELETED_AT_ONCE, fields=["_id"])
        ids = [document["_id"] for document in found]
        if ids:
            await self._database.delete_all(LOG, {"_id": {"$in": ids}, "stream": stream})
        return bool(ids)

    async def erase_records(self, user: Id) -> bool:
        id = ObjectId(user)
        dialogs = await self._database.find(DIALOGS, {"owner": id}, limit=DELETED_AT_ONCE, fields=["other"])
        if dialogs:
            others = [each["other"] for each in dialogs]
            await self._database.delete_all(DIALOGS, {"owner": {"$in": others}, "other": id})
            await self._database.delete_all(DIALOGS, {"owner": id, "other": {"$in": others}})
        # The sums stay; what was written beside them does not.
        written: Document = {"user": id, "$or": [{"text": {"$exists": True}}, {"note": {"$exists": True}}]}
        transfers = await self._database.find(LEDGER, written, limit=DELETED_AT_ONCE, fields=["_id"])
        if transfers:
            these = {"_id": {"$in": [each["_id"] for each in transfers]}}
            await self._database.update_all(LEDGER, these, {"$unset": {"text": 1, "note": 1}})
        # Orphans from now on, which the daemon that has their files removes.
        await self._database.update_all(PICTURES, {"user": id}, {"$set": {"kept": False, "at": EPOCH, "user": None}})
        # One without an archive is deleted; the others are removed with theirs.
        await self._database.delete_all(EXPORTS, {"user": id, "place": None})
        await self._database.update_all(EXPORTS, {"user": id}, {"$set": {"status": "failed", "expires_at": EPOCH}})
        await self._database.delete_all(COMPLAINTS, {"author": id})
        await self._database.delete_all(ANNOUNCEMENTS, {"author": id})
        for place in ("message.", "message.ref_message."):
            copies = {f"{place}author": id, f"{place}text": {"$exists": True}}
            await self._database.update_all(COMPLAINTS, copies, without_words(place, self._clock()))
        # Webhooks are still told that the person and their messages are gone.
        await self._database.delete_all(DELIVERIES, {"ids": id, "type": {"$nin": TOLD_WITHOUT_WORDS}})
        answers = await self._database.find(
            ANSWERS, {"ids": id}, limit=DELETED_AT_ONCE, fields=["_id"], scatter=Scatter.PERSON
        )
        if answers:
            await self._database.delete_all(ANSWERS, {"_id": {"$in": [each["_id"] for each in answers]}})
        return bool(dialogs or transfers or answers)
