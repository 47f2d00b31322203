"""The load of the daemons, in MongoDB: a document for each minute, to which every process adds its own.

So what a reader reads does not grow with the number of processes. It expires after a day.
"""

from collections.abc import Sequence

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces.load import ILoad
from justchat.metrics.declarations import SECONDS
from justchat.model.load import MINUTES_OF_SLOT, LoadPoint, begin_of, minute_of
from justchat.model.moment import Moment
from justchat.store.indexes import LOAD
from justchat.store.mongo.client import Database, Document

BUCKETS = tuple(f"b{n}" for n in range(len(SECONDS) + 1))
"""The fields of the batches by how long they took."""
SUMS = ("entries", "errors", *BUCKETS)
MOST_MINUTES = 24 * 60 + 1


@implementer(ILoad)
class LoadStore:
    """See ILoad."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, points: Sequence[LoadPoint]) -> None:
        await self._database.upsert_many(LOAD, [_addition(point) for point in points])

    async def minutes(self, since: Moment) -> list[LoadPoint]:
        later = {"_id": {"$gte": minute_of(since)}}
        fields = ["sockets", *SUMS]
        found = await self._database.find(LOAD, later, sort={"_id": 1}, limit=MOST_MINUTES, fields=fields)
        return [_point(each) for each in found]

    async def slots(self, since: Moment) -> list[LoadPoint]:
        first = minute_of(since) // MINUTES_OF_SLOT * MINUTES_OF_SLOT
        begin = {"$subtract": ["$_id", {"$mod": ["$_id", MINUTES_OF_SLOT]}]}
        rows = await self._database.aggregate(
            LOAD,
            [
                {"$match": {"_id": {"$gte": first}}},
                {
                    "$group": {
                        "_id": begin,
                        "sockets": {"$avg": "$sockets"},
                        **{name: {"$sum": f"${name}"} for name in SUMS},
                    }
                },
            ],
        )
        return [_point(row) for row in sorted(rows, key=lambda row: int(row["_id"]))]


def _addition(point: LoadPoint) -> tuple[Document, Document]:
    numbers = {
        "sockets": point.sockets,
        "entries": point.entries,
        "errors": point.errors,
        **{name: count for name, count in zip(BUCKETS, point.batches, strict=True) if count},
    }
    # Where it is added already, the query matches nothing, and the minute's _id refuses another document.
    once = {"_id": minute_of(point.at), "added": {"$ne": ObjectId(point.id)}}
    return once, {"$inc": numbers, "$push": {"added": ObjectId(point.id)}, "$setOnInsert": {"at": point.at}}


def _point(document: Document) -> LoadPoint:
    return LoadPoint(
        at=begin_of(document["_id"]),
        sockets=document["sockets"],
        entries=document["entries"],
        errors=document["errors"],
        batches=tuple(document.get(name, 0) for name in BUCKETS),
    )
