"""Coins, in MongoDB: the ledger of every change of a balance, and the balances themselves.

A transfer spans the ledger, its user's document and, for a gift, its receiver's stream. It is carried out in
steps that may each be repeated, so that a crash after any of them is completed by ``unfinished``:

1. *begin*: the transfer goes into the ledger, marked ``begun``. Its id is unique: a transfer that is sent twice is one.
2. *apply*: one update of the user's document changes the balance, unless it would fall below 0 (or, for free coins,
   it is too soon), and notes the transfer in ``applied``, so that it is never applied twice.
3. (for a gift) the receiver's stream gets an entry with the transfer's id: the gift, or that it is refused, since one
   of the two blocks the other. A refused transfer is undone: one update of the user's document gives the coins back and
   removes the note, and the transfer goes from the ledger.
4. *finish*: ``begun`` goes from the ledger.
"""

from datetime import timedelta

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces.money import ILedger
from justchat.model.gift import Reason, Transfer
from justchat.model.ids import Id
from justchat.model.webhook import WebhookType
from justchat.store.bson import transfer_from_document, transfer_to_document
from justchat.store.indexes import LEDGER, NEWEST, USERS
from justchat.store.marks import Marks
from justchat.store.mongo.client import Database, Document
from justchat.store.server_time import outlasted

FREE_COINS_INTERVAL = timedelta(hours=24)
APPLIED_KEPT = 200
"""The latest transfers that a user's document notes. A transfer is repeated within seconds, if at all."""
TRANSFER_TAKES = timedelta(seconds=10)
"""A transfer that takes longer belongs to a daemon that died."""


@implementer(ILedger)
class Ledger:
    """See ILedger."""

    def __init__(self, database: Database, marks: Marks | None = None) -> None:
        self._database = database
        self._marks = marks or Marks()

    async def begin(self, transfer: Transfer) -> bool:
        last = await self._database.find(
            LEDGER, {"user": ObjectId(transfer.user)}, sort=NEWEST, limit=1, fields=["order"]
        )
        self._database.order_clock.observe(
            last[0].get("order") if last else None
        )  # an operator's command knows of no other
        document = self._document(transfer)
        return await self._database.insert_stamped(LEDGER, document, "begun")

    async def get(self, transfer: Id) -> tuple[Transfer, bool] | None:
        document = await self._database.find_one(LEDGER, {"_id": ObjectId(transfer)})
        return None if document is None else (transfer_from_document(document), "begun" not in document)

    async def apply(self, transfer: Transfer) -> bool:
        id = ObjectId(transfer.id)
        query: Document = {
            "_id": ObjectId(transfer.user),
            "applied": {"$ne": id},
            "balance": {"$gte": -transfer.amount},
        }
        update: Document = {
            "$inc": {"balance": transfer.amount},
            "$push": {"applied": {"$each": [id], "$slice": -APPLIED_KEPT}},
        }
        if transfer.reason is Reason.FREE_COINS:
            last = f"free_coins.{transfer.note}"
            query["$or"] = [
                {last: None},
                {last: {"$lte": transfer.created_at - FREE_COINS_INTERVAL}},
                # Taken more than a day from now, by a wrong clock: nobody waits for years because of it.
                {last: {"$gt": transfer.created_at + FREE_COINS_INTERVAL}},
            ]
            update["$set"] = {last: transfer.created_at}
        return await self._database.update(USERS, query, update) or await self.is_applied(transfer)

    async def is_applied(self, transfer: Transfer) -> bool:
        query = {"_id": ObjectId(transfer.user), "applied": ObjectId(transfer.id)}
        return await self._database.find_one(USERS, query, fields=["_id"]) is not None

    async def cancel(self, transfer: Id) -> None:
        await self._database.delete_and_get(LEDGER, {"_id": ObjectId(transfer)})

    async def undo(self, transfer: Transfer) -> None:
        id = ObjectId(transfer.id)
        back = {"$inc": {"balance": -transfer.amount}, "$pull": {"applied": id}}
        await self._database.update(USERS, {"_id": ObjectId(transfer.user), "applied": id}, back)
        await self.cancel(transfer.id)

    async def finish(self, transfer: Transfer) -> None:
        # Where this daemon was suspended for long, another may have cancelled the transfer before it was applied here.
        missing = self._document(transfer)
        query = {"_id": missing.pop("_id")}
        await self._database.upsert(LEDGER, query, {"$unset": {"begun": ""}, "$setOnInsert": missing})

    def _document(self, transfer: Transfer) -> Document:
        mark = self._marks.of(WebhookType.BALANCE_CHANGED)
        return {**transfer_to_document(transfer), "order": self._database.order_clock.next(), **mark}

    async def unfinished(self, *, all: bool) -> list[Transfer]:
        # ``all`` ignores the time: a database of our own has no other daemon.
        wanted: Document = {"begun": {"$exists": True}}
        if not all:
            wanted |= outlasted("begun", TRANSFER_TAKES)
        documents = await self._database.find(LEDGER, wanted, limit=1000)
        return [transfer_from_document(document) for document in documents]

    async def of(self, user: Id, limit: int) -> list[Transfer]:
        documents = await self._database.find(LEDGER, {"user": ObjectId(user)}, sort=NEWEST, limit=limit)
        return [transfer_from_document(document) for document in documents]
