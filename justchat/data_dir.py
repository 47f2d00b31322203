"""The data directory: made for its owner alone, and locked by whoever runs the embedded database in it."""

import fcntl
import os
from pathlib import Path

from justchat.errors import StartupError

DAEMON_LOCK = "lock"


def prepare_data_dir(folder: Path) -> None:
    """Make the data directory, for its owner alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "uploads").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StartupError(f"--data-dir: {error.filename}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StartupError(f"--data-dir: {folder}: may not be written")


def try_lock(file: Path) -> int | None:
    """Lock a file, which is made where it is missing; None where another process has it locked.

    Returns a file descriptor. The lock goes when that is closed, or with the process, however that ends.
    """
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
