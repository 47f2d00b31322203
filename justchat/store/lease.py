"""A lease: one of several daemons holds it, and does the work for all of them.

It is one document. Its end is set and compared by the database's clock (``$$NOW``), so the daemons' own clocks do not
matter. A daemon that dies keeps the lease until its end; one that stops releases it. A daemon that was stopped for
longer than LASTS may go on beside the next holder, so the work must be safe to do twice.
"""

from datetime import timedelta

from bson import ObjectId

from justchat.model.ids import new_id
from justchat.model.moment import EPOCH
from justchat.store.indexes import LEASES
from justchat.store.mongo.client import Database, Document

LASTS = timedelta(seconds=20)
"""Renew it at least twice within this."""


class Lease:
    """The lease with this name. Every method raises DatabaseAway."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._holder = ObjectId(new_id())
        self._was_held = False

    async def acquire(self) -> bool:
        """Take the lease, or renew it. Returns whether it is held for LASTS from now on."""
        taken = await self._take()
        if not taken:  # another daemon has it, or nobody has ever had it
            nobody = {"$setOnInsert": {"holder": None, "until": EPOCH}}
            await self._database.upsert(LEASES, {"_id": self._name}, nobody)
            taken = await self._take()
        self._was_held |= taken
        return taken

    async def _take(self) -> bool:
        milliseconds = int(LASTS.total_seconds() * 1000)
        until: Document = {"$add": ["$$NOW", milliseconds]}
        free: Document = {
            "$or": [
                {"holder": self._holder},
                {"$expr": {"$lte": ["$until", "$$NOW"]}},
                # Later than any daemon can have set it by the database's present clock: that one was set back.
                {"$expr": {"$gt": ["$until", {"$add": ["$$NOW", 2 * milliseconds]}]}},
            ]
        }
        taken = [{"$set": {"holder": self._holder, "until": until}}]
        return await self._database.update(LEASES, {"_id": self._name, **free}, taken)

    async def release(self) -> None:
        """Give the lease up, if it is held, so that another daemon can take it at once."""
        if not self._was_held:
            return
        held = {"_id": self._name, "holder": self._holder}
        await self._database.update(LEASES, held, {"$set": {"holder": None, "until": EPOCH}})
