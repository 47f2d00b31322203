"""The first answers of calls that came with an Idempotency-Key, in MongoDB, for a day."""

import secrets
from datetime import timedelta

from attrs import evolve
from bson import ObjectId
from zope.interface import implementer

from justchat.errors import InProgress, KeyReused
from justchat.interfaces.idempotency import Claim, IIdempotencyKeys
from justchat.model.ids import Id
from justchat.model.moment import Clock, Moment
from justchat.store.indexes import ANSWERS
from justchat.store.mongo.client import Database, Document

KEPT = timedelta(days=1)
LEASE = timedelta(seconds=30)
"""Longer than any call takes. Where several daemons share a database, one that dies in the middle of a call leaves its
claim behind for as long.
"""


@implementer(IIdempotencyKeys)
class IdempotencyKeys:
    """See IFirstAnswers. The unique ``_id`` decides between daemons; only who holds the claim writes the answer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, id: Id, request: bytes, by: Id) -> Claim | tuple[int, bytes]:
        now, claim = self._clock(), Claim(id=by, idempotency_id=Id(secrets.token_hex(12)))
        begun = {"claim": claim.id, "at": now, "busy": True}
        first = {"_id": ObjectId(id), "request": request, "once": claim.idempotency_id, **begun}
        for _ in range(3):
            if await self._database.insert(ANSWERS, first):
                return claim
            # A call that was given up, or whose daemon died, is gone on with; a day-old answer, which MongoDB has yet
            # to remove, makes room.
            free = {"status": None, "request": request, "$or": [{"busy": None}, *_is_over(now, LEASE)]}
            given_up = {"_id": ObjectId(id), "at": {"$gt": now - KEPT, "$lte": now + KEPT}, **free}
            found = await self._database.update_and_get(ANSWERS, given_up, {"$set": begun})
            if found is not None:
                return evolve(claim, idempotency_id=Id(found["once"]))
            over = {"_id": ObjectId(id), "$or": _is_over(now, KEPT)}
            renewed = {"$set": first, "$unset": {"status": 1, "answer": 1}}
            if await self._database.update_and_get(ANSWERS, over, renewed) is not None:
                return claim
            known = await self._database.find_one(ANSWERS, {"_id": ObjectId(id)})
            if known is not None:  # else MongoDB has removed it this moment
                if known["request"] != request:
                    raise KeyReused
                if known.get("status") is not None:
                    return known["status"], known["answer"]
                if known.get("busy"):
                    raise InProgress
        raise InProgress

    async def keep(self, id: Id, by: Id, status: int, answer: bytes) -> None:
        kept = {"$set": {"status": status, "answer": answer}, "$unset": {"busy": 1}}
        await self._database.update(ANSWERS, {"_id": ObjectId(id), "claim": by}, kept)

    async def release(self, id: Id, by: Id) -> None:
        await self._database.update(ANSWERS, {"_id": ObjectId(id), "claim": by}, {"$unset": {"busy": 1}})

    async def release_all(self) -> None:
        await self._database.update_all(ANSWERS, {"busy": True}, {"$unset": {"busy": 1}})


def _is_over(now: Moment, lasts: timedelta) -> list[Document]:
    """When what was made at ``at`` is over, for ``$or``: it is older than it may be, or was made so far in the future
    that the clock must have been set back since. Else it would hold until then.
    """
    return [{"at": {"$lte": now - lasts}}, {"at": {"$gt": now + lasts}}]
