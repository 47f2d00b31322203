"""A lease: one of several daemons holds it, and does the work for all of them.

It is one document. Its end is set and compared by the database's clock (``$$NOW``), so the daemons' own clocks do not
matter. A daemon that dies keeps the lease until its end; one that stops releases it. A daemon that was stopped for
longer than LASTS may go on beside the next holder, so the work must be safe to do twice.
"""

from contextlib import suppress
from datetime import timedelta

from bson import ObjectId

from justchat.errors import DatabaseAway
from justchat.model.ids import new_id
from justchat.model.moment import EPOCH, Moment
from justchat.store.bson import moment
from justchat.store.indexes import LEASES
from justchat.store.mongo.client import Database, Document
from justchat.store.server_time import outlasted

LASTS = timedelta(seconds=20)
"""Renew it at least twice within this."""
LAST_WORD = 1.0
"""Seconds that a daemon that stops waits for the database to take its sign of life: the last thing of all."""
MOST_DAEMONS = 1000
"""Daemons, dead or alive, that one look finds."""
_DAEMON, _AFTER = "daemon ", "daemon!"
"""The names of signs of life are between these."""


class Lease:
    """The lease with this name. Every method raises DatabaseAway."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._holder = ObjectId(new_id())
        self._is_held = False
        """As far as is known: False while a database that is away does not answer. Then the lease ends by itself."""

    async def acquire(self) -> bool:
        """Take the lease, or renew it. Returns whether it is held for LASTS from now on."""
        was_held, self._is_held = self._is_held, False
        taken = await self._take()
        if not taken:  # another daemon has it, or nobody has ever had it
            nobody = {"$setOnInsert": {"holder": None, "until": EPOCH}}
            await self._database.upsert(LEASES, {"_id": self._name}, nobody)
            taken = await self._take()
        self._is_held = was_held or taken
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
        if not self._is_held:
            return
        held = {"_id": self._name, "holder": self._holder}
        await self._database.update(LEASES, held, {"$set": {"holder": None, "until": EPOCH}})


class SignOfLife:
    """A lease of a daemon on its own life: while it runs it renews it, and when it stops it removes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.name = f"{_DAEMON}{new_id()}"
        self._lease = Lease(database, self.name)

    async def give(self) -> None:
        """Say that this daemon runs. Raises DatabaseAway."""
        await self._lease.acquire()

    async def end(self) -> None:
        """Say that this daemon has stopped, and left nothing undone. While the database is away nobody hears that."""
        with suppress(DatabaseAway):
            await self._database.delete_and_get(LEASES, {"_id": self.name}, within=LAST_WORD)

    async def others(self) -> dict[str, Moment]:
        """The ends of the signs that others gave lately, by their names. Raises DatabaseAway."""
        lasting = {"$expr": {"$gt": ["$until", "$$NOW"]}}
        named = {"_id": {"$gte": _DAEMON, "$lt": _AFTER, "$ne": self.name}}
        found = await self._database.find(LEASES, {**named, **lasting}, limit=MOST_DAEMONS, fields=["_id", "until"])
        return {each["_id"]: moment(each["until"]) for each in found}

    async def dead(self) -> list[str]:
        """The daemons that have stopped giving signs without an end. Raises DatabaseAway."""
        ended = {"_id": {"$gte": _DAEMON, "$lt": _AFTER}, **outlasted("until", timedelta())}
        return [each["_id"] for each in await self._database.find(LEASES, ended, limit=MOST_DAEMONS, fields=["_id"])]

    async def forget(self, dead: list[str]) -> None:
        """What these daemons left undone is done. Raises DatabaseAway."""
        await self._database.delete_all(LEASES, {"_id": {"$in": dead}})
