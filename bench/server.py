"""A server under measure: its ports, and the resources that it uses."""

import os
import re
import subprocess
from pathlib import Path


class Failed(Exception):
    """A measure failed; the others may succeed."""


class Server:
    """A process under measure. ``protocol`` is how its sockets are spoken to: ``raw`` or ``io`` (Socket.IO)."""

    protocol = "raw"
    http = websocket = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def cpu_seconds(self) -> float:
        """The processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory that it holds. (``VmRSS`` of its status lags behind, by a figure for each processor.)"""
        found = re.search(r"^Rss:\s+(\d+) kB", Path(f"/proc/{self.pid}/smaps_rollup").read_text(), re.MULTILINE)
        assert found
        return int(found[1]) * 1024
