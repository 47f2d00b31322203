"""Pictures in the database: in GridFS as its specification has it, whole or not there."""

import secrets
from typing import Any

import gridfs
from pymongo import MongoClient
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from justchat.model.moment import now
from justchat.store.gridfs import AT_ONCE, CHUNK, GridFs
from justchat.store.indexes import CHUNKS, FILES
from justchat.store.mongo.client import Database
from tests.support.mongo import discard, fresh_uri
from tests.support.waiting import at_once

SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, AT_ONCE * CHUNK, 5 * 1024 * 1024)


class Pictures(TestCase):
    async def setUp(self) -> None:
        uri = fresh_uri()
        self.database = Database(uri, files=True)
        self.database.open()
        self.addCleanup(lambda: ensureDeferred(discard(self.database)))
        self.mongo = MongoClient[dict[str, Any]](uri)
        self.addCleanup(self.mongo.close)
        self.theirs = self.mongo.get_default_database()
        self.tool = gridfs.GridFSBucket(self.theirs)
        self.pictures = GridFs(self.database, now)
        await self.pictures.start()

    def count(self) -> tuple[int, int]:
        return self.theirs[FILES].count_documents({}), self.theirs[CHUNKS].count_documents({})

    async def test_sizes(self) -> None:
        """Pictures of every size are got as they were put, by us and by a tool that reads GridFS."""
        for size in SIZES:
            name, content = f"{secrets.token_hex(16)}.jpg", secrets.token_bytes(size)

            await self.pictures.put(name, content)

            self.assertEqual(content, await self.pictures.get(name))
            found = self.tool.open_download_stream_by_name(name)
            self.assertEqual((content, {"contentType": "image/jpeg"}), (found.read(), found.metadata))

    async def test_of_a_tool(self) -> None:
        """A picture that a tool put back under its id is got."""
        content = secrets.token_bytes(2 * CHUNK + 7)
        self.tool.upload_from_stream_with_id("0.png", "0.png", content)

        self.assertEqual(content, await self.pictures.get("0.png"))

    async def test_again(self) -> None:
        """The same again, at once or later, is no error and leaves one picture."""
        content = secrets.token_bytes(3 * CHUNK)

        await at_once(self.pictures.put("0.png", content) for _ in range(3))
        await self.pictures.put("0.png", content)

        self.assertEqual((1, 3), self.count())
        self.assertEqual(content, await self.pictures.get("0.png"))

    async def test_missing(self) -> None:
        """A name that was never put is None, and removing it is no error."""
        self.assertIsNone(await self.pictures.get("0.png"))
        await self.pictures.remove(["0.png"])

    async def test_removed(self) -> None:
        """Of a picture that was removed nothing is left, and others stay."""
        for name in ("0.png", "1.png"):
            await self.pictures.put(name, b"x" * (CHUNK + 1))

        await self.pictures.remove(["0.png", "0.jpg"])

        self.assertIsNone(await self.pictures.get("0.png"))
        self.assertEqual((1, 2), self.count())

    async def test_unfinished(self) -> None:
        """Chunks without a file are no picture, and a file that lacks chunks is none; both can be removed."""
        await self.pictures.put("0.png", b"x" * (2 * CHUNK))
        await self.pictures.put("1.png", b"x" * (2 * CHUNK))
        self.theirs[FILES].delete_one({"_id": "0.png"})
        self.theirs[CHUNKS].delete_one({"files_id": "1.png", "n": 1})

        self.assertEqual([None, None], [await self.pictures.get(name) for name in ("0.png", "1.png")])
        await self.pictures.remove(["0.png", "1.png"])
        self.assertEqual((0, 0), self.count())

    async def test_plans(self) -> None:
        """Every operation reads an index, in the order it needs."""
        self.theirs.command({"profile": 2})

        await self.pictures.put("0.png", b"x" * (6 * CHUNK))
        await self.pictures.get("0.png")
        await self.pictures.remove(["0.png", "0.gif"])

        self.theirs.command({"profile": 0})
        profile = [each for each in self.theirs["system.profile"].find() if ".fs." in each["ns"]]
        self.assertGreater(len(profile), 6)
        bad = [each for each in profile if "COLLSCAN" in each.get("planSummary", "") or each.get("hasSortStage")]
        self.assertEqual([], bad)
