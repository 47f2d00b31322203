"""A daemon with several workers, and what a fault run breaks of it."""

import contextlib  # a global "suppress" would be a setting of trial's
import os
import random
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon
from tests.support.fault_worlds import Fault, OneDaemon
from tests.support.mongo import pause

LOOKS = 3
"""How often each is asked for what it shows: which worker answers is chance."""


class Workers(OneDaemon):
    """One daemon whose workers are killed and stopped, besides the daemon as a whole and its database."""

    def __init__(self, chance: random.Random, workers: int) -> None:
        super().__init__(chance, "--workers", str(workers))
        self._workers = workers
        self.faults = [
            *(each for each in self.faults if each.name != "daemon killed"),
            Fault("daemon killed", 1, ("daemon", "worker"), lambda: self.kill(self.daemon)),
            Fault("worker killed", 3, ("worker",), lambda: self._break_one(self._kill_one)),
            Fault("worker killed between commit and publish", 3, ("worker",), self._kill_unpublished),
            Fault("worker stopped a while", 2, ("worker",), lambda: self._break_one(self.pause_a_while)),
        ]

    @property
    def asked(self) -> list[Daemon]:
        return [self.daemon] * self._workers * LOOKS

    def pids(self) -> list[int]:
        """The workers that run now."""
        assert self.daemon.process is not None
        return [pid for pid in children(self.daemon.process.pid) if name_of(pid).startswith("worker ")]

    async def _break_one(self, act: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        pids = self.pids()
        with contextlib.suppress(ProcessLookupError):  # its daemon has ended it
            if pids:
                await act(self.chance.choice(pids))

    async def _kill_one(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    async def _kill_unpublished(self) -> None:
        async def stop_and_kill(pid: int) -> None:
            pause(pid)
            await self.a_while(0.05, 0.3)
            os.kill(pid, signal.SIGKILL)

        await self._break_one(stop_and_kill)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def name_of(pid: int) -> str:
    """The name of a process, or nothing if it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""
