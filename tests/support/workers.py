"""Daemons of several workers."""

import contextlib  # a global "suppress" would be a setting of trial's
import os
from pathlib import Path

from tests.support.chat import ChatTestCase
from tests.support.daemon import METRICS, Daemon
from tests.support.kept import Kept
from tests.support.socketio.by_hand import a_session
from tests.support.waiting import eventually

NUMBER = 2
SECRET = "a secret of the payments 0123456789"


def worker_pids(daemon: Daemon) -> dict[int, int]:
    """The processes of a daemon's workers, by their numbers."""
    assert daemon.process is not None
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and _parent(entry) == daemon.process.pid:
                kind, _, number = (entry / "comm").read_text().strip().partition(" ")
                if kind == "worker":
                    found[int(number)] = int(entry.name)
    return found


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def a_session_of(port: int, worker: int, version: int = 4, more: str = "") -> str:
    """The query of a new polling session at this worker: as many are opened as it takes."""
    for _ in range(200):
        query = await a_session(port, version, more)
        if f"sid={worker}." in query:
            return query
    raise AssertionError(f"no connection reached worker {worker}")


_shared = Kept[Daemon](Daemon.remove)


async def a_group() -> Daemon:
    """A daemon with NUMBER workers."""
    daemon = Daemon()
    config = daemon.folder / "justchat.toml"
    # The number of workers is in the settings file, as operators have it.
    config.write_text(
        f'[http]\nworkers = {NUMBER}\n[payments]\nsecret_key = "{SECRET}"\n'
        '[limits]\nexempt = ["127.0.0.0/8", "::1/128"]\n' + METRICS
    )
    daemon.options = ("--config", str(config))
    return await daemon.start()


class WorkersCase(ChatTestCase):
    """Tests of a daemon with NUMBER workers, which they share."""

    async def its_daemon(self) -> Daemon:
        return await _shared.get(None, a_group)

    async def killed(self, worker: int) -> None:
        """Kill a worker; returns when its successor accepts connections."""
        before = worker_pids(self.daemon)[worker]
        os.kill(before, 9)

        async def is_back() -> bool:
            pid = worker_pids(self.daemon).get(worker, before)
            return pid != before and bool(await a_session_of(self.daemon.http, worker))

        await eventually(is_back, lambda: f"a successor of worker {worker}: {self.daemon.log}", 30)
