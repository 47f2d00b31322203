"""Records of uploaded pictures, in MongoDB: the owner, whether anything refers to the picture, and bytes by day.

A record is stored before its picture, and a reference before the text that has it. So a crash in between leaves a
picture that is kept without need, and never a text whose picture is deleted.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import TooManyRequests
from justchat.interfaces.pictures import IPictureRecords
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Clock, Moment
from justchat.store.indexes import PICTURES, WINDOWS
from justchat.store.mongo.client import Database

DAY = 24 * 3600


@implementer(IPictureRecords)
class PictureRecords:
    """See IPictureRecords. ``folder`` names this daemon's folder of pictures: each daemon on a database has its own."""

    def __init__(self, database: Database, clock: Clock, folder: str) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder

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

    async def refer(self, stems: Sequence[str]) -> None:
        if stems:
            await self._database.update_all(
                PICTURES, {"_id": {"$in": list(stems)}, "kept": False}, {"$set": {"kept": True}}
            )

    async def take_orphans(self, before: Moment, limit: int) -> list[str]:
        orphan = {"folder": self._folder, "kept": False, "at": {"$lt": before}}
        found = await self._database.find(PICTURES, orphan, sort={"at": 1}, limit=limit, fields=["_id"])
        orphans = [{"_id": record["_id"], "kept": False} for record in found]
        # A picture that got a reference since, or that another daemon has taken, is not among them.
        taken = [await self._database.delete_and_get(PICTURES, each) for each in orphans]
        return [str(record["_id"]) for record in taken if record is not None]

    async def take_bytes(self, name: str, of: str, most: int, size: int) -> None:
        id, ends = self._today(name, of)
        room = {"_id": id, "bytes": {"$lte": most - size}}
        for _ in range(2):
            if await self._database.update(WINDOWS, room, {"$inc": {"bytes": size}}):
                return
            if size <= most and await self._database.insert(WINDOWS, {"_id": id, "bytes": size, "ends": ends}):
                return
        raise TooManyRequests(name, most, DAY, ceil((ends - self._clock()).total_seconds()))

    async def add_bytes(self, name: str, of: str, size: int) -> None:
        id, _ = self._today(name, of)
        await self._database.update(WINDOWS, {"_id": id}, {"$inc": {"bytes": size}})

    def _today(self, name: str, of: str) -> tuple[ObjectId, Moment]:
        start = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        return ObjectId(derived_id("bytes", name, of, start.isoformat())), start + timedelta(seconds=DAY)
