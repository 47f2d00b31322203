"""Backups in a folder: ``backup FOLDER --keep N``."""

import os
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.admin.kept_backups import file_in, remove_all_but
from justchat.model.moment import now
from tests.support.admin import AdminCase


class Kept(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def touch(self, *names: str) -> None:
        for name in names:
            (self.folder / name).touch()

    def test_latest(self) -> None:
        """The latest stay, and so does every file that has another name."""
        backups = [f"justchat-2026112{day}T033000Z.tar.gz" for day in range(1, 6)]
        others = ["before-the-upgrade.tar.gz", "justchat-x.tar.gz", backups[0] + ".copy"]
        self.touch(*backups, *others)

        removed = remove_all_but(self.folder, 2)

        self.assertEqual(backups[:3], [file.name for file in removed])
        self.assertEqual({*backups[3:], *others}, set(os.listdir(self.folder)))
        self.assertEqual([], remove_all_but(self.folder, 9))

    def test_left(self) -> None:
        """What a backup that was killed left goes after a day; what may be one at work stays."""
        name = file_in(self.folder, now()).name
        self.touch(f"{name}.unfinished", "justchat-20261101T033000Z.tar.gz.unfinished")
        image = self.folder / "justchat-20261101T033000Z.tar.gz.database"
        image.mkdir()
        (image / "WiredTiger").touch()
        for old in ("justchat-20261101T033000Z.tar.gz.unfinished", image.name):
            os.utime(self.folder / old, (time.time() - 100_000,) * 2)

        remove_all_but(self.folder, 1)

        self.assertEqual([f"{name}.unfinished"], os.listdir(self.folder))


class Command(AdminCase):
    async def test_folder(self) -> None:
        """Into a folder, the name is the time, and --keep removes the oldest; --keep with a file is refused."""
        (self.folder / "justchat-20200101T000000Z.tar.gz").touch()
        (self.folder / "mine.tar.gz").touch()

        done = await self.admin("backup", str(self.folder), "--keep", "1")

        self.assertEqual(0, done.code, done)
        self.assertIn("Removed: ", done.output)
        mine, made = sorted(os.listdir(self.folder), reverse=True)
        self.assertEqual("mine.tar.gz", mine)
        self.assertRegex(made, r"\Ajustchat-2\d{7}T\d{6}Z\.tar\.gz\Z")
        self.assert_refused(await self.admin("backup", str(self.folder / "file"), "--keep", "1"), "--keep", "no folder")
