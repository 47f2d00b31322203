"""Records of uploaded pictures, in MongoDB: the owner, whether anything refers to the picture, and bytes by day.

A record is stored before its picture, and a reference before the text that has it. So a crash in between leaves a
picture that is kept without need, and never a text whose picture is deleted. An orphan is removed in three steps: it is
marked, so that nothing can refer to it; its file is removed; its record is deleted. So a crash in between, or a store
that is away, leaves no file without a record.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import TooManyRequests
from justchat.interfaces.pictures import IPictureRecords
from justchat.metrics.declarations import RATE_REFUSALS
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Clock, Moment
from justchat.store.indexes import PICTURES, WINDOWS
from justchat.store.mongo.client import Database

DAY = 24 * 3600
RETAKEN = timedelta(minutes=5)
"""After this, a picture that was taken and not forgotten is taken again: its removal failed."""


@implementer(IPictureRecords)
class PictureRecords:
    """See IPictureRecords.

    ``folder`` names the place where this daemon stores pictures: its own folder, or one that it shares with others.
    ``former`` names one that it used before, whose orphans are still its own.
    """

    def __init__(self, database: Database, clock: Clock, folder: str, former: str | None = None) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._folders = [folder] if former is None else [folder, former]

    async def add(self, stem: str, user: Id | None, size: int) -> None:
        record = {
            "folder": self._folder,
            "user": None if user is None else ObjectId(user),
            "bytes": size,
            "at": self._clock(),
            "kept": False,
        }
        # The same picture again, after a crash, keeps its age and its references.
        await self._database.upsert(PICTURES, {"_id": stem}, {"$setOnInsert": record})

    async def has(self, stem: str) -> bool:
        return await self._database.find_one(PICTURES, {"_id": stem, "removing": None}, ["_id"]) is not None

    async def adopt(self, stem: str, size: int) -> None:
        new = {"user": None, "bytes": size, "at": self._clock(), "kept": True}
        change = {"$set": {"folder": self._folder}, "$setOnInsert": new}
        await self._database.upsert(PICTURES, {"_id": stem}, change)

    async def refer(self, stems: Sequence[str]) -> None:
        if stems:
            lasting = {"_id": {"$in": list(stems)}, "kept": False, "removing": None}
            await self._database.update_all(PICTURES, lasting, {"$set": {"kept": True}})

    async def take_orphans(self, before: Moment, limit: int) -> list[str]:
        time = self._clock()
        # Not one whose removal began just now, here or at another daemon.
        free = {"kept": False, "removing": {"$not": {"$gte": time - RETAKEN}}}
        orphan = {"folder": {"$in": self._folders}, "at": {"$lt": before}, **free}
        found = await self._database.find(PICTURES, orphan, sort={"at": 1}, limit=limit, fields=["_id"])
        return [
            str(record["_id"])
            for record in found
            # Nor one that got a reference since.
            if await self._database.update(PICTURES, {"_id": record["_id"], **free}, {"$set": {"removing": time}})
        ]

    async def forget(self, stem: str) -> None:
        await self._database.delete_all(PICTURES, {"_id": stem, "kept": False})

    async def take_bytes(self, name: str, of: str, most: int, size: int) -> None:
        id, ends = self._today(name, of)
        room = {"_id": id, "bytes": {"$lte": most - size}}
        for _ in range(2):
            if await self._database.update(WINDOWS, room, {"$inc": {"bytes": size}}):
                return
            if size <= most and await self._database.insert(WINDOWS, {"_id": id, "bytes": size, "ends": ends}):
                return
        RATE_REFUSALS.count(name)
        raise TooManyRequests(name, most, DAY, ceil((ends - self._clock()).total_seconds()))

    async def add_bytes(self, name: str, of: str, size: int) -> None:
        id, _ = self._today(name, of)
        await self._database.update(WINDOWS, {"_id": id}, {"$inc": {"bytes": size}})

    def _today(self, name: str, of: str) -> tuple[ObjectId, Moment]:
        start = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        return ObjectId(derived_id("bytes", name, of, start.isoformat())), start + timedelta(seconds=DAY)
