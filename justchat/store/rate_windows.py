"""Rate limits in MongoDB: fixed windows that outlive a restart and that all daemons share.

A window begins with the first hit that it counts, and ends one period later. A counter has one document, with a window
for each of its rates: one atomic update counts a hit in all of them, or in none.

A hit is counted *before* the operation that it stands for, so that many at once cannot pass together, and a daemon that
is killed in between has counted too much rather than too little. If the operation then fails, its hit is given back by
the hit's token: once, and only where it was counted, since a database that was suspended carries out late what was
sent to it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from math import ceil
from typing import Any

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import TooManyRequests, Unavailable
from justchat.interfaces.counters import IRateWindows
from justchat.metrics.declarations import RATE_REFUSALS
from justchat.model.ids import derived_id, new_id
from justchat.model.moment import Clock
from justchat.model.rate import Rate, RateCounter, RateHit
from justchat.store.bson import moment
from justchat.store.compensation import Compensator
from justchat.store.indexes import WINDOWS
from justchat.store.mongo.client import Database, Document

RECENT = 100
"""The latest hits of a counter, which can be given back."""
SKEW = timedelta(seconds=60)
"""The clocks of daemons on one database may differ by this much."""


@implementer(IRateWindows)
class RateWindows:
    """See IRateWindows. Each operation is one atomic update of a document, found by its ``_id``."""

    def __init__(self, database: Database, clock: Clock, reactor: Any) -> None:
        self._database = database
        self._clock = clock
        self._compensator = Compensator(reactor)

    async def used(self, counters: Sequence[RateCounter]) -> list[float]:
        ids = [_id(counter) for counter in counters if counter.rates]
        documents = await self._database.find(WINDOWS, {"_id": {"$in": ids}}, limit=len(ids)) if ids else []
        found = {document["_id"]: document for document in documents}
        used = []
        for counter in counters:
            document = found.get(_id(counter), {})
            if self._is_ahead(counter, document):
                document = await self._shorten(counter)
            left = self._left(counter, document)
            if left is not None:
                raise _refusal(counter, *left)
            used.append(max((self._n(rate, document) / rate.most for rate in counter.rates), default=0.0))
        return used

    async def take(self, counters: Sequence[RateCounter]) -> list[RateHit]:
        await self.used(counters)
        taken: list[RateHit] = []
        for counter in counters:
            if not counter.rates:
                continue
            hit = RateHit(counter, new_id(), self._clock())
            taken.append(hit)
            try:
                await self._count(hit)
            except (TooManyRequests, Unavailable):
                await self.give_back(taken)
                raise
        return taken

    async def _count(self, hit: RateHit) -> None:
        counter, now = hit.counter, hit.at
        token = ObjectId(hit.token)
        fresh: Document = {}
        for rate in counter.rates:
            ends, until = f"$ends_{rate.seconds}", now + timedelta(seconds=rate.seconds)
            running = {"$gt": [ends, now]}
            fresh[f"n_{rate.seconds}"] = {"$cond": [running, f"$n_{rate.seconds}", 0]}
            # No window ends later than a period from now, even if the clock was set back since it began.
            fresh[f"ends_{rate.seconds}"] = {"$cond": [running, {"$min": [ends, until]}, until]}
        room = {"$and": [{"$lt": [f"$n_{rate.seconds}", rate.most]} for rate in counter.rates]}
        latest = {"$slice": [{"$concatArrays": [[token], {"$ifNull": ["$recent", []]}]}, RECENT]}
        counted: Document = {
            f"n_{rate.seconds}": {"$cond": [room, {"$add": [f"$n_{rate.seconds}", 1]}, f"$n_{rate.seconds}"]}
            for rate in counter.rates
        }
        counted["recent"] = {"$cond": [room, latest, {"$ifNull": ["$recent", []]}]}
        counted["ends"] = {"$max": [f"$ends_{rate.seconds}" for rate in counter.rates]}
        document = await self._database.upsert_and_get(
            WINDOWS, {"_id": _id(counter)}, [{"$set": fresh}, {"$set": counted}], after=True
        )
        assert document is not None
        if token not in document["recent"]:
            raise _refusal(counter, *(self._left(counter, document) or (counter.rates[0], timedelta())))

    def _is_ahead(self, counter: RateCounter, document: Mapping[str, Any]) -> bool:
        """Whether the clock was set back since a window began: it would end later than a period from now."""
        now = self._clock()
        ends = [(document.get(f"ends_{rate.seconds}"), timedelta(seconds=rate.seconds)) for rate in counter.rates]
        return any(end is not None and moment(end) > now + period + SKEW for end, period in ends)

    async def _shorten(self, counter: RateCounter) -> Document:
        """Let no window end later than a period from now: nobody waits for as long as a clock was wrong."""
        now = self._clock()
        ends = {
            f"ends_{rate.seconds}": {"$min": [f"$ends_{rate.seconds}", now + timedelta(seconds=rate.seconds)]}
            for rate in counter.rates
        }
        return await self._database.update_and_get(WINDOWS, {"_id": _id(counter)}, [{"$set": ends}]) or {}

    def _left(self, counter: RateCounter, document: Mapping[str, Any]) -> tuple[Rate, timedelta] | None:
        """Of the rates that are full, the one with the longest wait, and the wait; None where another hit has room."""
        now = self._clock()
        full = [
            (moment(document[f"ends_{rate.seconds}"]) - now, rate)
            for rate in counter.rates
            if self._n(rate, document) >= rate.most
        ]
        if not full:
            return None
        wait, rate = max(full)
        return rate, min(wait, timedelta(seconds=rate.seconds))

    def _n(self, rate: Rate, document: Mapping[str, Any]) -> int:
        """The hits in the running window of a rate."""
        ends = document.get(f"ends_{rate.seconds}")
        return document[f"n_{rate.seconds}"] if ends is not None and moment(ends) > self._clock() else 0

    async def give_back(self, hits: Sequence[RateHit]) -> None:
        for hit in hits:
            await self._compensator.compensate(partial(self._give_back, hit))

    async def _give_back(self, hit: RateHit) -> None:
        token, one_less = ObjectId(hit.token), {}
        for rate in hit.counter.rates:
            n = f"$n_{rate.seconds}"
            # Where a new window has begun since, the hit ended with the old one.
            began = {"$subtract": [f"$ends_{rate.seconds}", rate.seconds * 1000]}
            of_this = {"$gte": [hit.at, began]}
            one_less[f"n_{rate.seconds}"] = {"$cond": [{"$and": [of_this, {"$gt": [n, 0]}]}, {"$subtract": [n, 1]}, n]}
        others = {"$filter": {"input": "$recent", "cond": {"$ne": ["$$this", token]}}}
        await self._database.update(
            WINDOWS, {"_id": _id(hit.counter), "recent": token}, [{"$set": {**one_less, "recent": others}}]
        )

    async def forget(self, counter: RateCounter) -> None:
        if counter.rates:
            await self._database.delete_and_get(WINDOWS, {"_id": _id(counter)})


def _id(counter: RateCounter) -> ObjectId:
    return ObjectId(derived_id("window", counter.name, counter.group, counter.subject))


def _refusal(counter: RateCounter, rate: Rate, left: timedelta) -> TooManyRequests:
    RATE_REFUSALS.count(counter.name)
    return TooManyRequests(counter.name, *rate, ceil(left.total_seconds()))
