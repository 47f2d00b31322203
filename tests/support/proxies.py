"""The proxies of etc/, as processes of their own: the samples as they are, but for addresses and files."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from tests.support.waiting import eventually

ETC = Path(__file__).parents[2] / "etc"
ROOTS = ("user haproxy", "group haproxy", "chroot /var/lib/haproxy")
"""What only root can do."""
NGINX_FOLDERS = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"


@frozen(kw_only=True)
class Front:
    """Where a proxy listens, and where it passes requests on to."""

    folder: Path
    tls: int
    plain: int
    daemons: Sequence[int]
    certificate: Path
    """With its key."""


def program(name: str) -> str | None:
    """The path of a program, also where only root's PATH has its folder; None where it is not installed."""
    beside = f"/usr/sbin/{name}"
    return shutil.which(name) or (beside if os.path.exists(beside) else None)


def listens(port: int) -> bool:
    """Whether a port of loopback accepts connections."""
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def replaced(text: str, changes: dict[str, tuple[int, str]]) -> str:
    """A text with parts replaced, each of which occurs as often as is said."""
    for written, (times, _) in changes.items():
        assert text.count(written) == times, (written, text.count(written))
    # All at once: what takes the place of one may look like another.
    parts = sorted(changes, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, parts)), lambda found: changes[found[0]][1], text)


def nginx(front: Front) -> list[str]:
    """Write the settings of nginx; returns its command."""
    folders = "".join(f"    {name}_temp_path {front.folder}/{name};\n" for name in NGINX_FOLDERS)
    sample = replaced(
        (ETC / "nginx.conf").read_text(),
        {
            "user www-data;": (1, "user www-data;" if os.geteuid() == 0 else ""),
            "/run/nginx.pid": (1, str(front.folder / "nginx.pid")),
            "/var/log/nginx/error.log": (1, "stderr"),
            "/var/log/nginx/access.log": (1, str(front.folder / "access.log")),
            "worker_processes auto;": (1, "worker_processes 2;"),
            "worker_rlimit_nofile 131072;": (1, ""),
            "worker_connections 65536;": (1, "worker_connections 1000;"),
            "http {\n": (1, f"http {{\n{folders}"),
            "listen [::]:80;": (1, ""),
            "listen [::]:443 ssl http2;": (1, ""),
            "listen 80;": (1, f"listen 127.0.0.1:{front.plain};"),
            "listen 443 ssl http2;": (1, f"listen 127.0.0.1:{front.tls} ssl http2;"),
            "/etc/ssl/chat.example.com.pem": (1, str(front.certificate)),
            "/etc/ssl/chat.example.com.key": (1, str(front.certificate)),
            "127.0.0.1:4000": (2, f"127.0.0.1:{front.daemons[0]}"),
            "127.0.0.1:4001": (2, f"127.0.0.1:{front.daemons[1]}"),
        },
    )
    # Its workers, www-data's, write large bodies there.
    front.folder.parent.chmod(0o711)
    file = front.folder / "nginx.conf"
    file.write_text(sample)
    return [str(program("nginx")), "-p", str(front.folder), "-c", str(file), "-g", "daemon off;"]


def haproxy(front: Front) -> list[str]:
    """Write the settings of HAProxy; returns its command."""
    pem = "/etc/haproxy/chat.example.com.pem"
    sample = replaced(
        (ETC / "haproxy.cfg").read_text(),
        {
            "    bind :::80 v6only\n": (1, ""),
            f"    bind :::443 v6only ssl crt {pem} alpn h2,http/1.1\n": (1, ""),
            "bind :80\n": (1, f"bind 127.0.0.1:{front.plain}\n"),
            "bind :443 ": (1, f"bind 127.0.0.1:{front.tls} "),
            pem: (2, str(front.certificate)),
            "127.0.0.1:4000": (3, f"127.0.0.1:{front.daemons[0]}"),
            "127.0.0.1:4001": (3, f"127.0.0.1:{front.daemons[1]}"),
            "maxconn 100000": (1, "maxconn 1000"),
        },
    )
    if os.geteuid() != 0:
        sample = replaced(sample, {f"    {line}\n": (1, "") for line in ROOTS})
    file = front.folder / "haproxy.cfg"
    file.write_text(sample)
    return [str(program("haproxy")), "-db", "-f", str(file)]


class Proxy:
    """A proxy that runs until ``end``."""

    def __init__(self, command: list[str], front: Front) -> None:
        self._log = front.folder / "proxy.log"
        self._front = front
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *command], stdout=log, stderr=log)

    async def start(self) -> "Proxy":
        """Returns once it listens."""
        await eventually(
            lambda: self._process.poll() is not None or listens(self._front.tls),
            lambda: f"the proxy: {self._log.read_text()}",
        )
        assert self._process.poll() is None, self._log.read_text()
        return self

    def end(self) -> None:
        self._process.terminate()  # nginx has processes of its own
        self._process.wait()
