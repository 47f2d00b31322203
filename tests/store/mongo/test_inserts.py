"""Many documents are inserted in order up to the first that an index refuses, whatever their total size."""

from collections.abc import Awaitable, Callable

from bson import encode
from pymongo.errors import BulkWriteError
from twisted.trial.unittest import TestCase

from justchat.errors import DatabaseAway
from justchat.store.mongo import client as database_module
from justchat.store.mongo.client import Database, Document
from tests.support.mongo import discard, fresh_uri


class Inserts(TestCase):
    async def setUp(self) -> None:
        self.patch(database_module, "INSERT_BYTES", 1000)
        self.database = Database(fresh_uri())
        self.database.open()

    async def tearDown(self) -> None:
        await discard(self.database)

    def documents(self, *ids: int) -> list[bytes]:
        """Each two fifths of what goes together."""
        return [encode({"_id": id, "text": "x" * 400}) for id in ids]

    async def insert(self, *documents: bytes, ordered: bool = True) -> list[tuple[int, Document]]:
        return await self.database.insert_many("things", documents, ordered=ordered)

    async def ids(self) -> list[int]:
        return [document["_id"] for document in await self.database.find("things", {}, sort={"_id": 1}, limit=100)]

    async def test_parts(self) -> None:
        """Documents that exceed one message go in several."""
        refused = await self.insert(*self.documents(*range(9)))

        self.assertEqual([], refused)
        self.assertEqual(list(range(9)), await self.ids())

    async def test_refused(self) -> None:
        """The place of the one refused is that among all; what follows it is not inserted."""
        await self.insert(*self.documents(5))

        refused = await self.insert(*self.documents(*range(9)))

        self.assertEqual([(5, {"_id": 1})], refused)
        self.assertEqual([0, 1, 2, 3, 4, 5], await self.ids())

    async def test_unordered(self) -> None:
        """Without an order, all others are inserted."""
        await self.insert(*self.documents(0, 5))

        refused = await self.insert(*self.documents(*range(9)), ordered=False)

        self.assertEqual([(0, {"_id": 1}), (5, {"_id": 1})], refused)
        self.assertEqual(list(range(9)), await self.ids())

    async def test_broken_off(self) -> None:
        """A server that steps down in the middle leaves it in doubt what it kept: the database is away."""
        broken_off = {"ok": 1, "n": 0, "writeErrors": [{"index": 0, "code": 11602, "errmsg": "stepping down"}]}
        perhaps = {"ok": 1, "n": 1, "writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}
        for answer in (broken_off, perhaps):

            async def run(*_: object, answer: Document = answer, **__: object) -> Document:
                return answer

            self.patch(self.database._connections, "run", run)

            with self.assertRaises(DatabaseAway):
                await self.insert(*self.documents(1))

    async def test_writes_in_doubt(self) -> None:
        """Every other write that may be lost is in doubt too: the database is away."""
        database = self.database
        writes: list[Callable[[], Awaitable[object]]] = [
            lambda: database.insert("things", {"_id": 1}),
            lambda: database.update("things", {"_id": 1}, {"$set": {"n": 1}}),
            lambda: database.update_each("things", [({"_id": 1}, {"$set": {"n": 1}})]),
            lambda: database.update_all("things", {"_id": 1}, {"$set": {"n": 1}}),
            lambda: database.upsert("things", {"_id": 1}, {"$set": {"n": 1}}),
            lambda: database.replace("things", {"_id": 1}, {"n": 1}),
            lambda: database.delete_all("things", {"_id": 1}),
            lambda: database.update_and_get("things", {"_id": 1}, {"$set": {"n": 1}}),
        ]

        async def run(*_: object, **__: object) -> Document:
            error = {"code": 64, "errmsg": "waiting for replication timed out"}
            return {"ok": 1, "n": 1, "value": None, "writeConcernError": error}

        self.patch(database._connections, "run", run)

        for write in writes:
            with self.assertRaises(DatabaseAway):
                await write()

    async def test_update_refused(self) -> None:
        """An update that a unique index refuses is an error, not a document that did not match."""
        await self.database.command(
            {"createIndexes": "things", "indexes": [{"key": {"n": 1}, "name": "n", "unique": True}]}
        )
        await self.insert(encode({"_id": 1, "n": 1}), encode({"_id": 2, "n": 2}))

        with self.assertRaises(BulkWriteError):
            await self.database.update("things", {"_id": 2}, {"$set": {"n": 1}})

        self.assertFalse(await self.database.update("things", {"_id": 3}, {"$set": {"n": 1}}))

    async def test_large(self) -> None:
        """One that is larger than a part goes alone."""
        large = encode({"_id": 1, "text": "x" * 5000})

        await self.insert(*self.documents(0), large, *self.documents(2))

        self.assertEqual([0, 1, 2], await self.ids())
