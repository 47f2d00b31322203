"""Notices: documents that one process writes for all others, which look for new ones every second.

They are in collections of their own, from which MongoDB removes them after a while.
"""

from datetime import timedelta

from bson import ObjectId

from justchat.limits.bounded_cache import BoundedCache
from justchat.model.moment import Clock
from justchat.store.mongo.client import Database, Document

SKEW = timedelta(seconds=5)
"""A look begins this long before the last one: clocks differ, and a notice may be stored a little late."""
DEEP_SKEW = timedelta(minutes=5)
"""The same, for each DEEP_EVERYth look."""
DEEP_EVERY = 30
MOST_READ = 10_000
"""Notices that one look reads, the latest ones, and that are remembered as read."""


KEPT = timedelta(hours=12)
"""Notices are kept for longer than this."""


class NoticeReader:
    """Reads the notices of a collection. Each has the time ``at``, under an index.

    ``has_missed``: since the look before the last one there may have been notices that no look has found. Either that
    was so long ago that some are deleted, as where the machine was suspended, or there were too many.
    """

    def __init__(self, database: Database, collection: str, clock: Clock) -> None:
        self._database = database
        self._collection = collection
        self._clock = clock
        self._read_at = clock()
        self._looks = 0
        self.has_missed = False
        self._seen: BoundedCache[ObjectId, None] = BoundedCache(MOST_READ)

    async def read(self) -> list[Document]:
        """The notices that were not read before, the oldest first. Raises DatabaseAway."""
        at = self._clock()
        overlap = SKEW if self._looks % DEEP_EVERY else DEEP_SKEW
        since = min(self._read_at, at) - overlap  # the clock may have been set back
        found = await self._database.find(self._collection, {"at": {"$gte": since}}, sort={"at": -1}, limit=MOST_READ)
        self._looks += 1
        self.has_missed = at - self._read_at > KEPT or len(found) == MOST_READ
        self._read_at = at
        new = [notice for notice in reversed(found) if notice["_id"] not in self._seen]
        for notice in new:
            self._seen.put(notice["_id"], None)
        return new
