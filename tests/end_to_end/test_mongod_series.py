"""The embedded database's mongod: another program, and data of another series."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from twisted.trial.unittest import SkipTest, TestCase

from justchat.runtime.mongod_binary import find_binary, version_of
from tests.support.admin import Done, run
from tests.support.daemon import Daemon
from tests.support.mongod_programs import wrapper
from tests.support.operators_mongod import OperatorsMongod

FCV = {"_id": "featureCompatibilityVersion"}


class SeriesCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def a_daemon(self, **more: Any) -> Daemon:
        daemon = Daemon(folder=self.folder, **more)
        self.addCleanup(daemon.remove)
        return daemon

    async def admin(self, *arguments: str) -> Done:
        return await run("--data-dir", str(self.folder / "data"), *arguments)

    async def write_series(self, series: str) -> None:
        """Data of the embedded database whose featureCompatibilityVersion is ``series``."""
        if version_of(find_binary())[:2] != (6, 0):
            raise SkipTest("the mongod of the tests is not of the series 6.0")
        data = self.folder / "data"
        (data / "mongo").mkdir(parents=True, mode=0o700)
        os.symlink(data / "mongo", self.folder / "db")
        mongod = await OperatorsMongod(self.folder, "--setParameter", "enableTestCommands=1").start()
        self.addCleanup(mongod.end)
        with MongoClient[dict[str, Any]](mongod.uri("admin")) as client:
            admin = client.admin
            if series == "5.0":  # the mongod of the tests writes that itself
                admin.command({"setFeatureCompatibilityVersion": series})
            else:
                # It refuses to write others. So it gets the document as from an oplog.
                admin["other"].insert_one({**FCV, "version": series})
                renamed = {"renameCollection": "admin.other", "to": "admin.system.version", "dropTarget": True}
                admin.command({"applyOps": [{"op": "c", "ns": "admin.$cmd", "o": renamed}]})
            self.assertEqual(series, (admin["system.version"].find_one(FCV) or {})["version"])
        assert mongod.process is not None
        mongod.process.terminate()
        mongod.process.wait()


class Program(SeriesCase):
    async def test_setting(self) -> None:
        """The daemon and justchat-admin run the program of [mongo] binary."""
        script, log = wrapper(self.folder / "bin", find_binary())
        daemon = self.a_daemon(settings=f'[mongo]\nbinary = "{script}"\n')

        await daemon.start()
        await daemon.stop()
        self.assertEqual(1, log.read_text().count("--dbpath"))
        done = await self.admin("--config", str(daemon.folder / "exempt.toml"), "--json", "database", "show")

        self.assertEqual(2, log.read_text().count("--dbpath"))
        said = subprocess.run([find_binary(), "--version"], capture_output=True, text=True).stdout
        self.assertIn(f"v{done.json['mongodb']}", said)
        self.assertEqual(done.json["schema"]["latest"], done.json["schema"]["version"])

    async def test_wrong(self) -> None:
        """Where it names no program, the start fails with a line that names the setting."""
        daemon = self.a_daemon(settings='[mongo]\nbinary = "/nowhere/mongod"\n')

        daemon.spawn()

        self.assertEqual(1, await daemon.ended())
        self.assertIn("[mongo] binary: /nowhere/mongod is no file", daemon.log)


class Series(SeriesCase):
    async def refusal(self) -> str:
        """The line with which a start ends, once."""
        daemon = self.a_daemon()
        daemon.spawn()
        self.assertEqual(1, await daemon.ended())
        self.assertNotIn("Traceback", daemon.log)
        self.assertEqual(1, len(list((self.folder / "data" / "mongo").glob("mongod.log*"))), "it was started again")
        said = await self.admin("gifts", "list")
        self.assertEqual((1, 1), (said.code, said.error.count("\n")))
        (line,) = {line.partition("justchat: ")[2] for line in daemon.log.splitlines() if "featureComp" in line}
        self.assertIn(said.error.strip().partition("justchat-admin: ")[2], line)
        return line

    async def test_too_new(self) -> None:
        """A mongod that is too new for the data ends the start with a line that says what to do."""
        await self.write_series("4.4")

        line = await self.refusal()

        self.assertIn("the featureCompatibilityVersion 4.4, and ", line)
        self.assertIn("takes 5.0 to 6.0: let [mongo] binary name a mongod of the series after 4.4", line)
        self.assertIn("run justchat-admin database upgrade", line)

    async def test_too_old(self) -> None:
        """One that is too old for them does so, too."""
        await self.write_series("7.0")

        self.assertIn("takes 5.0 to 6.0: let [mongo] binary name a mongod 7.0", await self.refusal())

    async def test_upgrade(self) -> None:
        """A start leaves the data's series as it is, and says that it needs a later one. The operator's command raises
        it. The daemon may run meanwhile.
        """
        await self.write_series("5.0")
        daemon = self.a_daemon()
        daemon.spawn()
        self.assertEqual(1, await daemon.ended())
        self.assertIn("needs MongoDB 6.0 or later, with a featureCompatibilityVersion of 6.0 or later", daemon.log)
        self.assertNotIn("Traceback", daemon.log)
        self.assertRegex((await self.admin("database", "show")).output, r"Feature compatibility +5\.0\n")

        first = (await self.admin("--json", "database", "upgrade")).json
        await daemon.start()
        second = await self.admin("database", "upgrade")
        await daemon.stop()

        self.assertEqual({"before": "5.0", "after": "6.0"}, first)
        self.assertIn("have the featureCompatibilityVersion 6.0 already", second.output)
        shown = (await self.admin("--json", "database", "show")).json
        self.assertEqual("6.0", shown["feature_compatibility_version"])
        deeds = (await self.admin("--json", "audit")).json
        self.assertEqual([("upgrade database", "5.0 to 6.0")], [(each["deed"], each["why"]) for each in deeds["audit"]])

    async def test_own(self) -> None:
        """A MongoDB of the operator's own is left to its own tools."""
        done = await self.admin("--mongo", "mongodb://127.0.0.1:1/x", "database", "upgrade")

        self.assertEqual((1, ""), (done.code, done.output))
        self.assertIn("[mongo] uri: only the embedded database", done.error)
