"""Copies of the files of a mongod that runs."""

import shutil
import threading
from pathlib import Path
from typing import Any

from pymongo import MongoClient, WriteConcern
from twisted.trial.unittest import TestCase

from justchat.errors import StartupError
from justchat.runtime.database_image import USUAL, copy_database
from tests.support.mongo import RunningMongod
from tests.support.waiting import block_until


class Copies(TestCase):
    def setUp(self) -> None:
        self.mongod = RunningMongod()
        self.addCleanup(self.mongod.end)
        self.client = MongoClient[dict[str, Any]](self.mongod.uri("justchat"))
        self.addCleanup(self.client.close)
        self.numbers = self.client["justchat"].get_collection("numbers", write_concern=WriteConcern(j=True))
        self.target = Path(self.mongod.folder.parent, f"{self.mongod.folder.name}-copy")
        self.addCleanup(shutil.rmtree, self.target, ignore_errors=True)

    def copy(self, check: Any = lambda: None) -> None:
        copy_database(self.mongod.folder, self.target, self.mongod.uri("justchat"), check)

    def numbers_in_copy(self) -> list[int]:
        copy = RunningMongod(self.target)
        self.addCleanup(copy.end)
        with MongoClient[dict[str, Any]](copy.uri("justchat")) as client:
            self.assertTrue(client["justchat"].validate_collection("numbers")["valid"])
            return [document["_id"] for document in client["justchat"]["numbers"].find(sort=[("_id", 1)])]

    def test_while_others_write(self) -> None:
        """A copy has what was acknowledged before it began, and no write without those before it."""
        acknowledged: list[int] = []
        enough = threading.Event()

        def write() -> None:
            for number in range(10**6):
                self.numbers.insert_one({"_id": number, "filler": "x" * 500})
                acknowledged.append(number)
                if enough.is_set():
                    break

        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        self.addCleanup(enough.set)
        block_until(lambda: len(acknowledged) >= 200, "some writes")
        before = len(acknowledged)

        def wait_for_another() -> None:
            block_until(lambda: len(acknowledged) > before, "a write during the copy")

        self.copy(wait_for_another)

        copied = self.numbers_in_copy()
        self.assertEqual(list(range(len(copied))), copied)
        self.assertGreaterEqual(len(copied), before)
        self.assertGreater(len(acknowledged), before)

    def test_checkpoint_meanwhile(self) -> None:
        """Where a checkpoint comes in between, the files are copied again, and not more often than some times."""
        self.numbers.insert_one({"_id": 1})
        calls = 0

        def checkpoint_once() -> None:
            nonlocal calls
            calls += 1
            if calls == 3:
                self._checkpoint(2)

        self.copy(checkpoint_once)
        self.assertEqual(0o700, self.target.stat().st_mode & 0o777)
        self.assertEqual([1, 2], self.numbers_in_copy())

        error = self.assertRaises(StartupError, self.copy, lambda: self._checkpoint(None))
        self.assertIn("changed under each", str(error))
        self._assert_usual()

    def _checkpoint(self, number: int | None) -> None:
        self.numbers.insert_one({} if number is None else {"_id": number})
        self.client.admin.command("fsync")

    def test_interrupted(self) -> None:
        """After an interruption checkpoints come as often as before."""

        def interrupt() -> None:
            raise StartupError("interrupted")

        self.assertRaises(StartupError, self.copy, interrupt)

        self._assert_usual()

    def _assert_usual(self) -> None:
        self.assertEqual(USUAL, self.client.admin.command("getParameter", 1, syncdelay=1)["syncdelay"])
