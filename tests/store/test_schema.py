"""The schema's version: a database of an earlier release is brought up to date once, one of a later one is refused."""

import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from justchat import __version__
from justchat.errors import StartupError
from justchat.model.ids import Id, new_id
from justchat.store import schema
from justchat.store.complaints import ComplaintStore
from justchat.store.indexes import COMPLAINTS, INDEXES, SESSIONS, VERSIONS
from justchat.store.lease import Lease
from justchat.store.migrations import MIGRATIONS
from justchat.store.mongo.client import Database
from justchat.store.schema import STEP, Migration, MigrationProgress, Schema
from tests.support.database_dump import load_dump
from tests.support.docs import PROJECT
from tests.support.mongo import close, drop, fresh_uri

LATEST = len(MIGRATIONS)


class SchemaCase(TestCase):
    def setUp(self) -> None:
        self.uri = fresh_uri()
        self.addCleanup(drop, self.uri)
        self.database = self.a_connection()

    def a_connection(self) -> Database:
        database = Database(self.uri)
        database.open()
        self.addCleanup(close, database)
        return database

    def a_schema(self, migrations: Any = MIGRATIONS, database: Database | None = None) -> Schema:
        database = database or self.database
        return Schema(database, migrations, Lease(database, "schema"), reactor)

    async def stored(self) -> dict[str, Any]:
        return await self.database.find_one(VERSIONS, {"_id": "schema"}) or {}

    async def names_of_indexes(self, collection: str) -> set[str]:
        there = await self.database.command({"listIndexes": collection})
        return {index["name"] for index in there["cursor"]["firstBatch"]}


class Versions(SchemaCase):
    async def test_new(self) -> None:
        """A database that nobody has used gets the version, and no migration."""
        carried_out: list[int] = []

        async def carry_out(progress: MigrationProgress) -> None:
            carried_out.append(1)

        await self.a_schema([Migration("nothing", carry_out)]).bring_up_to_date()

        self.assertEqual(
            ([], 1, __version__), (carried_out, (await self.stored())["version"], (await self.stored())["release"])
        )

    async def test_later(self) -> None:
        """One of a later release is refused, in one line with both versions. Nothing is changed."""
        later = {"_id": "schema", "version": LATEST + 1, "release": "9.1.0"}
        await self.database.insert(VERSIONS, later)

        for refused in (self.a_schema().bring_up_to_date, self.a_schema().check):
            error = await self.assertFailure(Deferred.fromCoroutine(refused()), StartupError)
            self.assertIn(f"a later release, JustChat 9.1.0 (schema {LATEST + 1}; this one, {__version__}", str(error))

        self.assertEqual(later, await self.stored())
        names = await self.database.command({"listCollections": 1, "nameOnly": True})
        self.assertEqual([VERSIONS], [each["name"] for each in names["cursor"]["firstBatch"]])

    async def test_earlier(self) -> None:
        """A command refuses one of an earlier release, and says what to do. It takes an empty one."""
        await self.a_schema().check()
        load_dump("0.2.0", self.uri)

        error = await self.assertFailure(Deferred.fromCoroutine(self.a_schema().check()), StartupError)

        self.assertIn("start the daemon of this release", str(error))

    async def test_once(self) -> None:
        """Of two daemons that start at once, one carries out each migration, and the other waits until all is done."""
        load_dump("0.2.0", self.uri)
        carried_out: list[int] = []
        running = 0

        def migration(number: int) -> Migration:
            async def carry_out(progress: MigrationProgress) -> None:
                nonlocal running
                running += 1
                carried_out.append(number)
                self.assertEqual(1, running)
                async for _ in progress.pages(SESSIONS):
                    self.assertEqual(1, running)
                running -= 1

            return Migration(f"{number}", carry_out)

        migrations = [migration(number) for number in range(3)]
        schemas = [self.a_schema(migrations, database) for database in (self.database, self.a_connection())]
        await gatherResults([Deferred.fromCoroutine(each.bring_up_to_date()) for each in schemas], consumeErrors=True)

        self.assertEqual(([0, 1, 2], 3), (carried_out, (await self.stored())["version"]))

    async def test_order(self) -> None:
        """A database gets the migrations that it lacks, and no other."""
        await self.database.insert(VERSIONS, {"_id": "schema", "version": 1})
        carried_out: list[int] = []

        async def no(progress: MigrationProgress) -> None:
            self.fail("the first migration is done")

        async def yes(progress: MigrationProgress) -> None:
            carried_out.append(2)

        await self.a_schema([Migration("1", no), Migration("2", yes)]).bring_up_to_date()

        self.assertEqual(([2], 2), (carried_out, (await self.stored())["version"]))

    async def test_long(self) -> None:
        """While a migration lasts, the lease is renewed, and systemd is told that the start goes on."""
        said: list[bool] = []
        told: Deferred[None] = Deferred()

        def still_at_work() -> None:
            said.append(True)
            if len(said) == 2:
                told.callback(None)

        async def wait(progress: MigrationProgress) -> None:
            await told

        self.patch(schema, "RENEW_EVERY", 0.05)
        load_dump("0.2.0", self.uri)
        lease, renewed = Lease(self.database, "schema"), []
        acquire = lease.acquire

        async def recorded() -> bool:
            renewed.append(True)
            return await acquire()

        self.patch(lease, "acquire", recorded)
        long = [Migration("long", wait)]
        await Schema(self.database, long, lease, reactor, still_at_work).bring_up_to_date()

        self.assertGreater(len(renewed), 1)
        self.assertEqual(1, (await self.stored())["version"])


class Migrations(SchemaCase):
    def early_complaints(self, number: int) -> list[dict[str, Any]]:
        """Complaints as 0.1.0 stored them, about messages of other users."""
        with MongoClient[dict[str, Any]](self.uri, tz_aware=True) as client:
            complaints = client.get_default_database()[COMPLAINTS]
            one = complaints.find_one()
            assert one is not None
            made = []
            for _ in range(number):
                message = {**one["message"], "_id": ObjectId(new_id()), "author": ObjectId(new_id())}
                made.append({**one, "_id": ObjectId(new_id()), "message": message})
            complaints.insert_many(made)
        return made

    async def test_complaints(self) -> None:
        """Complaints of 0.1.0 are found by the user whom they are about. Whoever complains again gets the same one."""
        known = load_dump("0.1.0", self.uri)
        ann, bob = (person["id"] for person in known["people"])
        store = ComplaintStore(self.database)
        self.assertEqual([], await store.about_user(ann, 9))

        await self.a_schema().bring_up_to_date()

        (complaint,) = await store.about_user(ann, 9)
        self.assertEqual((bob, known["room"], known["tea"]), (complaint.author, complaint.room, complaint.message.id))
        same = await store.add_once(complaint, timedelta(days=1))
        self.assertEqual(complaint.id, same.id)

    async def test_indexes(self) -> None:
        """Indexes that only earlier releases used are dropped; an operator's own stay."""
        load_dump("0.1.0", self.uri)
        own = {"key": {"x": 1}, "name": "an operator's"}
        await self.database.command({"createIndexes": SESSIONS, "indexes": [own]})

        await self.a_schema().bring_up_to_date()

        for collection, indexes in INDEXES.items():
            more = {"an operator's"} if collection == SESSIONS else set()
            names = {index["name"] for index in indexes}
            self.assertEqual({"_id_", *names, *more}, await self.names_of_indexes(collection), collection)

    async def test_killed(self) -> None:
        """After kill -9 in the middle of a migration, the next start goes on behind the last page that was done."""
        load_dump("0.1.0", self.uri)
        made = self.early_complaints(4 * STEP)
        command = [sys.executable, "-m", "tests.support.interrupted", self.uri, "3"]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
        self.assertEqual(-signal.SIGKILL, ended.returncode, ended)
        interrupted = await self.stored()
        self.assertIn("position", interrupted)
        pages: list[list[Any]] = []
        update_all = self.database.update_all

        async def recorded(collection: str, query: dict[str, Any], *rest: Any) -> None:
            pages.append(query["_id"]["$in"])
            await update_all(collection, query, *rest)

        self.patch(self.database, "update_all", recorded)
        await Schema(self.database, MIGRATIONS, None, reactor).bring_up_to_date()

        everything = sorted(
            each["_id"] for each in await self.database.find(COMPLAINTS, {}, limit=10**4, fields=["_id"])
        )
        self.assertEqual(everything[2 * STEP :], [id for page in pages for id in page])
        self.assertEqual((LATEST, None), ((await self.stored())["version"], (await self.stored()).get("position")))
        lacking = await self.database.find(COMPLAINTS, {"user": {"$exists": False}}, limit=1)
        self.assertEqual([], lacking)
        shown = await ComplaintStore(self.database).about_user(Id(str(made[-1]["message"]["author"])), 9)
        self.assertEqual([str(made[-1]["_id"])], [complaint.id for complaint in shown])
