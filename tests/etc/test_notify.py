"""Notifications to systemd (sd_notify(3)), from a real daemon to a test in the place of systemd."""

import re
import secrets
import signal
import socket
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import Daemon
from tests.support.waiting import block_until

PATIENCE = 60.0
"""Seconds that something which must happen is waited for: the machine may be busy."""
WATCHDOG_USEC = "600000"


def get(connection: socket.socket, path: str) -> bytes:
    """The status line of an answer."""
    with connection:
        connection.settimeout(PATIENCE)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return connection.makefile("rb").readline().rstrip()


class Systemd:
    """The socket that ``$NOTIFY_SOCKET`` names; ``@`` for one without a file."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.received: list[str] = []

    def receive(self) -> bool:
        """Read what has come; return whether anything ever did."""
        self.socket.setblocking(False)
        try:
            while True:
                self.received += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return bool(self.received)

    def count(self, state: str) -> int:
        self.receive()
        return self.received.count(state)

    def wait_for(self, state: str, times: int = 1) -> None:
        block_until(lambda: self.count(state) >= times, state, PATIENCE)


class NotifyTests(SynchronousTestCase):
    def setUp(self) -> None:
        # trial's own folder may be too deep for the name of a socket.
        self.folder = tempfile.TemporaryDirectory(prefix="jc-")
        self.addCleanup(self.folder.cleanup)

    def run_under(self, address: str, *options: str) -> tuple[Systemd, Daemon]:
        systemd = Systemd(address)
        self.addCleanup(systemd.socket.close)
        daemon = Daemon(*options, environ={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": WATCHDOG_USEC})
        self.addCleanup(self.end, daemon)
        daemon.spawn()
        return systemd, daemon

    def end(self, daemon: Daemon) -> None:
        """Stop it if it still runs: a killed daemon's mongod would take a while to end."""
        assert daemon.process is not None
        daemon.process.terminate()
        try:
            daemon.process.wait(PATIENCE)
        finally:
            daemon.remove()

    def started(self, *options: str) -> tuple[Systemd, Daemon]:
        """A daemon that has sent READY=1 to a socket with a file."""
        systemd, daemon = self.run_under(f"{self.folder.name}/notify", *options)
        systemd.wait_for("READY=1")
        return systemd, daemon

    def test_ready(self) -> None:
        """When READY=1 comes, /readyz answers 200."""
        _, daemon = self.started()

        port = re.search(r"http listens on 127\.0\.0\.1:(\d+)", daemon.log)
        assert port is not None, daemon.log
        status = get(socket.create_connection(("127.0.0.1", int(port[1])), PATIENCE), "/readyz")

        self.assertEqual(status, b"HTTP/1.1 200 OK")

    def test_not_before_ready(self) -> None:
        """A request before READY=1 is answered after it."""
        path = Path(self.folder.name, "http")
        systemd, _ = self.run_under(f"{self.folder.name}/notify", "--http", f"unix:{path}")
        connection = socket.socket(socket.AF_UNIX)
        # Its file is there a moment before it listens.
        block_until(lambda: connection.connect_ex(str(path)) == 0, "the HTTP socket", PATIENCE)
        self.assertEqual(systemd.count("READY=1"), 0, "the test came too late")

        status = get(connection, "/readyz")

        self.assertEqual((status, systemd.count("READY=1")), (b"HTTP/1.1 200 OK", 1))

    def test_main_pid(self) -> None:
        """READY=1 comes with the daemon's own process id, whatever started it."""
        systemd, daemon = self.started()
        assert daemon.process is not None

        self.assertIn(f"MAINPID={daemon.process.pid}", systemd.received)

    def test_abstract(self) -> None:
        """An abstract socket gets READY=1 as well."""
        systemd, _ = self.run_under(f"@justchat-{secrets.token_hex(8)}")

        systemd.wait_for("READY=1")

    def test_watchdog(self) -> None:
        """WATCHDOG=1 comes twice in each watchdog interval."""
        systemd, _ = self.started()
        since = time.monotonic()

        systemd.wait_for("WATCHDOG=1", times=5)

        # The first comes at once, then four pauses of 0.3 s.
        self.assertGreater(time.monotonic() - since, 0.9)

    def test_workers(self) -> None:
        """Of several workers, READY=1 comes once, from their parent, when all accept connections."""
        systemd, daemon = self.started("--workers", "2")
        assert daemon.process is not None

        systemd.wait_for("WATCHDOG=1", times=2)

        self.assertEqual(1, systemd.count("READY=1"))
        self.assertIn(f"MAINPID={daemon.process.pid}", systemd.received)
        states = [line for line in systemd.received if line.startswith(("STATUS=", "READY=1"))]
        self.assertEqual("STATUS=2 of 2 workers accept connections", states[-2])

    def test_stopping(self) -> None:
        """After SIGTERM comes STOPPING=1."""
        systemd, daemon = self.started()
        assert daemon.process is not None
        self.assertEqual(systemd.count("STOPPING=1"), 0)

        daemon.process.terminate()

        systemd.wait_for("STOPPING=1")

    def test_end(self) -> None:
        """After SIGTERM the daemon stops cleanly within 8 seconds."""
        _, daemon = self.started()
        assert daemon.process is not None

        daemon.process.terminate()
        code = daemon.process.wait(8)

        # twistd, once all has been stopped, ends itself by the signal that it was sent; systemd takes both as success.
        self.assertIn(code, (0, -signal.SIGTERM))
        self.assertIn("JustChat has stopped", daemon.log)

    def test_mongod_is_gone(self) -> None:
        """When the daemon has ended, so has its mongod."""
        _, daemon = self.started()
        assert daemon.process is not None
        process = Path(f"/proc/{daemon.mongod_pid()}")
        self.assertIn("mongod", (process / "comm").read_text())

        daemon.process.terminate()
        daemon.process.wait(PATIENCE)

        self.assertFalse(process.exists())
