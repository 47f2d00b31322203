"""``justchat-admin backup`` and ``restore``: the file, and what both refuse."""

import itertools
import os
import signal
import subprocess
import tarfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from bson import decode_all, encode
from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred

from justchat.admin import restore
from justchat.config.settings import load_settings
from justchat.runtime.backup_file import BackupWriter, members_of
from justchat.store.dump import is_half_restored
from tests.support.admin import AdminCase, Done, run
from tests.support.daemon import METRICS, Daemon
from tests.support.forks import Fork
from tests.support.mongo import drop, fresh_uri
from tests.support.operators_mongod import OperatorsMongod
from tests.support.scraping import Scrape, scrape
from tests.support.waiting import eventually

NOTHING: dict[str, Any] = {"documents": {}, "files": {"uploads": 0, "exports": 0}, "secrets": [], "not_carried": []}


class BackupCase(AdminCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.file = self.folder.absolute() / "backup.tar.gz"
        self.target = self.folder.absolute() / "restored"

    def write(self, *, release: str = "0.1", **members: bytes) -> None:
        """Write a backup with these members of the collection ``words``, and others by their whole name."""
        writer = BackupWriter(self.file, {"release": release, "made_at": "2026-01-01T00:00:00.000Z"}, lambda: None)
        for name, content in members.items():
            writer.add(name if "/" in name else f"database/words/{name}.bson", content)
        writer.close(NOTHING)

    async def restore(self, *options: str) -> Done:
        return await run("--data-dir", str(self.target), *options, "restore", str(self.file))

    async def assert_nothing_restored(self, *words: str) -> None:
        """The restore is refused with these words, and the data directory has nothing, or does not exist."""
        self.assert_refused(await self.restore(), *words)
        left = set(os.listdir(self.target)) if self.target.exists() else set()
        self.assertLessEqual(left, {"lock", "admin-lock"})

    def a_database(self) -> tuple[str, Any]:
        uri = fresh_uri()
        mongo = MongoClient[dict[str, Any]](uri)
        self.addCleanup(drop, uri)
        self.addCleanup(mongo.close)
        return uri, mongo.get_default_database()


class BackupFile(BackupCase):
    async def test_file(self) -> None:
        """The file is for its owner alone, any tar opens it, and nothing is left beside it. It says what it lacks."""
        done = await self.admin("backup", str(self.file))

        self.assertEqual(0, done.code, done)
        self.assertIn("secrets", done.output)
        self.assertIn("Not in it: the settings", done.output)
        self.assertEqual(0o600, self.file.stat().st_mode & 0o777)
        self.assertEqual([self.file.name], os.listdir(self.folder))
        names = subprocess.check_output(["tar", "tzf", str(self.file)], text=True).splitlines()
        self.assertEqual(("backup.json", "manifest.json"), (names[0], names[-1]))
        self.assertIn("database/gifts/000001.bson", names)
        self.assertIn("secrets/payments-secret-key", names)

    async def test_stopped(self) -> None:
        """The daemon need not run. The audit log has a line of the backup, but of none that was refused."""
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        await daemon.start()
        await daemon.stop()

        options = ("--json", "--data-dir", str(daemon.data))
        self.assert_refused(await run(*options, "backup", str(self.folder / "nowhere" / "x")), "no such folder")

        done = await run(*options, "backup", str(self.file))

        self.assertGreater(done.json["documents"]["gifts"], 0)
        (line,) = (await run(*options, "audit", "list")).json["audit"]
        self.assertEqual(("back up", "operator"), (line["deed"], line["kind"]))

    async def test_refused(self) -> None:
        """A file that is there is left alone, and a folder that is not there is not made."""
        self.file.write_text("mine")

        there = await self.admin("backup", str(self.file))
        nowhere = await self.admin("backup", str(self.folder / "typo" / "file"))

        self.assertEqual((2, "mine"), (there.code, self.file.read_text()))
        self.assert_refused(nowhere, "typo", "no such folder")

    async def test_bucket(self) -> None:
        """Pictures in a bucket are said not to be carried."""
        uri, _ = self.a_database()
        config = self.folder / "justchat.toml"
        config.write_text(
            '[uploads]\nstore = "s3"\n[uploads.s3]\nendpoint = "http://127.0.0.1:1"\nregion = "x"\nbucket = "bucket"\n'
            'access_key = "a"\nsecret_key = "s"\n'
        )

        done = await run(
            "--config", str(config), "--mongo", uri, "--data-dir", str(self.target), "backup", str(self.file)
        )

        self.assertEqual(0, done.code, done)
        self.assertIn("the pictures in the bucket", done.output)


class Told(BackupCase):
    async def test_told(self) -> None:
        """Who backed up and restored is in the audit log, and metrics tell when the last backup began, and its size."""
        uri, _ = self.a_database()
        daemon = Daemon("--mongo", uri, settings=METRICS)
        self.addCleanup(daemon.remove)
        await daemon.start()
        self.assertEqual(0, await self.shown(daemon, "time_seconds"))
        await daemon.stop()
        began = time.time()
        done = await run("--mongo", uri, "--data-dir", str(daemon.data), "backup", str(self.file))
        self.assertEqual(0, done.code, done)
        await daemon.start()

        self.assertLessEqual(abs(await self.shown(daemon, "time_seconds") - began), 60)
        self.assertEqual(self.file.stat().st_size, await self.shown(daemon, "size_bytes"))
        other, restored = self.a_database()
        self.assertEqual(0, (await self.restore("--mongo", other)).code)
        backed_up, put_back = restored["audit"].find(sort=[("order", 1)])
        self.assertEqual(("back up", str(self.file)), (backed_up["deed"], backed_up["why"]))
        self.assertEqual("restore", put_back["deed"])
        self.assertTrue(put_back["why"].startswith(f"{self.file}, made at 2"), put_back)

    async def shown(self, daemon: Daemon, name: str) -> float:
        """The gauge of the last backup, once the database has told."""
        found: list[Scrape] = []

        async def is_told() -> bool:
            found[:] = [await scrape(daemon)]
            return found[0].has(f"justchat_backup_{name}")

        await eventually(is_told, "the database to tell of its last backup")
        return found[0].of(f"justchat_backup_{name}")


class Refused(BackupCase):
    async def test_damaged(self) -> None:
        """A file with another byte, or without its end, is not restored."""
        self.write(a=encode({"_id": 1, "text": os.urandom(10_000)}))
        content = self.file.read_bytes()

        self.file.write_bytes(content[:-1])
        await self.assert_nothing_restored(str(self.file), "not written to its end")
        self.file.write_bytes(content[:5000] + bytes(10) + content[5010:])
        await self.assert_nothing_restored(str(self.file), "damaged")

    async def test_foreign(self) -> None:
        """Another archive, another file, and none are refused."""
        with tarfile.open(self.file, "w:gz") as tar:
            tar.add(__file__, "x.py")
        await self.assert_nothing_restored("no backup of JustChat")
        self.file.write_text("hello")
        await self.assert_nothing_restored("no backup of JustChat")
        self.file.unlink()
        await self.assert_nothing_restored("No such file")

    async def test_later_release(self) -> None:
        """What a later release has written is refused by its number."""
        self.write(release="99.1")

        await self.assert_nothing_restored("99.1", "later release")

    async def test_names(self) -> None:
        """No member is written outside its place, whatever its name."""
        for name in ("uploads/../../x", "secrets/lock", "uploads/a/b"):
            self.file.unlink(missing_ok=True)
            self.write(**{name: b"x"})

            await self.assert_nothing_restored(name)

    async def test_cannot_be_loaded(self) -> None:
        """What the database refuses leaves nothing behind, there too."""
        uri, database = self.a_database()
        self.write(a=encode({"_id": 1}), b=encode({"_id": 1}))

        await self.assert_nothing_restored("the database")
        refused = await self.restore("--mongo", uri)

        self.assert_refused(refused, "the database")
        self.assertEqual([], database.list_collection_names())

    async def test_not_empty(self) -> None:
        """A data directory with anything in it, and a database with any document, are left as they were."""
        uri, database = self.a_database()
        database["gifts"].insert_one({"_id": 1})
        self.write(a=encode({"_id": 1}))

        self.assert_refused(await self.restore("--mongo", uri), "not empty", "gifts")
        self.assertFalse(self.target.exists() and set(os.listdir(self.target)) - {"lock", "admin-lock"})
        self.target.mkdir(exist_ok=True)
        (self.target / "sms-outbox.jsonl").touch()
        self.assert_refused(await self.restore(), "not empty", "sms-outbox.jsonl")
        self.assertEqual(["gifts"], database.list_collection_names())


class HalfRestored(BackupCase):
    async def test_marks(self) -> None:
        """The marks come before anything that is restored, and go after all of it."""
        uri, database = self.a_database()
        self.write(a=encode({"_id": 1}), **{"uploads/x.png": b"x"})
        settings = load_settings(None, {"mongo": {"uri": uri}}, str(self.target), secrets=False)
        load = restore._load
        marks: list[tuple[set[str], list[str], bool]] = []

        def look() -> None:
            there = set(os.listdir(self.target)) - {"lock", "admin-lock"}
            marks.append((there, database.list_collection_names(), is_half_restored(database)))

        def look_and_load(*arguments: Any) -> None:
            look()
            load(*arguments)
            look()

        self.patch(restore, "_load", look_and_load)
        await restore.restore(settings, reactor, Namespace(file=self.file))
        look()

        before, loaded, after = marks
        self.assertEqual(({"restoring"}, ["versions"], True), before)
        self.assertEqual(({"restoring", "uploads"}, True), (loaded[0], loaded[2]))
        self.assertEqual(({"uploads"}, False), (after[0], after[2]))

    async def test_data_dir(self) -> None:
        """No daemon starts on a data directory whose restore was killed. The restore can be run again."""
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        (daemon.data / "mongo").mkdir(parents=True)
        (daemon.data / "restoring").touch()
        self.write(a=encode({"_id": 1}))

        daemon.spawn()
        self.assertEqual(1, await daemon.ended())
        self.assertIn("restore into", daemon.log)
        self.assert_refused(await run("--data-dir", str(daemon.data), "gifts", "list"), "did not end")
        self.target = daemon.data
        done = await self.restore()
        self.assertEqual(0, done.code, done)
        await daemon.start()

    async def test_database(self) -> None:
        """The same for a database of one's own."""
        uri, database = self.a_database()
        database["versions"].insert_one({"_id": "restoring"})
        database["gifts"].insert_one({"_id": 1})
        daemon = Daemon("--mongo", uri)
        self.addCleanup(daemon.remove)
        self.write(a=encode({"_id": 1}))

        daemon.spawn()
        self.assertNotEqual(0, await daemon.ended())
        self.assertIn("restore into this database did not end", daemon.log)
        done = await self.restore("--mongo", uri)

        self.assertEqual(0, done.code, done)
        self.assertEqual([], list(database["gifts"].find()))
        self.assertEqual([{"_id": 1}], list(database["words"].find()))


class Ended(BackupCase):
    """Commands that are ended while they are at work."""

    async def setUp(self) -> None:
        await super().setUp()
        self.uri, self.database = self.a_database()
        self.database["gifts"].insert_one({"_id": 1})
        self.source = self.folder.absolute() / "data"
        (self.source / "uploads").mkdir(parents=True)
        self.beside = self.file.with_name(f"{self.file.name}.unfinished")

    def start(self, data: Path, *arguments: str) -> Fork:
        files = [self.folder / name for name in ("output", "error", "code")]
        files[2].unlink(missing_ok=True)
        options = ("--mongo", self.uri, "--data-dir", str(data))
        process = Fork(["justchat-admin", *options, *arguments], os.environ, self.folder, *files)
        self.addCleanup(process.kill)
        return process

    async def ended(self, process: Fork) -> int:
        await eventually(lambda: process.poll() is not None, "the end of the command", 60)
        assert process.returncode is not None
        return process.returncode

    async def a_long_backup(self) -> Fork:
        """A backup at work, which has four gigabytes to read."""
        with open(self.source / "uploads" / "large.png", "wb") as large:
            large.truncate(4 * 2**30)
        backup = self.start(self.source, "backup", str(self.file))
        await eventually(self.beside.exists, "the backup to begin")
        return backup

    async def test_interrupted_backup(self) -> None:
        """Ctrl-C and SIGTERM end a backup in one line, and leave no file."""
        for number in (signal.SIGINT, signal.SIGTERM):
            backup = await self.a_long_backup()
            backup.send_signal(number)

            self.assertEqual(1, await self.ended(backup))
            self.assertIn("interrupted", (self.folder / "error").read_text())
            self.assertFalse(self.file.exists() or self.beside.exists())

    async def test_killed_backup(self) -> None:
        """What a backup that is killed leaves has another name, and is gone after the next one."""
        backup = await self.a_long_backup()
        backup.kill()
        await self.ended(backup)
        self.assertFalse(self.file.exists())
        (self.source / "uploads" / "large.png").unlink()

        self.assertEqual(0, await self.ended(self.start(self.source, "backup", str(self.file))))

        self.assertTrue(self.file.exists())
        self.assertFalse(self.beside.exists())


class OwnMongo(BackupCase):
    async def test_single(self) -> None:
        """A MongoDB without a replica set is backed up only while no daemon writes to it."""
        uri, _ = self.a_database()
        daemon = Daemon("--mongo", uri)
        self.addCleanup(daemon.remove)
        options = ("--data-dir", str(daemon.data), "--mongo", uri, "backup", str(self.file))
        await daemon.start()

        self.assert_refused(await run(*options), "replica set")
        self.assertFalse(self.file.exists())
        await daemon.stop()

        self.assertEqual(0, (await run(*options)).code)

    async def test_replica_set(self) -> None:
        """A replica set is read as of one moment, while others write."""
        mongod = OperatorsMongod(self.folder.absolute(), "--replSet", "rs")
        self.addCleanup(mongod.end)
        await mongod.start()
        client = MongoClient[dict[str, Any]](mongod.uri("justchat"), directConnection=True)
        self.addCleanup(client.close)
        members = [{"_id": 0, "host": f"127.0.0.1:{mongod.port}"}]
        client.admin.command({"replSetInitiate": {"_id": "rs", "members": members}})
        await eventually(lambda: client.admin.command("hello")["isWritablePrimary"], "a primary")
        first, last = client["justchat"]["a"], client["justchat"]["z"]
        filler = os.urandom(200_000)  # so that the first is read and compressed for a while
        first.insert_many([{"_id": -number, "filler": filler} for number in range(1, 100)])
        options = ("--mongo", f"{mongod.uri('justchat')}?replicaSet=rs", "--data-dir", str(self.target))
        running = ensureDeferred(run(*options, "backup", str(self.file)))
        numbers = itertools.count()

        def write() -> bool:
            number = next(numbers)
            first.insert_one({"_id": number})
            last.insert_one({"_id": number})
            return running.called

        await eventually(write, "the backup")
        self.assertEqual(0, (await running).code)

        content: dict[str, set[int]] = {"a": set(), "z": set(), "audit": set()}
        for part in members_of(self.file):
            if part.name.endswith(".bson"):
                content[part.name.split("/")[1]] |= {document["_id"] for document in decode_all(part.read())}
        written = {number for number in content["a"] if number >= 0}
        self.assertLessEqual(content["z"], written)
        self.assertLessEqual(len(written - content["z"]), 1)
        again = f"{mongod.uri('restored')}?replicaSet=rs"
        done = await self.restore("--mongo", again)
        self.assertEqual(0, done.code, done)
        self.assertEqual(written | set(range(-99, 0)), {each["_id"] for each in client["restored"]["a"].find()})
        self.assertEqual(["back up", "restore"], [line["deed"] for line in client["restored"]["audit"].find()])
