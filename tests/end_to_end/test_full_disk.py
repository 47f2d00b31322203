"""The database's disk is full: calls are refused until there is room again, and nothing acknowledged is lost."""

import contextlib  # a global "suppress" would be a setting of trial's
import os
import subprocess
import time
from pathlib import Path
from unittest import SkipTest

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.bystanders import BACK, LARGE, note_fault
from tests.support.crashes import TALKERS, CrashCase
from tests.support.daemon import Daemon
from tests.support.waiting import assert_within, eventually

DISK = 160
"""MiB: what an empty database takes, and a little more."""


class FullDisk(CrashCase):
    async def setUp(self) -> None:
        self.disk = Daemon().folder / "data"
        self.disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m,mode=700", "tmpfs", str(self.disk)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            raise SkipTest("needs the right to mount a small disk")
        self.addCleanup(self.unmount)
        await super().setUp()

    def make_daemon(self) -> Daemon:
        return Daemon(folder=self.disk.parent)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.disk)], check=True)

    def fill(self) -> Path:
        """Fill the disk."""
        filler = self.disk / "filler"
        file = os.open(filler, os.O_WRONLY | os.O_CREAT)
        for size in (2**20, 2**12):
            with contextlib.suppress(OSError):
                while True:
                    os.write(file, bytes(size))
        os.close(file)
        return filler

    async def test_full(self) -> None:
        """Calls are 503 while the disk is full; once there is space, the daemon recovers without help."""
        await self.talk()
        filler = self.fill()
        for number in range(3000):
            if self.crowd.refused:
                break
            await self.admin.say(self.room, f"{number} {'x' * 4000}")  # the database has some space in reserve
        await eventually(lambda: len(self.crowd.refused) >= TALKERS, "refusals")

        # Until a pause between attempts would be long.
        await deferLater(reactor, 10 if LARGE else 3)
        began = time.monotonic()
        filler.unlink()
        await self.crowd.reach(2 * TALKERS)
        took = time.monotonic() - began
        await self.crowd.reach(100)
        await self.crowd.end()

        assert_within(BACK, took)
        self.assertEqual({(503, "1")}, {(outcome.status, outcome.retry_after) for outcome in self.crowd.refused})
        await self.check_kept()
        texts = {message["text"] for message in await self.history()}
        self.assertEqual(set(), texts & {outcome.text for outcome in self.crowd.refused})
        note_fault("full disk", took, len(self.crowd.said), len(self.crowd.refused))
