"""What JustChat is measured beside: the same call by Express, Socket.IO and MongoDB's driver, in bench/peers/node."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from bench.daemon import LOAD_CORE, SERVER_CORE
from justchat.mongod import find_binary, library_environment

NODE = Path(__file__).parent / "peers" / "node"
WARM = 7.0
"""Seconds of load before Node is measured: it compiles what is used much."""
WAYS = {"looked-up": "Node, session and room looked up", "memory": "Node, session and room in memory"}


def install() -> bool:
    """Get the peers' packages; False where there is no Node, which the table then says."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if not (NODE / "node_modules").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=NODE, check=True)
    return True


class Peer:
    """A Node server on the server's core, with a mongod of its own on the other, both with their defaults."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._folder = Path(tempfile.mkdtemp(prefix="jc-peer-"))
        self._processes: list[subprocess.Popen[str]] = []
        self.warm = False

    def __enter__(self) -> "Peer":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        socket = self._folder / "m.sock"
        mongod = [find_binary(), "--dbpath", str(self._folder), "--bind_ip", str(socket), "--nounixsocket", "--quiet"]
        mongod += ["--logpath", str(self._folder / "log"), "--wiredTigerCacheSizeGB", "0.5"]
        self._run(mongod, LOAD_CORE, env=library_environment(self._folder))
        uri = f"mongodb://{quote(str(socket), safe='')}"
        node = self._run(["node", str(NODE / "server.js"), uri, self._way], SERVER_CORE)
        assert node.stdout is not None
        told = json.loads(node.stdout.readline())
        self.port, self.key, self.room, self._node = told["port"], told["key"], told["room"], node

    def _run(self, command: list[str], core: int, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        self._processes.append(process)
        return process

    def cpu_seconds(self) -> float:
        """What the server has used of its core."""
        fields = Path(f"/proc/{self._node.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)
