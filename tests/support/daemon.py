"""The real daemon, run by twistd as a process of its own."""

import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.forks import Fork
from tests.support.kept import Kept
from tests.support.waiting import eventually

TWISTD = str(Path(sys.executable).with_name("twistd"))
LOOPBACK = "tcp:0:interface=127.0.0.1"


METRICS = f'[metrics]\nendpoint = "{LOOPBACK}"\n'
"""Settings of a daemon whose metrics a test reads."""
WATCHED = {"JUSTCHAT_STALLS": "1"}
"""The environment of a daemon that logs long turns of its reactor. Its thread wakes 200 times a second."""


class Daemon:
    """``twistd justchat`` on loopback ports that the kernel picks; ``options`` come on top.

    ``fast_lane`` is the setting of that name, and ``settings`` are more lines, first those of ``[limits]``, for a
    daemon without a ``--config`` of its own.
    """

    def __init__(
        self,
        *options: str,
        folder: Path | None = None,
        environ: dict[str, str] | None = None,
        fast_lane: bool = True,
        settings: str = "",
    ) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="jc-"))
        self.data = self.folder / "data"
        self.options = options
        self.fast_lane = fast_lane
        self.settings = settings
        self.environ = {**os.environ, "JUSTCHAT_STRICT": "1", **(environ or {})}
        self.prefix: list[str] = []
        self.is_forked = True
        """Whether it is a fork of a process that has imported it, which takes a third of the time. With a ``prefix`` it
        never is.
        """
        self.process: subprocess.Popen[bytes] | Fork | None = None
        self.http = self.websocket = 0
        self._runs = 0
        atexit.register(self.remove)

    @property
    def log(self) -> str:
        """What the present run has logged; nothing before the first."""
        return self._log_file.read_text() if self._runs else ""

    @property
    def metrics(self) -> int:
        """The port of the metrics."""
        found = re.search(r"metrics listens on 127\.0\.0\.1:(\d+)", self.log)
        assert found is not None, self.log
        return int(found[1])

    @property
    def _log_file(self) -> Path:
        return self.folder / f"log.{self._runs}"

    def spawn(self) -> None:
        """Start it, and do not wait."""
        self._runs += 1
        options = ["--nodaemon", "--pidfile=", "justchat", "--data-dir", str(self.data)]
        options += ["--http", LOOPBACK, "--websocket", LOOPBACK]
        if "--config" not in self.options:
            # All users of the tests come from one address, and call more often than people do.
            config = self.folder / "exempt.toml"
            config.write_text(
                f'[http]\nfast_lane = {str(self.fast_lane).lower()}\n[limits]\nexempt = ["127.0.0.0/8", "::1/128"]\n'
                + self.settings
            )
            options += ["--config", str(config)]
        options += self.options
        if self.is_forked and not self.prefix:
            code = self.folder / f"code.{self._runs}"
            code.unlink(missing_ok=True)  # another Daemon may have had the folder
            self._log_file.write_bytes(b"")
            self.process = Fork(["twistd", *options], self.environ, self.folder, self._log_file, self._log_file, code)
            return
        # If the tests are killed, the daemon is killed too.
        command = [*self.prefix, "setpriv", "--pdeathsig", "KILL", "--", TWISTD, *options]
        with open(self._log_file, "wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=self.environ, cwd=self.folder
            )

    async def start(self) -> "Daemon":
        """Start it; returns once it listens."""
        return await self._up(r"127\.0\.0\.1")

    async def start_anywhere(self) -> "Daemon":
        """The same, of one that listens beyond loopback."""
        return await self._up(r"\S+")

    async def _up(self, host: str) -> "Daemon":
        self.spawn()

        def ports() -> dict[str, str] | None:
            assert self.process is not None and self.process.poll() is None, self.log
            found = dict(re.findall(rf"(http|websocket) listens on {host}:(\d+)", self.log))
            return found if len(found) == 2 and "is up" in self.log else None

        found = await eventually(ports, lambda: f"the daemon to listen; it has logged\n{self.log}", 60)
        assert found is not None
        self.http, self.websocket = int(found["http"]), int(found["websocket"])
        return self

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        process = self.process
        await eventually(
            lambda: process.poll() is not None, lambda: f"the daemon to end; it has logged\n{self.log}", 60
        )
        return process.returncode

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def mongod_pid(self) -> int:
        """The embedded mongod's process; 0 while there is none."""
        return int((self.data / "mongo" / "mongod.lock").read_text() or 0)

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


_shared = Kept[Daemon](Daemon.remove, modules=6)


async def shared_daemon(*, fast_lane: bool = True) -> Daemon:
    """The daemon that tests share if they need no special one."""
    return await _shared.get(fast_lane, lambda: Daemon(fast_lane=fast_lane, settings=METRICS).start())
