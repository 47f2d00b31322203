"""A redis-server of the tests."""

import atexit
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from tests.support.mongo import pause
from tests.support.waiting import PATIENCE, block_until

BINARY = shutil.which("redis-server")
LAUNCHES = 5
"""Ports are tried this often: one that was free may be taken before redis-server has it."""


class RedisServer:
    """A redis-server that starts at once and runs until ``end()``.

    It listens on a free TCP port of loopback and on a Unix socket; with ``certificate``, the file of a certificate and
    its key, the port speaks TLS. ``settings`` are further lines of its configuration.
    """

    def __init__(self, *settings: str, password: str | None = None, certificate: Path | None = None) -> None:
        assert BINARY is not None, "these tests need redis-server (Debian: apt-get install redis-server)"
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.socket = self.folder / "redis.sock"
        self.password = password
        self.certificate = certificate
        self.settings = settings
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.end)
        self._launch_anywhere()

    def uri(self, *, host: str = "127.0.0.1", scheme: str | None = None) -> str:
        """The URI of its TCP port."""
        return f"{scheme or ('rediss' if self.certificate else 'redis')}://{self._account}{host}:{self.port}"

    def socket_uri(self) -> str:
        """The URI of its Unix socket."""
        return f"unix://{self._account}{self.socket}"

    @property
    def _account(self) -> str:
        return f":{quote(self.password, safe='')}@" if self.password is not None else ""

    def _launch_anywhere(self) -> None:
        for _ in range(LAUNCHES):
            with socket.create_server(("127.0.0.1", 0)) as holder:
                self.port = holder.getsockname()[1]
            if self._launch():
                return
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def _launch(self) -> bool:
        """False if it has ended instead of listening."""
        self.socket.unlink(missing_ok=True)
        lines = ["bind 127.0.0.1", f"unixsocket {self.socket}", "save ''", "appendonly no", f"dir {self.folder}"]
        lines += [f"logfile {self.folder / 'log'}", *self.settings]
        if self.password is not None:
            lines.append(f"requirepass {self.password}")
        if self.certificate is None:
            lines.append(f"port {self.port}")
        else:
            lines += [f"port 0\ntls-port {self.port}\ntls-auth-clients no"]
            lines += [f"tls-cert-file {self.certificate}\ntls-key-file {self.certificate}"]
            lines += [f"tls-ca-cert-file {self.certificate}"]
        config = self.folder / "redis.conf"
        config.write_text("\n".join(lines) + "\n")
        command = ["setpriv", "--pdeathsig", "KILL", "--", str(BINARY), str(config)]
        process = self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        block_until(lambda: process.poll() is not None or self._accepts(), "redis-server to listen", 60)
        return process.poll() is None

    def _accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as attempt:
            return attempt.connect_ex(str(self.socket)) == 0

    def kill(self) -> None:
        """It ends without a word to anybody."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again at the same places, after ``kill``."""
        assert self._launch(), (self.folder / "log").read_text()[-2000:]

    def pause(self) -> None:
        """Stop it (SIGSTOP): its connections stay open."""
        assert self.process is not None
        pause(self.process.pid)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(18)

    def command(self, *words: str) -> bytes:
        """What it answers to a command of an operator."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.settimeout(PATIENCE)
            if self.password is not None:
                connection.sendall(_packed("AUTH", self.password))
                assert connection.recv(100) == b"+OK\r\n"
            connection.sendall(_packed(*words))
            return connection.recv(1 << 20)

    def end(self) -> None:
        if self.process is not None:
            self.kill()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _packed(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)
