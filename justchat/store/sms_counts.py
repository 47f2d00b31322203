"""Counts of SMS, in MongoDB: one document for each day, sender and outcome, for 90 days."""

from contextlib import suppress
from datetime import timedelta

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import DatabaseAway
from justchat.interfaces.outbound import ISmsCounts
from justchat.model.ids import derived_id
from justchat.model.moment import Clock, Moment
from justchat.model.sms_count import SmsCount
from justchat.store.bson import moment
from justchat.store.indexes import SMS_COUNTS, WINDOWS
from justchat.store.mongo.client import Database

REPEATED = timedelta(days=3)
"""After this, no provider repeats a report."""
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

    async def add_reported(self, sender: str, sms: str, outcome: str) -> bool:
        # The mark comes first: of two reports at once, one counts.
        mark = {"_id": ObjectId(derived_id("sms report", sender, sms, outcome))}
        if not await self._database.insert(WINDOWS, {**mark, "ends": self._clock() + REPEATED}):
            return False
        try:
            await self.add(sender, outcome)
        except DatabaseAway:
            with suppress(DatabaseAway):
                await self._database.delete_all(WINDOWS, mark)
            raise
        return True

    async def latest(self, days: int) -> list[SmsCount]:
        since: Moment = self._clock() - timedelta(days=days)
        found = await self._database.find(SMS_COUNTS, {"day": {"$gt": since}}, sort={"day": -1}, limit=MOST_COUNTS)
        return [SmsCount(moment(each["day"]), each["sender"], each["outcome"], each["count"]) for each in found]
