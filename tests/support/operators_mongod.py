"""A mongod that an operator runs."""

import socket
import subprocess
from pathlib import Path

from justchat.runtime.mongod import find_binary, library_environment
from tests.support.waiting import eventually

LAUNCHES = 5
"""Ports are tried this often: one that was free may be taken before mongod has it."""


class OperatorsMongod:
    """A mongod with ``options`` on a free TCP port, until ``end()``."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> "OperatorsMongod":
        """Returns once it accepts connections."""
        for _ in range(LAUNCHES):
            with socket.create_server(("127.0.0.1", 0)) as holder:
                self.port = holder.getsockname()[1]
            self._launch()
            if await self._accepts():
                return self
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def _launch(self) -> None:
        (self.folder / "db").mkdir(exist_ok=True)
        command = ["setpriv", "--pdeathsig", "KILL", "--", find_binary(), "--dbpath", str(self.folder / "db")]
        command += ["--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket", "--quiet"]
        command += ["--logpath", str(self.folder / "log"), "--wiredTigerCacheSizeGB", "0.5"]
        command += ["--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false", *self.options]
        self.process = subprocess.Popen(command, env=library_environment(self.folder), stdout=subprocess.DEVNULL)

    async def _accepts(self) -> bool:
        """False once the process has ended instead."""
        assert self.process is not None
        process = self.process

        def listens_or_ended() -> bool:
            with socket.socket() as attempt:
                return process.poll() is not None or attempt.connect_ex(("127.0.0.1", self.port)) == 0

        await eventually(listens_or_ended, "mongod to listen", 60)
        return process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def uri(self, database: str) -> str:
        return f"mongodb://127.0.0.1:{self.port}/{database}"

    async def restart(self) -> None:
        """Start it again on its port, after ``end()``. Returns once it accepts connections."""
        self._launch()
        assert await self._accepts(), (self.folder / "log").read_text()[-2000:]

    def end(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
