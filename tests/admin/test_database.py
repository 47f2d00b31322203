"""Where ``justchat-admin`` finds the database, whether the daemon runs or not; and the command line as such."""

import os
import shutil
import tempfile
from pathlib import Path

from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.trial.unittest import SkipTest, TestCase

from tests.support.admin import AdminCase, Done, run, run_script
from tests.support.daemon import Daemon
from tests.support.mongo import fresh_uri


class CommandLine(TestCase):
    async def test_help(self) -> None:
        """Every command has its own help."""
        for command, words in (
            ((), ("gifts", "complaints", "users", "--config", "--data-dir", "--mongo", "--json", "exit codes")),
            (("gifts",), ("list", "load", "add", "edit", "withdraw")),
            (("complaints",), ("list", "show", "close")),
            (("users",), ("show", "end-sessions", "correct-balance")),
            (("gifts", "load"), ("FILE",)),
            (("gifts", "edit"), ("ID", "--name", "--price", "--image")),
            (("complaints", "list"), ("--all", "--limit")),
            (("complaints", "close"), ("ID", "--note")),
            (("users", "correct-balance"), ("USER", "COINS", "--reason")),
        ):
            done = await (run if command else run_script)(*command, "--help")

            self.assertEqual((0, ""), (done.code, done.error))
            for word in words:
                self.assertIn(word, done.output)

    async def test_not_understood(self) -> None:
        """An unknown command exits with 2 and lists the commands on standard error."""
        for arguments in ((), ("sms",), ("gifts", "steal"), ("--colour", "gifts", "list"), ("gifts", "load")):
            done = await run(*arguments)

            self.assertEqual((2, ""), (done.code, done.output))
            self.assertIn("usage: justchat-admin", done.error)

    async def test_wrong_settings(self) -> None:
        """Settings that are wrong are refused by table and key."""
        file = Path(self.mktemp())
        file.write_text("[http]\ndebug = 5")

        done = await run("--config", str(file), "gifts", "list")

        self.assertEqual((1, 1), (done.code, done.error.count("\n")))
        self.assertIn("[http] debug", done.error)


class Databases(AdminCase):
    def stopped(self, folder: Path | None = None) -> Daemon:
        """A daemon of the test's own, which does not run yet."""
        daemon = Daemon(folder=folder)
        self.addCleanup(daemon.remove)
        return daemon

    async def gifts_of(self, daemon: Daemon) -> Done:
        return await run("--data-dir", str(daemon.data), "--json", "gifts", "list")

    async def test_stopped(self) -> None:
        """Where no daemon runs the command starts the database, and stops it again."""
        daemon = self.stopped()
        await daemon.start()
        mongod = daemon.mongod_pid()
        await daemon.stop()

        done = await self.gifts_of(daemon)

        self.assertTrue(done.json["gifts"])
        self.assertEqual("", (daemon.data / "mongo" / "mongod.lock").read_text().strip(), mongod)

    async def test_start_afterwards(self) -> None:
        """A daemon starts after a command as before, and has what the command did."""
        daemon = self.stopped()
        await daemon.start()
        await daemon.stop()
        gift = (await self.gifts_of(daemon)).json["gifts"][0]["_id"]
        await run("--data-dir", str(daemon.data), "gifts", "edit", gift, "--name", "Edited meanwhile")

        await daemon.start()

        self.assertIn("Edited meanwhile", (await self.gifts_of(daemon)).output)

    async def test_at_once(self) -> None:
        """Commands at the same time take turns, with no daemon to serve them: each is done."""
        daemon = self.stopped()
        await daemon.start()
        await daemon.stop()

        done = await gatherResults([ensureDeferred(self.gifts_of(daemon)) for _ in range(4)])

        self.assertEqual([0] * 4, [each.code for each in done])

    async def test_crashed(self) -> None:
        """After kill -9 of the daemon a command works, whatever becomes of its mongod."""
        daemon = self.stopped()
        await daemon.start()
        await daemon.kill()

        self.assertTrue((await self.gifts_of(daemon)).json["gifts"])

    async def test_long_path(self) -> None:
        """A data directory whose path is too long for a socket is no hindrance, the daemon running or not."""
        folder = Path(tempfile.mkdtemp(prefix="jc-"), "x" * 120)
        self.addCleanup(shutil.rmtree, folder.parent, ignore_errors=True)
        folder.mkdir()
        daemon = self.stopped(folder)
        await daemon.start()

        running = await self.gifts_of(daemon)
        await daemon.stop()
        stopped = await self.gifts_of(daemon)

        self.assertEqual(running.json, stopped.json)

    async def test_symbolic_link(self) -> None:
        """A running daemon is found by another name of its data directory, too."""
        link = Path(tempfile.mkdtemp(prefix="jc-"), "link")
        self.addCleanup(shutil.rmtree, link.parent, ignore_errors=True)
        link.symlink_to(self.daemon.data)

        done = await run("--data-dir", str(link), "gifts", "list")

        self.assertEqual(0, done.code, done)

    async def test_default_folder(self) -> None:
        """Without --data-dir it is ./justchat-data, as for the daemon."""
        (self.folder / "justchat-data").symlink_to(self.daemon.data)

        done = await run("gifts", "list", folder=self.folder)

        self.assertEqual(0, done.code, done)

    async def test_wrong_folder(self) -> None:
        """A folder that no daemon has used is refused, and nothing is made in it."""
        done = await run("--data-dir", str(self.folder / "typo"), "gifts", "list")

        self.assert_refused(done, "no JustChat has run on", "typo")
        self.assertEqual([], os.listdir(self.folder))

    async def test_another_users_folder(self) -> None:
        """A data directory of another user is refused: what we made there the daemon could not read."""
        if os.geteuid() != 0:
            raise SkipTest("takes root")
        (self.folder / "data" / "mongo").mkdir(parents=True)
        os.chown(self.folder / "data", 65534, 65534)

        done = await run("--data-dir", str(self.folder / "data"), "gifts", "list")

        self.assert_refused(done, "another user's")
        for command in (("gifts", "list"), ("database", "show"), ("backup", str(self.folder / "backup"))):
            for place in ((), ("--mongo", fresh_uri())):
                done = await run("--data-dir", str(self.folder / "data"), *place, *command)
                self.assert_refused(done, "another user's")

    async def test_mongo(self) -> None:
        """--mongo names a database that is there; nothing is needed in the data directory."""
        done = await run("--mongo", fresh_uri(), "gifts", "list", folder=self.folder)

        self.assertEqual((0, "There are no gifts.\n"), (done.code, done.output))

    async def test_mongo_of_settings(self) -> None:
        """So do the daemon's settings."""
        file = self.folder / "justchat.toml"
        file.write_text(f'[mongo]\nuri = "{fresh_uri()}"')

        done = await run_script("--config", str(file), "gifts", "list")

        self.assertEqual((0, "There are no gifts.\n"), (done.code, done.output))

    async def test_pictures_elsewhere(self) -> None:
        """With --mongo and a folder of pictures, they are refused where the data directory is not the daemon's."""
        picture = str(self.a_picture())
        arguments = ("gifts", "add", "--name", "x", "--price", "5", "--image", picture)

        config = self.folder / "folder.toml"
        config.write_text('[uploads]\nstore = "folder"\n')

        done = await run("--config", str(config), "--mongo", fresh_uri(), "--data-dir", str(self.folder), *arguments)

        self.assert_refused(done, "no pictures are served")

    async def test_away(self) -> None:
        """A database that cannot be reached is refused in one line."""
        done = await run("--mongo", "mongodb://127.0.0.1:1/x", "gifts", "list")

        self.assert_refused(done, "cannot be reached")
