"""Pictures are written by a process with bounded memory and time, in turns, and survive its death."""

import os
import resource
import secrets
import signal
import tempfile
import zlib
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from justchat.errors import Busy, NotAnImage, TooLarge
from justchat.workers import images
from justchat.workers.images import Images
from justchat.workers.picture_folder import PictureFolder
from justchat.workers.picture_worker import NICENESS
from tests.support.crowd import memory
from tests.support.picture_files import SIGNATURE, chunk, ihdr, quarters, saved
from tests.support.waiting import eventually

PICTURE = saved(quarters("RGB"), "PNG")
MIB = 1024 * 1024


def large_png(width: int = 5000, height: int = 4900) -> bytes:
    """100 MB of pixels in some 100 KB."""
    rows = zlib.compress(bytes((1 + 3 * width) * height), 1)
    return SIGNATURE + ihdr((width, height), 8, 2) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class ImagesCase(TestCase):
    async def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.spool = Path(folder.name) / "uploads", Path(folder.name) / "spool"
        self.folder.mkdir()
        self.images = Images(PictureFolder(self.folder), self.spool, reactor)
        self.images.start()
        self.addCleanup(lambda: ensureDeferred(self.images.stop()))
        await self.ready()

    async def ready(self) -> None:
        await eventually(lambda: self.images.process.is_ready, "the process")

    @property
    def pid(self) -> int:
        """The process; 0 while there is none."""
        return self.images.process.pid or 0

    def keep(self, data: bytes = PICTURE, owner: str = "") -> "Deferred[str]":
        """Its name, once it is kept."""
        stem = secrets.token_hex(16)
        file = self.folder.with_name(stem)
        file.write_bytes(data)
        return ensureDeferred(self.images.keep_file(file, stem, owner)).addCallback(lambda kept: kept[0])

    def stopped(self) -> None:
        """The process does nothing until it is ended or woken."""
        os.kill(self.pid, signal.SIGSTOP)


class Processes(ImagesCase):
    async def test_killed(self) -> None:
        """A picture is written by the next process when the first one dies."""
        self.stopped()
        kept = [self.keep() for _ in range(3)]

        os.kill(self.pid, signal.SIGKILL)

        for each in kept:
            self.assertTrue((self.folder / await each).is_file())

    async def test_killed_again(self) -> None:
        """A picture that killed two processes is 503, or 415 if the decoder crashed; the next ones go on."""
        begin = self.images.process._when_ready
        for by, error in ((signal.SIGKILL, Busy), (signal.SIGSEGV, NotAnImage)):
            self.stopped()
            # The next process, too, gets its work and no time for it.
            self.images.process._when_ready = lambda: (self.stopped(), begin())
            kept, other = self.keep(), self.keep(owner="other")
            first = self.pid
            os.kill(first, by)
            os.kill(first, signal.SIGCONT)
            await eventually(lambda first=first: self.pid not in (first, 0), "another process")
            await self.ready()
            self.images.process._when_ready = begin
            os.kill(self.pid, by)
            os.kill(self.pid, signal.SIGCONT)

            await self.assertFailure(kept, error)
            self.assertTrue(await other)

    async def test_too_slow(self) -> None:
        """A picture that takes too long is 503, and the process is replaced."""
        self.patch(images, "PATIENCE", 0.2)
        first = self.pid
        self.stopped()

        await self.assertFailure(self.keep(), Busy)

        self.patch(images, "PATIENCE", 60.0)
        self.assertTrue(await self.keep())
        self.assertNotEqual(first, self.pid)

    async def test_too_much_work(self) -> None:
        """A picture that takes too much processor time is 413."""
        self.stopped()
        kept = self.keep()

        os.kill(self.pid, signal.SIGXCPU)
        os.kill(self.pid, signal.SIGCONT)

        await self.assertFailure(kept, TooLarge)

    async def test_memory(self) -> None:
        """A large picture is written in bounded memory, all of which comes back."""
        before = memory(self.pid)

        await self.keep(large_png())

        self.assertLess(memory(self.pid) - before, 16 * MIB)
        self.assertLess(_status(self.pid, "VmHWM") - before, 256 * MIB)

    async def test_no_memory(self) -> None:
        """Where memory is short a picture is 503, not 415, and the process goes on."""
        pid = self.pid
        self.assertTrue(await self.keep())
        now = _status(pid, "VmSize")
        limits = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (now + 32 * MIB, limits[1]))

        await self.assertFailure(self.keep(large_png()), Busy)

        self.assertTrue(await self.keep())
        self.assertEqual(pid, self.pid)

    async def test_no_descriptors(self) -> None:
        """Where no file can be opened a picture is 503, not 415."""
        limits = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (3, limits[1]))

        await self.assertFailure(self.keep(), Busy)

        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, limits)
        self.assertTrue(await self.keep())

    async def test_low_priority(self) -> None:
        """It runs at idle priority; while it is late, at one below a daemon's that has the usual one."""
        await eventually(lambda: os.sched_getscheduler(self.pid) == os.SCHED_IDLE, "it to give way")
        self.stopped()
        kept = self.keep()

        await eventually(lambda: os.sched_getscheduler(self.pid) == os.SCHED_OTHER, "it to hurry")

        self.assertGreaterEqual(os.getpriority(os.PRIO_PROCESS, self.pid), NICENESS)  # these tests may be nice, too
        os.kill(self.pid, signal.SIGCONT)
        await kept
        self.assertEqual(os.SCHED_IDLE, os.sched_getscheduler(self.pid))

    async def test_stop(self) -> None:
        """At the stop the process ends, waiting pictures fail, and no file is left."""
        self.stopped()
        pid, kept = self.pid, [self.keep(), ensureDeferred(self.images.keep(PICTURE, "0" * 32))]

        await self.images.stop()

        for each in kept:
            await self.assertFailure(each, Busy)
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)
        self.assertEqual([], list(self.spool.iterdir()))


class Fairness(ImagesCase):
    async def test_share(self) -> None:
        """An owner who has used up their share gets Busy; others do not."""
        self.stopped()
        many = [self.keep(owner="greedy") for _ in range(images.SHARE + 1)]

        await self.assertFailure(self.keep(owner="greedy"), Busy)
        other = self.keep(owner="other")

        os.kill(self.pid, signal.SIGCONT)
        order: list[str] = []
        other.addCallback(lambda name: order.append("other"))
        for each in many:
            each.addCallback(lambda name: order.append("greedy"))
        await other
        self.assertLessEqual(order.index("other"), 2)
        for each in many:
            await each


def _status(pid: int, name: str) -> int:
    """A line of the process's status, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)
