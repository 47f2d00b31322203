"""The real clients, run by Node, and where they come from."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.support.client import PATIENCE, SILENCE, eventually

HERE = Path(__file__).parent
NODE = shutil.which("node")
NPM = shutil.which("npm")
MISSING = None if NODE and NPM else "Node.js is not installed: the real Socket.IO clients cannot run"


def install() -> None:
    """Install the pinned clients, once. Atomic enough for two test processes: npm's last act is our mark."""
    mark = HERE / "node_modules" / ".justchat-installed"
    lock = (HERE / "package-lock.json").read_text()
    if mark.exists() and mark.read_text() == lock:
        return
    import fcntl

    with open(HERE / "package.json") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (mark.exists() and mark.read_text() == lock):
            assert NPM is not None
            subprocess.run([NPM, "ci", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)
            mark.write_text(lock)


class Client(ProcessProtocol):
    """One client in a Node of its own; a Listener of Socket.IO."""

    def __init__(self, version: str, url: str, transports: str = "default") -> None:
        self.heard: list[list[Any]] = []
        self.taken = 0
        self.ended: Deferred[None] = Deferred()
        self.faults = ""
        self._rest = ""
        assert NODE is not None
        reactor.spawnProcess(
            self, NODE, [NODE, str(HERE / "client.js"), version, url, transports], env=os.environ, path=str(HERE)
        )

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data.decode("utf-8", "surrogateescape")).split("\n")
        self.heard += [json.loads(line.encode("utf-8", "surrogateescape")) for line in lines]

    def errReceived(self, data: bytes) -> None:
        self.faults += data.decode()

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)

    def emit(self, name: str, data: Any, *, acknowledge: bool = False) -> None:
        self.transport.write(json.dumps([name, data, acknowledge]).encode() + b"\n")

    async def next(self, name: str) -> Any:
        """What came with the next event of this name."""
        found: list[Any] = []

        def there() -> bool:
            while self.taken < len(self.heard) and not found:
                heard = self.heard[self.taken]
                self.taken += 1
                if heard[0] == name:
                    found.append(heard[1] if len(heard) > 1 else None)
            return bool(found)

        await eventually(there, f"{name}; heard {self.heard[-4:]} {self.faults}")
        return found[0]

    async def bind(self, session_key: str, **have: Any) -> Any:
        self.emit("init", {"session_key": session_key, **have})
        return await self.next("ready")

    async def silence(self) -> list[list[Any]]:
        await deferLater(reactor, SILENCE)
        return self.heard[self.taken :]

    async def leave(self) -> None:
        self.transport.closeStdin()
        if not self.ended.called:
            self.ended.addTimeout(PATIENCE, reactor)
            await self.ended
