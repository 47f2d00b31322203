"""The deliveries of webhooks, and the status of each webhook, in MongoDB.

A delivery is here until it has arrived. Dead ones are kept for 30 days, by an index.
"""

from collections.abc import Iterator, Sequence

from bson import Binary, ObjectId, encode
from zope.interface import implementer

from justchat.interfaces.webhooks import IDeliveries
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Clock, Moment
from justchat.model.webhook import Delivery, WebhookEvent, WebhookStatus, WebhookType
from justchat.protocol.webhook_events import ids_named, webhook_body
from justchat.store.bson import id_of, moment, moment_or_none
from justchat.store.indexes import DEAD, DELIVERIES, LIVE, LIVE_OF_STREAM, WEBHOOKS
from justchat.store.mongo.client import Database, Document

AT_ONCE = 500
"""Deliveries that one operation changes or forgets, so that none takes long."""
MOST_COUNTED = 1_000_000
MOST_STATUSES = 1_000


@implementer(IDeliveries)
class Deliveries:
    """See IDeliveries."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def last(self) -> int:
        for status in await self._database.find(WEBHOOKS, {}, sort={"_id": 1}, limit=MOST_STATUSES, fields=["_id"]):
            last = await self._find({"webhook": status["_id"]}, LIVE, 1, newest=True)
            self._database.order_clock.observe(last[0]["n"] if last else None)
        return self.number()

    def number(self) -> int:
        return self._database.order_clock.next()

    async def put(self, events: Sequence[tuple[WebhookEvent, Sequence[Id]]]) -> None:
        documents = [document for event, webhooks in events for document in self._documents(event, webhooks)]
        if documents:
            # Those that a crash let us put before are refused.
            await self._database.insert_many(DELIVERIES, documents, ordered=False, lane=self._database.slow_lane)

    def _documents(self, event: WebhookEvent, webhooks: Sequence[Id]) -> Iterator[bytes]:
        body = webhook_body(event)
        document: Document = {
            "stream": ObjectId(event.stream),
            "type": event.type.value,
            "body": Binary(body),
            "ids": [ObjectId(id) for id in ids_named(body)],
            "at": self._clock(),
            "tries": 0,
            "live": True,
        }
        for webhook in webhooks:
            id = derived_id("delivery", webhook, event.type.value, event.source)
            n = self._database.order_clock.next()
            yield encode({"_id": ObjectId(id), "webhook": ObjectId(webhook), "n": n, **document})

    async def after(self, webhook: Id, n: int, upto: int, limit: int) -> list[Delivery]:
        query = {"webhook": ObjectId(webhook), "n": {"$gt": n, "$lte": upto}}
        return [_from_document(document) for document in await self._find(query, LIVE, limit)]

    async def of_stream(self, webhook: Id, stream: Id, upto: int, limit: int) -> list[Delivery]:
        query = {"webhook": ObjectId(webhook), "stream": ObjectId(stream), "n": {"$lte": upto}}
        return [_from_document(document) for document in await self._find(query, LIVE_OF_STREAM, limit)]

    async def _find(self, query: Document, index: Document, limit: int, *, newest: bool = False) -> list[Document]:
        sort = dict.fromkeys(index["key"], -1 if newest else 1)
        return await self._database.find(
            DELIVERIES,
            {**query, "live": True},
            sort=sort,
            limit=limit,
            hint=index["name"],
            lane=self._database.slow_lane,
        )

    async def delivered(self, ids: Sequence[Id]) -> None:
        these = {"_id": {"$in": list(map(ObjectId, ids))}}
        await self._database.delete_all(DELIVERIES, these, lane=self._database.slow_lane)

    async def failed(self, delivery: Delivery, tries: int) -> None:
        await self._database.update(DELIVERIES, {"_id": ObjectId(delivery.id)}, {"$set": {"tries": tries}})

    async def bury(self, webhook: Id, before: Moment, stream: Id | None) -> int:
        of: Document = {"webhook": ObjectId(webhook), **({} if stream is None else {"stream": ObjectId(stream)})}
        index = LIVE if stream is None else LIVE_OF_STREAM
        number = 0
        while True:
            found = await self._find(of, index, AT_ONCE)
            old = [each["_id"] for each in found if moment(each["at"]) <= before]
            if not old:
                return number
            dead = {"$set": {"dead_at": self._clock()}, "$unset": {"live": 1}}
            await self._database.update_all(DELIVERIES, {"_id": {"$in": old}}, dead)
            number += len(old)

    async def kept(self, webhook: Id) -> tuple[int, int]:
        of = {"webhook": ObjectId(webhook)}
        live = await self._count({**of, "live": True}, LIVE)
        return live, await self._count({**of, "dead_at": {"$exists": True}}, DEAD)

    async def oldest(self, webhook: Id) -> Moment | None:
        first = await self._find({"webhook": ObjectId(webhook)}, LIVE, 1)
        return moment(first[0]["at"]) if first else None

    async def _count(self, query: Document, index: Document) -> int:
        pipeline: list[Document] = [
            {"$match": query},
            {"$limit": MOST_COUNTED},
            {"$group": {"_id": 1, "n": {"$sum": 1}}},
        ]
        rows = await self._database.aggregate(DELIVERIES, pipeline, hint=index["name"])
        return int(rows[0]["n"]) if rows else 0

    async def drop_dead(self, webhook: Id, number: int) -> None:
        oldest = await self._dead(webhook, number)
        await self._database.delete_all(DELIVERIES, {"_id": {"$in": [each["_id"] for each in oldest]}})

    async def _dead(self, webhook: Id, limit: int) -> list[Document]:
        query = {"webhook": ObjectId(webhook), "dead_at": {"$exists": True}}
        order = {"webhook": 1, "dead_at": 1, "n": 1}
        return await self._database.find(DELIVERIES, query, sort=order, limit=limit, fields=["_id"], hint=DEAD["name"])

    async def keep_only(self, webhooks: Sequence[Id]) -> None:
        known = set(map(ObjectId, webhooks))
        for status in await self._database.find(WEBHOOKS, {}, sort={"_id": 1}, limit=MOST_STATUSES, fields=["_id"]):
            if status["_id"] in known:
                continue
            of = id_of(status["_id"])
            while found := [each["_id"] for each in await self._find({"webhook": status["_id"]}, LIVE, AT_ONCE)]:
                await self._database.delete_all(DELIVERIES, {"_id": {"$in": found}})
            while found := [each["_id"] for each in await self._dead(of, AT_ONCE)]:
                await self._database.delete_all(DELIVERIES, {"_id": {"$in": found}})
            await self._database.delete_and_get(WEBHOOKS, {"_id": status["_id"]})

    async def note(self, status: WebhookStatus) -> None:
        change: Document = {
            "$set": {"server": status.server, "events": list(status.events)},
            "$inc": {"delivered": status.delivered, "lost": status.lost},
        }
        if status.error is not None:
            change["$set"] |= {"error": status.error, "error_at": status.error_at}
        await self._database.upsert(WEBHOOKS, {"_id": ObjectId(status.id)}, change)

    async def statuses(self) -> list[WebhookStatus]:
        found = await self._database.find(WEBHOOKS, {}, sort={"_id": 1}, limit=MOST_STATUSES)
        return [await self._status(document) for document in found]

    async def _status(self, document: Document) -> WebhookStatus:
        webhook = id_of(document["_id"])
        pending, dead = await self.kept(webhook)
        return WebhookStatus(
            id=webhook,
            server=document["server"],
            events=tuple(document["events"]),
            pending=pending,
            oldest=await self.oldest(webhook),
            dead=dead,
            delivered=document["delivered"],
            lost=document["lost"],
            error=document.get("error"),
            error_at=moment_or_none(document.get("error_at")),
        )

    async def replay(self, webhook: Id) -> int:
        number = 0
        while found := await self._dead(webhook, AT_ONCE):
            at = self._clock()
            changes = [
                (
                    {"_id": each["_id"]},
                    {
                        "$set": {"live": True, "at": at, "tries": 0, "n": self._database.order_clock.next()},
                        "$unset": {"dead_at": 1},
                    },
                )
                for each in found
            ]
            await self._database.update_each(DELIVERIES, changes)
            number += len(found)
        return number


def _from_document(document: Document) -> Delivery:
    return Delivery(
        id=id_of(document["_id"]),
        webhook=id_of(document["webhook"]),
        stream=id_of(document["stream"]),
        n=document["n"],
        type=WebhookType(document["type"]),
        body=bytes(document["body"]),
        at=moment(document["at"]),
        tries=document["tries"],
    )
