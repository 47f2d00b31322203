"""A server under measure: its ports, and the resources that it uses."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


class Failed(Exception):
    """A measure failed; the others may succeed."""


class Missing(Exception):
    """A requirement of a measure is not installed; that is not a failure."""


class Server:
    """A process under measure. ``protocol`` is how its sockets are spoken to: ``raw`` or ``io`` (Socket.IO).

    ``pinned``: it has a core, and the load has the other.
    """

    protocol = "raw"
    pinned = True
    http = websocket = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def cpu_seconds(self) -> float:
        """The processor time that it has used."""
        return cpu_seconds(self.pid)

    def serving(self) -> list[int]:
        """The processes that serve clients."""
        return [self.pid]

    def serving_seconds(self) -> float:
        """The processor time that these have used."""
        return sum(map(cpu_seconds, self.serving()))

    def resident(self) -> int:
        """Bytes of memory that it holds. (``VmRSS`` of its status lags behind, by a figure for each processor.)"""
        found = re.search(r"^Rss:\s+(\d+) kB", Path(f"/proc/{self.pid}/smaps_rollup").read_text(), re.MULTILINE)
        assert found
        return int(found[1]) * 1024


class Together(Server):
    """Servers that are one for their clients."""

    def __init__(self, servers: Sequence[Server]) -> None:
        first = servers[0]
        self.servers = servers
        self.protocol, self.pinned, self.http, self.websocket = (
            first.protocol,
            first.pinned,
            first.http,
            first.websocket,
        )

    def cpu_seconds(self) -> float:
        return sum(server.cpu_seconds() for server in self.servers)

    def serving(self) -> list[int]:
        return [pid for server in self.servers for pid in server.serving()]


def cpu_seconds(pid: int) -> float:
    """The processor time of the threads that a process has now. (``stat`` counts in hundredths of a second.)"""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue  # threads come and go
    return total / 1e9


def machine_seconds() -> float:
    """The processor time that is gone on all cores, whoever used it; another machine on the same host may have.

    It is what is not idle: that is exact, while the kernel samples what it counts as used.
    """
    fields = Path("/proc/stat").read_text().split(maxsplit=6)
    idle = int(fields[4]) + int(fields[5])  # the second while a disk works
    return time.monotonic() * (os.cpu_count() or 1) - idle / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> dict[int, str]:
    """The processes that a process has started, with their names."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found[int(child)] = Path(f"/proc/{child}/comm").read_text().strip()
    return found
