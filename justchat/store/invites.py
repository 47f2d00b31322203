"""Who has invited whom, in MongoDB, for a day."""

from datetime import timedelta

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces import IInvites
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Clock
from justchat.model.phone import Phone
from justchat.store.database import Database
from justchat.store.indexes import INVITES

AGAIN_AFTER = timedelta(days=1)


@implementer(IInvites)
class Invites:
    """See IInvites."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, inviter: Id, phone: Phone) -> bool:
        id, at = _id(inviter, phone), self._clock()
        if await self._database.insert(INVITES, {"_id": id, "at": at}):
            return True
        # MongoDB has not got round yet to removing one that is a day old.
        return await self._database.update(INVITES, {"_id": id, "at": {"$lte": at - AGAIN_AFTER}}, {"$set": {"at": at}})

    async def release(self, inviter: Id, phone: Phone) -> None:
        await self._database.delete_and_get(INVITES, {"_id": _id(inviter, phone)})


def _id(inviter: Id, phone: Phone) -> ObjectId:
    return ObjectId(derived_id("invite", inviter, phone))
