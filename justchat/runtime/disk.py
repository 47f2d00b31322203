"""The room on the disk of the data directory."""

import os
from collections.abc import Callable
from pathlib import Path

FULL = 64 * 1024 * 1024
"""Bytes. With less, the embedded database may stop at any moment."""
KNOWN_FOR = 2.0
"""Seconds."""


class DiskState:
    """Says whether the disk of a folder has room: ``ok``, ``low`` below ``low`` bytes, ``full``, or ``away``."""

    def __init__(self, folder: Path, low: int, seconds: Callable[[], float]) -> None:
        self._folder = folder
        self._low = low
        self._seconds = seconds
        self._state = "ok"
        self._until = float("-inf")

    def __call__(self) -> str:
        """The state, at most KNOWN_FOR seconds old."""
        now = self._seconds()
        if now >= self._until:
            self._state, self._until = disk_state(self._folder, self._low), now + KNOWN_FOR
        return self._state


def free_bytes(folder: Path) -> int:
    """Bytes that are free for the daemon. Raises OSError."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def disk_state(folder: Path, low: int) -> str:
    """See DiskState."""
    try:
        free = free_bytes(folder)
    except OSError:
        return "away"
    if free < FULL:
        return "full"
    return "low" if free < low else "ok"
