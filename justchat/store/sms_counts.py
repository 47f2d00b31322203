"""Counts of SMS, in MongoDB: one document for each day, sender and outcome, for 90 days."""

from datetime import timedelta

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces.outbound import ISmsCounts
from justchat.model.ids import derived_id
from justchat.model.moment import Clock, Moment
from justchat.model.sms_count import SmsCount
from justchat.store.bson import moment
from justchat.store.indexes import SMS_COUNTS
from justchat.store.mongo.client import Database

MOST_COUNTS = 10_000
"""Documents that are read at most: more than 90 days of eight senders have."""


@implementer(ISmsCounts)
class SmsCounts:
    """See ISmsCounts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, sender: str, outcome: str) -> None:
        day = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        id = ObjectId(derived_id("sms count", day.isoformat(), sender, outcome))
        kept = {"day": day, "sender": sender, "outcome": outcome}
        await self._database.upsert(SMS_COUNTS, {"_id": id}, {"$setOnInsert": kept, "$inc": {"count": 1}})

    async def latest(self, days: int) -> list[SmsCount]:
        since: Moment = self._clock() - timedelta(days=days)
        found = await self._database.find(SMS_COUNTS, {"day": {"$gt": since}}, sort={"day": -1}, limit=MOST_COUNTS)
        return [SmsCount(moment(each["day"]), each["sender"], each["outcome"], each["count"]) for each in found]
