"""twistd in the background: errors are reported before it forks."""

import contextlib  # a global "suppress" would be a setting of trial's
import os
import re
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.chat import a_phone
from tests.support.client import call, request
from tests.support.daemon import LOOPBACK, TWISTD
from tests.support.starting import StartCase, free_port, processes
from tests.support.waiting import eventually

SOCKET_UNIT = Path(__file__).parents[2] / "etc" / "justchat.socket"


class Daemonized(StartCase):
    """Without --nodaemon: the started process forks, and its exit code is the result."""

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

    async def launch(self, *options: str, prefix: Sequence[str] = (), keep: Sequence[int] = ()) -> tuple[int, str]:
        """The exit code and the output of the process that forks."""
        command = [*prefix, TWISTD, f"--pidfile={self.pid_file}", "-l", str(self.log_file), "justchat"]
        command += ["--data-dir", str(self.data), "--http", LOOPBACK, "--websocket", LOOPBACK, *options]
        output = self.folder / "output"
        parent = self.spawn(command, output, keep)
        await eventually(lambda: parent.poll() is not None, lambda: f"a fork: {output.read_text()}", 60)
        return parent.returncode, output.read_text()

    def spawn(self, command: list[str], output: Path, keep: Sequence[int]) -> "subprocess.Popen[bytes]":
        with open(output, "wb") as opened:
            return subprocess.Popen(
                command, stdout=opened, stderr=subprocess.STDOUT, cwd=self.folder, pass_fds=tuple(keep)
            )

    async def up(self, *options: str, prefix: Sequence[str] = (), keep: Sequence[int] = ()) -> str:
        """What a daemon has logged once it is up."""
        code, output = await self.launch(*options, prefix=prefix, keep=keep)
        self.assertEqual((0, ""), (code, output))

        def listens() -> bool:
            self.assertTrue(processes(self.folder), self.log_file.read_text())
            return "websocket listens on" in self.log_file.read_text()

        await eventually(listens, lambda: f"a daemon that listens: {self.log_file.read_text()}", 30)
        return self.log_file.read_text()

    async def stopped(self) -> None:
        """Stop the one that is up; its log is begun anew by the next."""
        os.kill(int(self.pid_file.read_text()), signal.SIGTERM)
        await self.gone()
        self.assertFalse(self.pid_file.exists())
        self.log_file.unlink()

    async def refused(self, *options: str) -> str:
        """The one line of the process started, once that has failed and nothing is left running."""
        code, output = await self.launch(*options)
        self.assertGreater(code, 0, output)
        await self.gone()
        self.assertFalse(self.pid_file.exists())
        return self.one_line(output)

    async def test_port_in_use(self) -> None:
        """A port in use is one line of the started process."""
        for table in ("http", "websocket"):
            endpoint = self.a_port_in_use()

            line = await self.refused(f"--{table}", endpoint)

            self.assertIn(f"[{table}] endpoint", line)
            self.assertIn(endpoint, line)
            self.assertIn(f"take another one by --{table} tcp:", line)

    async def test_fixed_ports(self) -> None:
        """It listens on the configured ports, plain and by TLS, by IPv4 and IPv6. Stopped by its pid file, it removes
        that file, and its database ends with it.
        """
        pair = Authority(self.folder).issue("localhost")
        tls = f"privateKey={pair}:certKey={pair}"
        plain, encrypted = "tcp:{}:interface=127.0.0.1", f"ssl:{{}}:interface=127.0.0.1:{tls}"
        for kinds in ((plain, encrypted), (encrypted, "tcp6:{}:interface=\\:\\:1")):
            ports = [free_port(), free_port()]
            http, websocket = [kind.format(port) for kind, port in zip(kinds, ports, strict=True)]

            await self.up("--http", http, "--websocket", websocket)

            for kind, port in zip(kinds, ports, strict=True):
                socket.create_connection(("::1" if "tcp6" in kind else "127.0.0.1", port), 10).close()
            await self.stopped()

    async def test_fixed_ports_in_use(self) -> None:
        """A second daemon on the same ports is refused, and the first, which has forked, answers /readyz."""
        http = free_port()
        await self.up("--http", f"tcp:{http}:interface=127.0.0.1")

        second = self.a_daemon("--data-dir", str(self.folder / "other"), "--http", f"tcp:{http}:interface=127.0.0.1")
        second.spawn()
        self.assertGreater(await second.ended(), 0)

        self.assertIn(f"--http tcp:{http + 1}:interface=127.0.0.1", self.one_line(second.log))
        self.assertEqual(200, (await request(http, "GET", "/readyz")).status)

    async def test_handed_over(self) -> None:
        """It listens on sockets that systemd has bound for it."""
        with socket.create_server(("127.0.0.1", 0)) as bound:
            fd = bound.fileno()
            script = f'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http exec "$@" 3<&{fd}'
            await self.up("--http", "systemd:domain=INET:index=0", prefix=["bash", "-c", script, "bash"], keep=[fd])

            answer = await request(bound.getsockname()[1], "GET", "/readyz")

        self.assertEqual(200, answer.status)

    async def test_socket_unit(self) -> None:
        """It listens on the sockets of etc/justchat.socket, by the endpoints that this names."""
        unit = SOCKET_UNIT.read_text()
        http, websocket = re.findall(r'^#   endpoint = "(.*)"$', unit, re.MULTILINE)
        self.assertEqual(2, len(re.findall("^ListenStream=", unit, re.MULTILINE)))
        bound = [socket.create_server(("::1", 0), family=socket.AF_INET6) for _ in range(2)]
        try:
            fds = [each.fileno() for each in bound]
            # Copied out of the way first: 3 may be one of them.
            copies = f"98<&{fds[0]} 99<&{fds[1]}"
            script = f'exec {copies}; exec 3<&98 4<&99 98<&- 99<&-; LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"'
            environ = "LISTEN_FDNAMES=justchat.socket:justchat.socket"
            command = ["env", environ, "bash", "-c", script, "bash"]
            await self.up("--http", http, "--websocket", websocket, prefix=command, keep=fds)

            for each in bound:
                with socket.create_connection(each.getsockname()[:2], 30) as client:
                    client.sendall(b"GET /socket HTTP/1.1\r\nHost: x\r\n\r\n")
                    self.assertEqual(b"HTTP/1.1 ", client.recv(9, socket.MSG_WAITALL))
        finally:
            for each in bound:
                each.close()

    async def test_unix_socket(self) -> None:
        """It listens on Unix sockets; one that cannot be used is one line of the started process."""
        path = self.folder / "http.sock"
        await self.up("--http", f"unix:{path}")

        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        for wrong in (path, self.folder / "missing" / "http.sock"):
            other = self.a_daemon("--data-dir", str(self.folder / "other"), "--http", f"unix:{wrong}")
            other.spawn()
            self.assertGreater(await other.ended(), 0)
            self.assertIn("[http] endpoint: cannot listen on unix:", self.one_line(other.log))

    async def test_wrong_setting(self) -> None:
        """A wrong setting is one line of the started process."""
        line = await self.refused("--config", self.a_config("[limits]\ntext = 'long'\n"))

        self.assertIn("[limits] text", line)

    async def test_mongo_refuses(self) -> None:
        """An unreachable MongoDB is one line of the started process."""
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

    async def test_workers(self) -> None:
        """Several workers run in the background like one; their lines are in the one log."""
        log = await self.up("--workers", "2")

        port = int(re.findall(r"http listens on 127\.0\.0\.1:(\d+)", log)[0])
        self.assertEqual(200, (await request(port, "GET", "/readyz")).status)
        await call(port, "/init/reg", {"phone": a_phone()})
        await eventually(lambda: re.search("worker [12]: an SMS to", self.log_file.read_text()), "a line of a worker")
        self.assertGreaterEqual(len(processes(self.data)), 4)  # the parent, mongod and two workers
        await self.stopped()
