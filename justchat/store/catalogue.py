"""The catalogue of gifts, in MongoDB."""

from zope.interface import implementer

from justchat.errors import GiftNotFound
from justchat.interfaces.money import ICatalogue
from justchat.model.gift import Gift
from justchat.model.ids import Id
from justchat.store.bson import gift_from_document, gift_to_document, object_id
from justchat.store.indexes import GIFTS
from justchat.store.mongo.client import Database

SHOWN = 1000


@implementer(ICatalogue)
class Catalogue:
    """See ICatalogue. A gift that is withdrawn stays stored, for those who were given it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, gift: Id) -> Gift:
        document = await self._database.find_one(GIFTS, {"_id": object_id(gift, GiftNotFound), "withdrawn": False})
        if document is None:
            raise GiftNotFound
        return gift_from_document(document)

    async def all(self) -> list[Gift]:
        documents = await self._database.find(GIFTS, {"withdrawn": False}, sort={"price": 1, "_id": 1}, limit=SHOWN)
        return [gift_from_document(document) for document in documents]

    async def put(self, gift: Gift) -> None:
        changes = {**gift_to_document(gift), "withdrawn": False}
        id = changes.pop("_id")
        await self._database.upsert(GIFTS, {"_id": id}, {"$set": changes})

    async def withdraw(self, gift: Id) -> None:
        if not await self._database.update(
            GIFTS, {"_id": object_id(gift, GiftNotFound)}, {"$set": {"withdrawn": True}}
        ):
            raise GiftNotFound

    async def ids(self, most: int) -> set[Id]:
        documents = await self._database.find(GIFTS, {}, sort={"_id": 1}, limit=most, fields=["_id"])
        return {Id(str(document["_id"])) for document in documents}
