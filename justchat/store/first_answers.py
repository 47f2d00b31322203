"""The first answers of calls that came with an Idempotency-Key, in MongoDB, for a day."""

from datetime import timedelta

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import InProgress, KeyReused
from justchat.interfaces import IFirstAnswers
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.store.database import Database
from justchat.store.indexes import ANSWERS

KEPT = timedelta(days=1)
LEASE = timedelta(seconds=30)
"""Longer than any call takes. A daemon that dies in the middle of one leaves its claim behind for as long."""


@implementer(IFirstAnswers)
class FirstAnswers:
    """See IFirstAnswers. The unique ``_id`` decides between daemons; only who holds the claim writes the answer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, id: Id, request: bytes) -> Id | tuple[int, bytes]:
        now, claim = self._clock(), new_id()
        begun = {"request": request, "claim": claim, "at": now}
        for _ in range(3):
            if await self._database.insert(ANSWERS, {"_id": ObjectId(id), **begun}):
                return claim
            # What is over: a day-old answer that MongoDB has yet to remove, or the claim of a daemon that died.
            died = {"status": None, "request": request, "at": {"$lte": now - LEASE}}
            over = {"_id": ObjectId(id), "$or": [{"at": {"$lte": now - KEPT}}, died]}
            taken = {"$set": begun, "$unset": {"status": 1, "answer": 1}}
            if await self._database.update_and_get(ANSWERS, over, taken) is not None:
                return claim
            first = await self._database.find_one(ANSWERS, {"_id": ObjectId(id)})
            if first is not None:  # else it was given up this moment
                if first["request"] != request:
                    raise KeyReused
                if first.get("status") is None:
                    raise InProgress
                return first["status"], first["answer"]
        raise InProgress

    async def keep(self, id: Id, claim: Id, status: int, answer: bytes) -> None:
        held = {"_id": ObjectId(id), "claim": claim}
        await self._database.update(ANSWERS, held, {"$set": {"status": status, "answer": answer}})

    async def release(self, id: Id, claim: Id) -> None:
        await self._database.delete_and_get(ANSWERS, {"_id": ObjectId(id), "claim": claim})
