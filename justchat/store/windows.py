"""How often something has been done, in MongoDB: windows that outlive a restart and that all daemons share.

A window begins with the first thing that it counts, and is over a period later.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import TooManyRequests
from justchat.interfaces import IWindows
from justchat.model.ids import derived_id
from justchat.model.moment import Clock
from justchat.model.rate import Rate
from justchat.store.database import Database
from justchat.store.documents import moment
from justchat.store.indexes import WINDOWS


@implementer(IWindows)
class Windows:
    """See IWindows. One atomic update each, of a document found by its ``_id``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hit(self, name: str, of: str, rates: Sequence[Rate]) -> None:
        for before, rate in enumerate(rates):
            wait = await self._count(_id(name, of, rate), rate)
            if wait is not None:
                await self.give_back(name, of, rates[:before])
                raise TooManyRequests(name, *rate, ceil(wait.total_seconds()))

    async def _count(self, id: ObjectId, rate: Rate) -> timedelta | None:
        """How long to wait, where there is no room for one more."""
        now = self._clock()
        running = {"$gt": ["$ends", now]}
        one_more = {"$min": [{"$add": ["$n", 1]}, rate.most]}
        window = {
            "n": {"$cond": [running, one_more, 1]},
            "ends": {"$cond": [running, "$ends", now + timedelta(seconds=rate.seconds)]},
        }
        was = await self._database.upsert_and_get(WINDOWS, {"_id": id}, [{"$set": window}])
        if was is None or was["n"] < rate.most:
            return None
        left = moment(was["ends"]) - now
        return left if left > timedelta(0) else None

    async def give_back(self, name: str, of: str, rates: Sequence[Rate]) -> None:
        for rate in rates:
            counted = {"_id": _id(name, of, rate), "ends": {"$gt": self._clock()}, "n": {"$gt": 0}}
            await self._database.update(WINDOWS, counted, {"$inc": {"n": -1}})

    async def forget(self, name: str, of: str, rates: Sequence[Rate]) -> None:
        for rate in rates:
            await self._database.delete_and_get(WINDOWS, {"_id": _id(name, of, rate)})


def _id(name: str, of: str, rate: Rate) -> ObjectId:
    return ObjectId(derived_id("window", name, of, str(rate.seconds)))
