"""twistd in the background: what is wrong is said before it forks."""

import contextlib  # a global "suppress" would be a setting of trial's
import os
import re
import signal
import subprocess
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.client import eventually, request
from tests.support.daemon import LOOPBACK, TWISTD
from tests.support.starting import StartCase, free_port, processes


class Daemonized(StartCase):
    """Without --nodaemon: the process started forks, and is judged by its exit code."""

    def setUp(self) -> None:
        super().setUp()
        self.pid_file, self.log_file = self.folder / "pid", self.folder / "log"
        self.addCleanup(self.end)

    async def end(self) -> None:
        for pid in processes(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        await self.gone()

    async def gone(self) -> None:
        await eventually(lambda: not processes(self.folder), "every process to end")

    async def launch(self, *options: str) -> tuple[int, str]:
        """The exit code and the output of the process that forks."""
        command = [TWISTD, f"--pidfile={self.pid_file}", "-l", str(self.log_file), "justchat"]
        command += ["--data-dir", str(self.data), "--http", LOOPBACK, "--websocket", LOOPBACK, *options]
        output = self.folder / "output"
        parent = self.spawn(command, output)
        for _ in range(3000):
            if parent.poll() is not None:
                return parent.returncode, output.read_text()
            await deferLater(reactor, 0.02)
        raise AssertionError(f"it does not fork: {output.read_text()}")

    def spawn(self, command: list[str], output: Path) -> "subprocess.Popen[bytes]":
        with open(output, "wb") as opened:
            return subprocess.Popen(command, stdout=opened, stderr=subprocess.STDOUT, cwd=self.folder)

    async def launched(self) -> int:
        """A daemon that is up; its HTTP port."""
        code, output = await self.launch()
        self.assertEqual((0, ""), (code, output))
        for _ in range(1500):
            found = dict(re.findall(r"(http|websocket) listens on 127\.0\.0\.1:(\d+)", self.log_file.read_text()))
            if len(found) == 2:
                return int(found["http"])
            await deferLater(reactor, 0.02)
        raise AssertionError(f"it does not listen: {self.log_file.read_text()}")

    async def refused(self, *options: str) -> str:
        """The one line of the process started, once that has failed and nothing is left running."""
        code, output = await self.launch(*options)
        self.assertGreater(code, 0, output)
        await self.gone()
        self.assertFalse(self.pid_file.exists())
        return self.one_line(output)

    async def test_port_in_use(self) -> None:
        """A port that somebody else has is one line of the process started."""
        for table in ("http", "websocket"):
            endpoint = self.a_port_in_use()

            line = await self.refused(f"--{table}", endpoint)

            self.assertIn(f"[{table}] endpoint", line)
            self.assertIn(endpoint, line)

    async def test_wrong_setting(self) -> None:
        """A wrong setting is one line of the process started."""
        line = await self.refused("--config", self.a_config("[limits]\ntext = 'long'\n"))

        self.assertIn("[limits] text", line)

    async def test_mongo_refuses(self) -> None:
        """A MongoDB that nobody answers at is one line of the process started."""
        line = await self.refused("--mongo", f"mongodb://127.0.0.1:{free_port()}/chat")

        self.assertIn("[mongo] uri", line)

    async def test_broken_database(self) -> None:
        """A daemon whose database cannot start ends and says so in its log."""
        (self.data / "mongo").mkdir(parents=True)
        for name in ("WiredTiger", "WiredTiger.turtle"):
            (self.data / "mongo" / name).write_bytes(b"garbage" * 100)

        await self.launch()

        await self.gone()
        self.assertIn("justchat: the embedded database did not start", self.log_file.read_text())

    async def test_ready(self) -> None:
        """A daemon that forked answers /readyz."""
        port = await self.launched()

        answer = await request(port, "GET", "/readyz")

        self.assertEqual(200, answer.status)

    async def test_stop(self) -> None:
        """Stopped by its pid file, it removes that, and its database ends with it."""
        await self.launched()

        os.kill(int(self.pid_file.read_text()), signal.SIGTERM)

        await self.gone()
        self.assertFalse(self.pid_file.exists())
