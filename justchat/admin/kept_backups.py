"""Backups in a folder: their names, and the removal of all but the latest."""

import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from justchat.model.moment import Moment

_NAME = re.compile(r"justchat-\d{8}T\d{6}Z\.tar\.gz")
_REST = re.compile(_NAME.pattern + r"\.(unfinished|database)")
OLD = 24 * 60 * 60
"""Seconds after which what a backup that was killed left behind is nobody's present work."""


def file_in(folder: Path, at: Moment) -> Path:
    """The file of a backup that begins at a moment. Names sort by time."""
    return folder / f"justchat-{at:%Y%m%dT%H%M%SZ}.tar.gz"


def remove_all_but(folder: Path, keep: int) -> list[Path]:
    """Remove all backups of such names but the latest, and what killed ones left. Returns those removed. Raises
    OSError.
    """
    found = sorted(file for file in folder.iterdir() if _NAME.fullmatch(file.name))
    removed = found[: max(0, len(found) - keep)]
    for file in removed:
        file.unlink(missing_ok=True)
    for rest in folder.iterdir():
        if _REST.fullmatch(rest.name) and rest.stat().st_mtime < time.time() - OLD:
            if rest.is_dir():
                shutil.rmtree(rest, ignore_errors=True)
            else:
                with suppress(FileNotFoundError):
                    rest.unlink()
    return removed
