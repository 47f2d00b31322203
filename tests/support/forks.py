"""Programs that run in forks of ``fork_server``."""

import contextlib  # a global "suppress" would be a setting of trial's
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.support.docs import PROJECT
from tests.support.waiting import block_until


class Fork:
    """A program that starts at once; the part of ``subprocess.Popen`` that tests use.

    ``arguments`` begin with ``twistd`` or ``justchat-admin``. Its exit code is written into the file ``code``.
    """

    returncode: int | None = None

    def __init__(
        self, arguments: Sequence[str], environ: Mapping[str, str], folder: Path, output: Path, error: Path, code: Path
    ) -> None:
        files = {"folder": folder, "output": output, "error": error, "code": code}
        asked = {"arguments": arguments, "environ": dict(environ)} | {k: str(v.absolute()) for k, v in files.items()}
        server = self._server = _server()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(asked).encode() + b"\n")
        server.stdin.flush()
        pid = server.stdout.readline()
        assert pid, "the fork server has ended; standard error says why"
        self.pid = int(pid)
        self._code = code.absolute()

    def poll(self) -> int | None:
        if self.returncode is None:
            has_server_ended = self._server.poll() is not None  # with all its forks
            if self._code.exists():
                self.returncode = int(self._code.read_text())
            elif has_server_ended:
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        block_until(lambda: self.poll() is not None, "the program to end", timeout)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def _server() -> "subprocess.Popen[bytes]":
    command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "tests.support.fork_server"]
    # It ends with its input, and its forks with it.
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT)
