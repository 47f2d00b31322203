"""Control groups of Linux: a process gets a share of a core, and no more (CPU bandwidth control of cgroup v1 or v2)."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.server import Failed, Missing

MOUNTS, OWN = Path("/proc/self/mounts"), Path("/proc/self/cgroup")
PERIOD_US = 5_000
"""A process runs for its share of so many microseconds, and waits for the rest of them. The kernel looks only at each
tick of its clock, so a busy process may run for a tick and then wait for several periods: its mean is right.
"""
PATIENCE = 2.0


class Controller:
    """Where this machine limits processor time; raises Missing where it does not, or not for this user."""

    def __init__(self) -> None:
        self._folder, self._is_v1 = _find()
        self._home = self._folder / _own_group(self._is_v1)
        if not self._home.is_dir():  # in a container, whose root is a group of the machine
            self._home = self._folder
        with self._group("probe", 1.0):
            pass

    @contextmanager
    def limited(self, pids: Iterable[int], share: float) -> Iterator[None]:
        """Meanwhile each of these processes has that share of a core. Their children of before are not limited."""
        with ExitStack() as stack:
            for pid in pids:
                folder = stack.enter_context(self._group(str(pid), share))
                try:
                    (folder / "cgroup.procs").write_text(str(pid))
                except OSError as error:
                    raise Failed(f"a process was not limited: {error}") from None
            yield

    @contextmanager
    def _group(self, name: str, share: float) -> Iterator[Path]:
        """A group while it is needed; what is left in it returns to the group of this process."""
        folder = self._folder / f"justchat-bench-{os.getpid()}-{name}"
        try:
            folder.mkdir()
        except OSError as error:
            raise Missing(
                f"no control group can be made ({error}): it takes root, and a cgroup that is writable"
            ) from None
        try:
            self._set(folder, share)
            yield folder
        finally:
            self._remove(folder)

    def _set(self, folder: Path, share: float) -> None:
        quota = round(PERIOD_US * share)
        files = {"cpu.cfs_period_us": f"{PERIOD_US}", "cpu.cfs_quota_us": f"{quota}"}
        if not self._is_v1:
            files = {"cpu.max": f"{quota} {PERIOD_US}"}
        for name, value in files.items():
            # Open it as it is: a group without this controller has no such file, and can have none.
            try:
                with open(folder / name, "r+") as file:
                    file.write(value)
            except OSError as error:
                raise Missing(f"control groups do not limit processor time here: {error}") from None

    def _remove(self, folder: Path) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            for pid in (folder / "cgroup.procs").read_text().split():
                try:
                    (self._home / "cgroup.procs").write_text(pid)
                except ProcessLookupError:
                    continue  # it has ended
            try:
                folder.rmdir()
            except OSError:  # a process has started another, or is still ending
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return


def _find() -> tuple[Path, bool]:
    """The root of the groups that limit processor time, and whether they are of version 1."""
    v2 = None
    for line in MOUNTS.read_text().splitlines():
        _, folder, kind, options, *_ = line.split()
        if kind == "cgroup" and "cpu" in options.split(","):
            return Path(folder), True
        if kind == "cgroup2":
            v2 = Path(folder)
    if v2 is None or "cpu" not in (v2 / "cgroup.controllers").read_text().split():
        raise Missing("no control groups that limit processor time are mounted")
    return v2, False


def _own_group(is_v1: bool) -> str:
    """The group of this process, below the root."""
    for line in OWN.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if ("cpu" in controllers.split(",")) if is_v1 else (not controllers):
            return path.removeprefix("/")
    return ""
