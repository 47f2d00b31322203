"""In strict mode a command on a sharded collection names its key, or a reason why not."""

import os
from pathlib import Path
from typing import Any

from bson import ObjectId, encode
from twisted.trial.unittest import SynchronousTestCase, TestCase

from justchat.store.indexes import ANSWERS, DIALOGS, INDEXES, LEASES, LOG, ROOMS, VERSIONS, WINDOWS, create_indexes
from justchat.store.mongo.client import Database
from justchat.store.mongo.sharding import SHARD_KEYS, Scatter, Untargeted, check_targeted
from tests.support.mongo import discard, fresh_uri

ID, STREAM, OTHER = ObjectId(), ObjectId(), ObjectId()
ONE, SOME = {"stream": STREAM}, {"stream": {"$in": [STREAM, OTHER]}}


def update(query: dict[str, Any], **options: object) -> dict[str, Any]:
    return {"update": LOG, "updates": [{"q": ONE, "u": {}}, {"q": query, "u": {}, **options}]}


class Targets(SynchronousTestCase):
    def test_targeted(self) -> None:
        """The value of the key, or several where several documents may be meant, name the shards."""
        for command in (
            {"find": LOG, "filter": {**ONE, "_id": ID}},
            {"find": LOG, "filter": SOME},
            {"find": LOG, "filter": {"$or": [{**ONE, "seq": 1}, {"stream": OTHER, "seq": {"$gt": 5}}]}},
            {"aggregate": LOG, "pipeline": [{"$match": SOME}, {"$group": {"_id": "$stream"}}]},
            {"insert": LOG, "documents": [{"_id": ID, **ONE}]},
            update({**ONE, "_id": ID}),
            update(SOME, multi=True),
            {"delete": LOG, "deletes": [{"q": {**ONE, "seq": 1}, "limit": 1}]},
            {"findAndModify": LOG, "query": {**ONE, "_id": ID}},
            {"find": DIALOGS, "filter": {"owner": ID}},
            {"find": ANSWERS, "filter": {"_id": ID}},
            {"find": WINDOWS, "filter": {"_id": ID}},
            {"find": ROOMS, "filter": {}},
            {"ping": 1},
        ):
            check_targeted(command)

    def test_untargeted(self) -> None:
        """Anything else would ask every shard, or for a write to one document be an error of mongos."""
        for command in (
            {"find": LOG, "filter": {}},
            {"find": LOG, "filter": {"_id": ID}},
            {"find": LOG, "filter": {"stream": {"$gt": ID}}},
            {"find": LOG, "filter": {"$or": [ONE, {"_id": ID}]}},
            {"find": LOG, "filter": {"_id": ID}, "comment": "because"},
            {"aggregate": LOG, "pipeline": [{"$sort": {"seq": 1}}, {"$match": ONE}]},
            {"insert": LOG, "documents": [ONE, {"_id": ID}]},
            update({"_id": ID}),
            update(SOME),
            update({"_id": {"$in": [ID]}}, multi=True),
            {"delete": LOG, "deletes": [{"q": {"_id": ID}, "limit": 0}]},
            {"findAndModify": LOG, "query": SOME},
            {"find": DIALOGS, "filter": {"other": ID}},
            {"find": ANSWERS, "filter": {"busy": True}},
        ):
            with self.assertRaises(Untargeted, msg=str(command)):
                check_targeted(command)

    def test_exceptions(self) -> None:
        """A command that states its reason is let through; docs/database.rst has the same reasons."""
        page = (Path(__file__).parents[3] / "docs" / "database.rst").read_text()

        for scatter in Scatter:
            check_targeted({"find": LOG, "filter": {}, "comment": scatter.name})
            self.assertTrue(f"``{scatter.name}``" in page, scatter.name)

    def test_every_collection(self) -> None:
        """docs/database.rst says of every collection whether it is sharded."""
        page = (Path(__file__).parents[3] / "docs" / "database.rst").read_text()
        section = page[page.index("\nSharding\n") : page.index("On a cluster, ")]

        missing = [name for name in {*INDEXES, VERSIONS, LEASES} if f"``{name}``" not in section]

        self.assertEqual([], missing)

    def test_unique_indexes(self) -> None:
        """A unique index begins with the key: else MongoDB does not shard the collection."""
        for collection, key in SHARD_KEYS.items():
            for index in INDEXES[collection]:
                if index.get("unique"):
                    self.assertEqual(key, next(iter(index["key"])), collection)


class Refused(TestCase):
    async def test_refused(self) -> None:
        """The client of the database refuses to send it."""
        database = Database(fresh_uri())
        database.open()
        self.addCleanup(discard, database)
        await create_indexes(database)

        for untargeted in (
            database.find_one(LOG, {"_id": ID}),
            database.count(LOG, {"seq": 1}),
            database.replace(LOG, {"_id": ID}, {}),
            database.insert_many(LOG, [encode({"_id": ID})], ordered=True),
            database.delete_all(LOG, {"_id": ID}),
            database.upsert_many(DIALOGS, [({"other": ID}, {"$set": {"owner": ID}})]),
        ):
            with self.assertRaises(Untargeted):
                await untargeted

    async def test_not_strict(self) -> None:
        """An operator's daemon sends it: an answer from every shard is better than none."""
        self.patch(os, "environ", {})
        database = Database(fresh_uri())
        database.open()
        self.addCleanup(discard, database)

        self.assertIsNone(await database.find_one(LOG, {"_id": ID}))
