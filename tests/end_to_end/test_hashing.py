"""The process that hashes keys ends with the daemon."""

import os
import signal
from pathlib import Path

from tests.support.chat import sign_in
from tests.support.quick_hashes import SLOW_HASHES
from tests.support.waiting import at_once, eventually
from tests.support.wire import OwnDaemonCase


def hashing_processes(parent: int) -> list[int]:
    """Those of this parent that hash."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            its_parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if its_parent == parent and b"justchat.workers.password_worker" in (folder / "cmdline").read_bytes().split(
                b"\0"
            ):
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class ItsProcess(OwnDaemonCase):
    async def its_process(self) -> int:
        self.daemon.environ |= SLOW_HASHES
        await self.start("[limits]\nenabled = false")
        assert self.daemon.process is not None
        (pid,) = hashing_processes(self.daemon.process.pid)
        return pid

    async def test_stopped(self) -> None:
        """A stopped daemon leaves none behind."""
        pid = await self.its_process()

        await self.daemon.stop()

        self.assertFalse(runs(pid))

    async def test_killed(self) -> None:
        """A killed daemon leaves none behind."""
        pid = await self.its_process()

        await self.daemon.kill()

        await eventually(lambda: not runs(pid), "the process to end")

    async def test_dies(self) -> None:
        """Signing in succeeds while it dies and while there is none."""
        pid = await self.its_process()
        anna = await self.a_person()
        os.kill(pid, signal.SIGSTOP)
        signing_in = at_once(sign_in(self.daemon, anna.phone, anna.key) for _ in range(3))

        os.kill(pid, signal.SIGKILL)

        self.assertEqual([anna.id] * 3, [person.id for person in await signing_in])
        self.assertEqual(anna.id, (await sign_in(self.daemon, anna.phone, anna.key)).id)
        await eventually(lambda: "the password worker ended" in self.daemon.log, "a word on its end")
