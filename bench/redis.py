"""A redis-server that joins daemons, or the peers."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cores import on_core
from bench.server import Failed, Server

PATIENCE = 30.0


class Redis(Server):
    """On a Unix socket in a folder, without persistence."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self._command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(folder)]
        self._command += ["--save", "", "--appendonly", "no", "--logfile", str(folder / "redis.log")]

    def __enter__(self) -> "Redis":
        # It must not outlive us, however we end.
        command = ["setpriv", "--pdeathsig", "KILL", "--", *on_core(None, *self._command)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise Failed("redis-server did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    @property
    def uri(self) -> str:
        return f"unix://{self.socket}"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Meanwhile it does not run."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


def is_installed() -> bool:
    return shutil.which("redis-server") is not None
