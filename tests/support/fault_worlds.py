"""The targets of a fault run: daemons, and one daemon with its embedded database."""

import contextlib  # a global "suppress" would be a setting of trial's
import os
import random
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.task import deferLater

from justchat.runtime.mongod import SOCKET
from tests.support.daemon import Daemon
from tests.support.fault_load import SECRET_KEY
from tests.support.mongo import pause
from tests.support.words import word_list_settings

NAME = "justchat"
"""The database."""
CONFIG = f"[limits]\nenabled = false\n[payments]\nsecret_key = {SECRET_KEY!r}\n"
INCIDENT = re.compile(r"(?i).*(?:traceback|unhandled).*")
"""A line of a log that is about a fault of the daemon's own."""
LOG_LINES = 60
"""Of each daemon's log in a report."""
STARTS = 20
"""How often a daemon is started that does not come up, as its database is away."""


@frozen
class Fault:
    """``act`` causes it and ends it; ``targets`` are broken meanwhile, and not otherwise."""

    name: str
    weight: int
    targets: tuple[str, ...]
    act: Callable[[], Coroutine[Any, Any, None]]


class SomeDaemons:
    """Daemons that are killed, stopped and started again. ``faults`` may happen to them once they have started."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.daemons: list[Daemon] = []
        self.faults: list[Fault] = []

    @property
    def uri(self) -> str:
        """The database."""
        raise NotImplementedError

    async def start(self) -> None:
        raise NotImplementedError

    def a_daemon(self, *options: str) -> Daemon:
        config = self.folder / "faults.toml"
        config.write_text(CONFIG + word_list_settings("hold", self.folder))
        daemon = Daemon("--config", str(config), *options)
        self.daemons.append(daemon)
        return daemon

    @property
    def asked(self) -> list[Daemon]:
        """Those who are asked in the end for what they show."""
        return self.daemons

    def incidents(self) -> list[str]:
        """What the daemons have logged in all their runs that is a fault of theirs."""
        logs = [path.read_text() for daemon in self.daemons for path in daemon.folder.glob("log.*")]
        return [found for log in logs for found in INCIDENT.findall(log)]

    def latest_lines(self) -> list[str]:
        """The end of each daemon's log."""
        lines: list[str] = []
        for number, daemon in enumerate(self.daemons):
            lines.append(f"log of daemon {number}, {daemon.websocket}:")
            lines += [f"  {line}" for line in daemon.log.splitlines()[-LOG_LINES:]]
        return lines

    async def end(self) -> None:
        for daemon in self.daemons:
            if daemon.process is not None and daemon.process.poll() is None:
                await daemon.stop()
            daemon.remove()
        await self.end_others()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def end_others(self) -> None:
        """End what the daemons use."""

    async def a_while(self, least: float, most: float) -> None:
        await deferLater(reactor, self.chance.uniform(least, most))

    async def start_again(self, daemon: Daemon) -> None:
        """Start a daemon, as its supervisor does: again, where its database is away."""
        for _ in range(STARTS):
            with contextlib.suppress(AssertionError):
                await daemon.start()
                return
            await daemon.kill()
            await deferLater(reactor, 0.5)
        raise AssertionError(f"a daemon did not start:\n{daemon.log}")

    async def kill(self, daemon: Daemon) -> None:
        await daemon.kill()
        await self.start_again(daemon)

    async def kill_unpublished(self, daemon: Daemon) -> None:
        """Kill it between commit and publish: the database stores what a stopped daemon has sent."""
        assert daemon.process is not None
        pause(daemon.process.pid)
        await self.a_while(0.05, 0.3)
        await self.kill(daemon)

    async def stop_a_while(self, daemon: Daemon) -> None:
        assert daemon.process is not None
        await self.pause_a_while(daemon.process.pid)

    async def pause_a_while(self, pid: int) -> None:
        pause(pid)
        await self.a_while(0.1, 6)
        os.kill(pid, signal.SIGCONT)

    async def restart(self, daemon: Daemon) -> None:
        await daemon.stop()
        await self.start_again(daemon)


class OneDaemon(SomeDaemons):
    """One daemon; its embedded database is killed and stopped."""

    def __init__(self, chance: random.Random, *options: str) -> None:
        super().__init__(chance)
        self.daemon = self.a_daemon(*options)
        self.faults = [
            Fault("daemon killed", 2, ("daemon",), lambda: self.kill(self.daemon)),
            Fault("database killed", 2, ("daemon",), lambda: self._break(self._kill_mongod)),
            Fault("database stopped a while", 2, ("daemon",), lambda: self._break(self.pause_a_while)),
        ]

    @property
    def uri(self) -> str:
        return f"mongodb://{quote(str(self.daemon.data / 'mongo' / SOCKET), safe='')}/{NAME}"

    async def start(self) -> None:
        await self.daemon.start()

    async def _break(self, act: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        if pid := self.daemon.mongod_pid():
            with contextlib.suppress(ProcessLookupError):  # it was killed before, and has not started again
                await act(pid)

    async def _kill_mongod(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
