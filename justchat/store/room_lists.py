"""Lists of rooms, from their snapshots."""

from collections.abc import Collection

from attrs import evolve
from bson import ObjectId
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from justchat.limits.bounded_cache import BoundedCache
from justchat.model.ids import Id
from justchat.model.room import ListedRoom, RoomSearch
from justchat.store.indexes import PRIVATE, ROOMS
from justchat.store.mongo.client import Database
from justchat.store.room_search import LISTED_ROOM, is_slow, listed_room_from_document, listing

SLOW_COUNT = 0.1
"""Seconds. A count that took longer is kept for COUNT_LIFETIME times as long as it took."""
COUNT_LIFETIME = 10
MAX_COUNTS = 1000
LISTED_AT_ONCE = 100
QUERIED_AT_ONCE = 1000
"""Rooms that one query of ``private`` names."""


class RoomLists:
    """Reads lists of rooms. Every method raises DatabaseAway."""

    def __init__(self, database: Database, reactor: IReactorTime) -> None:
        self._database = database
        self._reactor = reactor
        self._counts: BoundedCache[str, tuple[int, float]] = BoundedCache(MAX_COUNTS)

    async def search(self, wanted: RoomSearch, by: Id) -> list[ListedRoom]:
        """See IRooms.search."""
        documents = await self._database.find(
            ROOMS,
            **listing(wanted),
            skip=wanted.skip,
            limit=wanted.per_page,
            fields=LISTED_ROOM,
            batch=LISTED_AT_ONCE,
            slow=by if is_slow(wanted) else None,
        )
        found: list[ListedRoom] = []
        for start in range(0, len(documents), LISTED_AT_ONCE):
            if start:
                await deferLater(self._reactor, 0)  # each may have two hundred people, so other work runs between
            found += map(listed_room_from_document, documents[start : start + LISTED_AT_ONCE])
        return found

    async def private(self, rooms: Collection[Id]) -> set[Id]:
        """See IRooms.private."""
        found: set[Id] = set()
        ids = list(rooms)
        for start in range(0, len(ids), QUERIED_AT_ONCE):
            some = [ObjectId(id) for id in ids[start : start + QUERIED_AT_ONCE]]
            documents = await self._database.find(
                ROOMS,
                {"private": True, "_id": {"$in": some}},
                limit=QUERIED_AT_ONCE,
                fields=["_id"],
                hint=PRIVATE["name"],
            )
            found.update(Id(str(document["_id"])) for document in documents)
        return found

    async def count(self, wanted: RoomSearch, by: Id) -> int:
        """See IRooms.count."""
        # The number does not depend on the order, and the default order finds names fastest.
        query = listing(evolve(wanted, sort="created_at"))["query"]
        key, began = repr(query), self._reactor.seconds()
        number, until = self._counts.get(key, (0, 0.0))
        if began < until:
            return number
        # The count reads an index key for each room.
        number = await self._database.count(ROOMS, query, slow=by)
        took = self._reactor.seconds() - began
        if took > SLOW_COUNT:
            # Where rooms are many, or many reads wait, the number may be a little out of date.
            self._counts.put(key, (number, began + COUNT_LIFETIME * took))
        return number
