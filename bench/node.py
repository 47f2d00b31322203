"""The peers: chat servers in Node, with express and socket.io, on a mongod of their own or on one that is filled."""

import shutil
import subprocess
from pathlib import Path

from bench.cores import SERVER_CORE, on_core
from bench.server import Failed, Server

PEERS = Path(__file__).parent / "peers"


def install() -> None:
    """Install what they need beside them, unless it is there."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SystemExit("the peers are written for Node: install it, with npm")
    lock, done = PEERS / "package-lock.json", PEERS / "node_modules" / ".installed"
    if done.exists() and done.read_text() == lock.read_text():
        return
    command = [npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=PEERS, check=False).returncode:
        raise SystemExit("npm could not install the peers")
    done.write_text(lock.read_text())


class Node(Server):
    """One of them; ``name`` is that of its file: ``looked_up``, ``memory`` or ``joined``, which has ``more`` arguments.

    Those that are joined give messages no common order, and are not pinned.
    """

    def __init__(self, name: str, uri: str, *more: object) -> None:
        self.pinned = not more
        self.protocol = "io-unordered" if more else "io"
        self._command = on_core(SERVER_CORE if self.pinned else None, "node", f"{name}.js", uri, *more)

    def __enter__(self) -> "Node":
        self.process = subprocess.Popen(self._command, cwd=PEERS, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        port = self.process.stdout.readline()
        if not port.strip():
            self.__exit__()
            raise Failed("a peer did not start")
        self.http = self.websocket = int(port)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None
