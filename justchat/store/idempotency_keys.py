"""The answers of calls that came with an Idempotency-Key, in MongoDB, for a day."""

import secrets
from datetime import timedelta

from attrs import evolve
from bson import ObjectId
from zope.interface import implementer

from justchat.errors import InProgress, KeyReused
from justchat.interfaces.idempotency import Claim, IIdempotencyKeys
from justchat.model.ids import Id
from justchat.model.moment import Clock, Moment
from justchat.protocol.removed_words import ids_in
from justchat.store.indexes import ANSWERS
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter

KEPT = timedelta(days=1)
LEASE = timedelta(seconds=3)
"""The claim of a daemon that dies during a call holds for as long. One that lives renews its claims."""


@implementer(IIdempotencyKeys)
class IdempotencyKeys:
    """See IIdempotencyKeys. The unique ``_id`` decides between daemons; only the claim's holder writes the answer."""

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
            # A call that was released, or whose daemon died, is taken over. A day-old answer that MongoDB has not
            # removed yet is replaced.
            free = {"status": None, "request": request, "$or": [{"busy": None}, *_expired(now, LEASE)]}
            released = {"_id": ObjectId(id), "at": {"$gt": now - KEPT, "$lte": now + KEPT}, **free}
            found = await self._database.update_and_get(ANSWERS, released, {"$set": begun})
            if found is not None:
                return evolve(claim, idempotency_id=Id(found["once"]))
            expired = {"_id": ObjectId(id), "$or": _expired(now, KEPT)}
            renewed = {"$set": first, "$unset": {"status": 1, "answer": 1, "ids": 1}}
            if await self._database.update_and_get(ANSWERS, expired, renewed) is not None:
                return claim
            known = await self._database.find_one(ANSWERS, {"_id": ObjectId(id)})
            if known is not None:  # else MongoDB has just removed it
                if known["request"] != request:
                    raise KeyReused
                if known.get("status") is not None:
                    return known["status"], known["answer"]
                if known.get("busy"):
                    raise InProgress
        raise InProgress

    async def keep(self, id: Id, by: Id, status: int, answer: bytes) -> None:
        ids = [ObjectId(each) for each in ids_in(answer)]  # by which the words of a removed message are found
        found = {"ids": ids} if ids else {}
        kept = {"$set": {"status": status, "answer": answer, **found}, "$unset": {"busy": 1}}
        await self._database.update(ANSWERS, {"_id": ObjectId(id), "claim": by}, kept)

    async def renew(self, id: Id, by: Id) -> None:
        await self._database.update(ANSWERS, {"_id": ObjectId(id), "claim": by}, {"$set": {"at": self._clock()}})

    async def release(self, id: Id, by: Id) -> None:
        await self._database.update(ANSWERS, {"_id": ObjectId(id), "claim": by}, {"$unset": {"busy": 1}})

    async def release_all(self) -> None:
        await self._database.update_all(ANSWERS, {"busy": True}, {"$unset": {"busy": 1}}, scatter=Scatter.RELEASE)


def _expired(now: Moment, lasts: timedelta) -> list[Document]:
    """The alternatives of ``$or`` that match an expired document: it is older than ``lasts``, or so far in the future
    that the clock must have been set back since. Else it would hold until then.
    """
    return [{"at": {"$lte": now - lasts}}, {"at": {"$gt": now + lasts}}]
