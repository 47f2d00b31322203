"""Invitations by SMS, in MongoDB: one a day from a user to a phone."""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces.users import IInvites
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Clock
from justchat.model.phone import Phone
from justchat.store.compensation import Compensator
from justchat.store.indexes import INVITES
from justchat.store.mongo.client import Database

INVITE_INTERVAL = timedelta(days=1)


@implementer(IInvites)
class Invites:
    """See IInvites."""

    def __init__(self, database: Database, clock: Clock, reactor: Any) -> None:
        self._database = database
        self._clock = clock
        self._compensator = Compensator(reactor)

    async def claim(self, inviter: Id, phone: Phone, by: Id) -> bool:
        id, at = _id(inviter, phone), self._clock()
        claim = {"at": at, "by": ObjectId(by), "pending": True}
        if await self._database.insert(INVITES, {"_id": id, **claim}):
            return True
        free = [
            # A claim that another call has not confirmed: that call is in progress, or failed while the database was
            # away. The call that confirms first sends.
            {"pending": True},
            # MongoDB removes a document that is a day old with some delay; or the clock was set back since.
            {"at": {"$lte": at - INVITE_INTERVAL}},
            {"at": {"$gt": at + INVITE_INTERVAL}},
        ]
        return await self._database.update(INVITES, {"_id": id, "$or": free}, {"$set": claim})

    async def confirm(self, inviter: Id, phone: Phone, by: Id) -> bool:
        claimed = {"_id": _id(inviter, phone), "by": ObjectId(by)}
        return await self._database.update(INVITES, claimed, {"$unset": {"pending": ""}})

    async def release(self, inviter: Id, phone: Phone, by: Id) -> None:
        claimed = {"_id": _id(inviter, phone), "by": ObjectId(by)}

        async def remove() -> None:
            await self._database.delete_and_get(INVITES, claimed)

        await self._compensator.compensate(remove)


def _id(inviter: Id, phone: Phone) -> ObjectId:
    return ObjectId(derived_id("invite", inviter, phone))
