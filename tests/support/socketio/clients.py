"""The real Socket.IO clients, run by Node, and their installation."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.support.waiting import PATIENCE, eventually

HERE = Path(__file__).parent
NODE = shutil.which("node")
NPM = shutil.which("npm")
MISSING = None if NODE and NPM else "Node.js is not installed: the real Socket.IO clients cannot run"

KINDS = [(version, by) for version in ("v4", "v3", "v2", "v1") for by in ("default", "polling", "websocket")]
"""Every version of the client with every choice of transports."""


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


class Node(ProcessProtocol):
    """One Node, and the clients in it."""

    def __init__(self) -> None:
        install()
        self.ended: Deferred[None] = Deferred()
        self.faults = ""
        self._clients: list[Client] = []
        self._rest = b""
        assert NODE is not None
        reactor.spawnProcess(self, NODE, [NODE, str(HERE / "client.js")], env=os.environ, path=str(HERE))

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for number, *what in map(json.loads, lines):
            self._clients[number].received.append(what)

    def errReceived(self, data: bytes) -> None:
        self.faults += data.decode()

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)

    def command(self, *command: Any) -> None:
        self.transport.write(json.dumps(command).encode() + b"\n")

    def open(self, port: int, version: str = "v4", transports: str = "default") -> "Client":
        """A client of this version and with these transports: polling, websocket, or its default."""
        client = Client(self, len(self._clients), f"{version} {transports}")
        self._clients.append(client)
        self.command(client.number, "open", version, f"http://127.0.0.1:{port}", transports)
        return client

    async def connect(self, port: int, kinds: Iterable[tuple[str, str]] = KINDS) -> list["Client"]:
        """One of each of these kinds, connected."""
        clients = [self.open(port, *kind) for kind in kinds]
        for client in clients:
            await client.next("connect")
        return clients

    async def leave(self) -> None:
        self.transport.closeStdin()
        if not self.ended.called:
            self.ended.addTimeout(PATIENCE, reactor)
            await self.ended


class Client:
    """One real client, and the events that it got: each with name and data."""

    def __init__(self, node: Node, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.received: list[list[Any]] = []
        self.taken = 0
        self._node = node

    def emit(self, name: str, data: Any, *, acknowledge: bool = False) -> None:
        self._node.command(self.number, "emit", name, data, acknowledge)

    def close(self) -> None:
        self._node.command(self.number, "close")

    async def next(self, name: str) -> Any:
        """What came with the next event of this name."""
        found: list[Any] = []

        def there() -> bool:
            while self.taken < len(self.received) and not found:
                received = self.received[self.taken]
                self.taken += 1
                if received[0] == name:
                    found.append(received[1] if len(received) > 1 else None)
            return bool(found)

        await eventually(there, f"{self.name}: {name}; received {self.received[-4:]} {self._node.faults}")
        return found[0]

    async def bind(self, session_key: str, **have: Any) -> Any:
        self.emit("init", {"session_key": session_key, **have})
        return await self.next("ready")

    def untaken(self) -> list[list[Any]]:
        """What came beyond what was taken."""
        return self.received[self.taken :]
