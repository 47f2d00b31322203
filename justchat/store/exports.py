"""Exports, in MongoDB. A pending one is claimed by the daemon that makes it, by the database's clock."""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import ExportNotFound
from justchat.interfaces.exports import IExports
from justchat.model.export import Export, ExportStatus
from justchat.model.ids import Id, is_well_formed, new_id
from justchat.model.moment import Clock, Moment
from justchat.store.bson import moment
from justchat.store.indexes import EXPORTS
from justchat.store.mongo.client import Database, Document
from justchat.store.server_time import outlasted

CLAIM_LASTS = timedelta(seconds=30)
"""A claim that was not renewed for this long belongs to a daemon that died."""
MOST_TRIES = 5
FAILED_FOR = timedelta(days=1)
"""How long a failed export is shown."""
_PENDING = {"status": ExportStatus.PENDING.value}


@implementer(IExports)
class ExportRecords:
    """See IExports. ``place`` names where this daemon stores archives."""

    def __init__(self, database: Database, clock: Clock, place: str) -> None:
        self._database = database
        self._clock = clock
        self._place = place
        self._holder = ObjectId(new_id())

    async def begin(self, export: Export) -> Export:
        document = {
            "_id": ObjectId(export.id),
            "user": ObjectId(export.user),
            "token": export.token,
            "at": export.created_at,
            "tries": 0,
            **_PENDING,
        }
        while not await self._database.insert(EXPORTS, document):
            pending = await self.pending(export.user)
            if pending is not None:
                return pending
        return export

    async def pending(self, user: Id) -> Export | None:
        found = await self._database.find_one(EXPORTS, {"user": ObjectId(user), **_PENDING})
        return None if found is None else _export(found)

    async def get(self, user: Id, export: Id) -> Export:
        query = {"_id": ObjectId(export), "user": ObjectId(user)} if is_well_formed(export) else None
        found = None if query is None else await self._database.find_one(EXPORTS, query)
        if found is None:
            raise ExportNotFound
        return _export(found)

    async def by_token(self, token: str) -> Export | None:
        found = await self._database.find_one(EXPORTS, {"token": token})
        return None if found is None else _export(found)

    async def take(self) -> Export | None:
        free = {**_PENDING, "$or": [{"taken": None}, outlasted("taken", CLAIM_LASTS)]}
        # Most rounds find none, and write nothing.
        found = await self._database.find_one(EXPORTS, free, ["_id"])
        if found is None:
            return None
        claim = [{"$set": {"holder": self._holder, "taken": "$$NOW", "place": self._place}}]
        taken = await self._database.update_and_get(EXPORTS, {**found, **free}, claim)
        return None if taken is None else _export(taken)

    def _held(self, export: Id) -> Document:
        return {"_id": ObjectId(export), "holder": self._holder, **_PENDING}

    async def keep(self, export: Id, size: int | None = None) -> bool:
        change = {"taken": "$$NOW", **({} if size is None else {"size": size})}
        return await self._database.update(EXPORTS, self._held(export), [{"$set": change}])

    async def release(self, export: Id, *, failed: bool) -> None:
        change: dict[str, Any] = {"$unset": {"holder": "", "taken": ""}}
        if failed:
            # After the claim has ended by itself, so that the reason has time to go.
            change = {"$inc": {"tries": 1}}
        released = await self._database.update_and_get(EXPORTS, self._held(export), change)
        if released is not None and released["tries"] >= MOST_TRIES:
            over = {"status": ExportStatus.FAILED.value, "expires_at": self._clock() + FAILED_FOR}
            await self._database.update(EXPORTS, self._held(export), {"$set": over})

    async def finish(self, export: Id, size: int, expires_at: Moment) -> bool:
        ready = {"status": ExportStatus.READY.value, "size": size, "expires_at": expires_at}
        return await self._database.update(EXPORTS, self._held(export), {"$set": ready})

    async def expired(self, at: Moment, limit: int) -> list[Export]:
        over = {"expires_at": {"$lte": at}, "place": self._place}
        found = await self._database.find(EXPORTS, over, sort={"expires_at": 1}, limit=limit)
        return [_export(document) for document in found]

    async def forget(self, export: Id) -> None:
        await self._database.delete_and_get(EXPORTS, {"_id": ObjectId(export)})

    def is_here(self, export: Export) -> bool:
        return export.place == self._place


def _export(document: Document) -> Export:
    expires_at = document.get("expires_at")
    return Export(
        id=Id(str(document["_id"])),
        user=Id(str(document["user"])),
        token=document["token"],
        status=ExportStatus(document["status"]),
        created_at=moment(document["at"]),
        expires_at=None if expires_at is None else moment(expires_at),
        size=document.get("size", 0),
        place=document.get("place", ""),
    )
