"""The note of the daemon that runs on a data directory: ``justchat-admin doctor`` judges that one's endpoints."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from attrs import asdict, frozen

RUNNING = "running.json"


@frozen
class RunningDaemon:
    """A daemon: its process, and when that began, in the kernel's ticks, which tells it from a later one of the same
    number; its file of settings, and its endpoints by table, both with what the command line says.
    """

    pid: int
    began: int
    config: str | None
    endpoints: Mapping[str, str]


def note_running(folder: Path, config: Path | None, endpoints: Mapping[str, str]) -> None:
    """This process is the daemon that runs on a data directory. Raises OSError."""
    pid = os.getpid()
    note = RunningDaemon(pid, _began(pid) or 0, None if config is None else str(config), endpoints)
    aside = folder / f".{RUNNING}"
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        json.dump(asdict(note), opened)
    aside.rename(folder / RUNNING)


def note_stopped(folder: Path) -> None:
    """It does not run any more. Another one's note stays."""
    found = read_running(folder)
    if found is not None and found.pid == os.getpid():
        with suppress(OSError):
            (folder / RUNNING).unlink()


def read_running(folder: Path) -> RunningDaemon | None:
    """The daemon that runs on a data directory; None where none does, or it says nothing of itself."""
    try:
        found = RunningDaemon(**json.loads((folder / RUNNING).read_text("utf-8")))
        return found if found.began and _began(found.pid) == found.began else None
    except (OSError, ValueError, TypeError):
        return None


def _began(pid: int) -> int | None:
    """When a process began, in ticks since the machine did; None where there is no such process."""
    try:
        # The name of the program, in brackets, may have anything in it.
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return None
