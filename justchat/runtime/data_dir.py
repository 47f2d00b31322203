"""The data directory: made for its owner alone, locked by whoever runs the embedded database in it; what we keep there.

A file of another user's in it would stop the daemon at its next start, so whoever is not its owner is refused.
"""

import errno
import fcntl
import os
import pwd
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from justchat.errors import StartupError

DAEMON_LOCK = "lock"
SECRET_KEY = "payments-secret-key"  # noqa: S105  (a file)
SHORTEST_SECRET = 32
"""Characters of a secret of ours; we make 43."""
LONGEST_SECRET = 4096


@frozen
class Owner:
    """Whose the data are. None is who we are already; else root is to become somebody (``twistd --uid``)."""

    uid: int | None = None
    gid: int | None = None

    @property
    def is_to_be(self) -> int:
        """The user's number."""
        return os.geteuid() if self.uid is None else self.uid

    def take(self, path: Path | str) -> None:
        """Make a file that we have just made this owner's."""
        if self.uid is not None or self.gid is not None:
            os.chown(path, -1 if self.uid is None else self.uid, -1 if self.gid is None else self.gid)


def prepare_data_dir(folder: Path, owner: Owner = Owner()) -> None:
    """Make the data directory, for its owner alone. Raises StartupError, with one line."""
    check_owner(folder, owner)
    try:
        for path in (*reversed([parent for parent in folder.parents if not parent.exists()]), folder):
            _make(path, owner)
        _make(folder / "uploads", owner)
    except OSError as error:
        raise StartupError(f"--data-dir: {error.filename}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StartupError(f"--data-dir: {folder}: may not be written")


def _make(folder: Path, owner: Owner) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        owner.take(folder)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def check_owner(folder: Path, owner: Owner = Owner()) -> None:
    """Whether the data directory, where there is one, and what lies in it are its owner's. Raises StartupError."""
    try:
        found = folder.stat().st_uid
    except OSError:
        return  # made later, or told of then
    if found != owner.is_to_be:
        name = name_of(found)
        raise StartupError(f"--data-dir: {folder} is another user's, {name}'s; run this as {name}: sudo -u {name} …")
    with suppress(OSError):
        for path in _inside(folder):
            found = path.lstat().st_uid
            if found != owner.is_to_be:
                name = name_of(owner.is_to_be)
                raise StartupError(f"--data-dir: {path} is {name_of(found)}'s: chown -R {name} {folder}")


def _inside(folder: Path) -> Iterator[Path]:
    """What the daemon and its database must be able to open."""
    yield from folder.iterdir()
    if (folder / "mongo").is_dir():
        yield from (folder / "mongo").iterdir()


def name_of(uid: int) -> str:
    """A user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def generated_secret(file: Path, owner: Owner = Owner()) -> str:
    """A secret of ours: made at random on first start and kept, for its owner's eyes alone.

    It is written aside and gets its name when it is whole on the disk, so none is ever half there. Raises StartupError,
    with one line, where it cannot be made, or what is there cannot have been made by us.
    """
    if not os.path.lexists(file):
        try:
            _write_whole(file, secrets.token_urlsafe(32), owner)
        except OSError as error:
            raise StartupError(f"--data-dir: {file} cannot be made: {error.strerror}") from error
    return check_secret(file, owner) or ""


def _write_whole(file: Path, text: str, owner: Owner) -> None:
    handle, aside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with open(handle, "w") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(handle)
        owner.take(aside)
        # Not renamed: where another daemon was faster, its secret is the one.
        with suppress(FileExistsError):
            os.link(aside, file)
    finally:
        os.unlink(aside)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Names made or taken away in a folder are on the disk when this returns."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_secret(file: Path, owner: Owner = Owner()) -> str | None:
    """The secret of this file; None where there is none yet. Raises StartupError where it cannot be one of ours."""
    if not os.path.lexists(file):
        return None

    def wrong(why: str) -> StartupError:
        return StartupError(f"--data-dir: {file} {why}; put the right one back, or remove it and a new one is made")

    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise wrong("is no file")
            if status.st_uid != owner.is_to_be:
                raise wrong(f"is {name_of(status.st_uid)}'s")
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise StartupError(f"--data-dir: {file} may be read by others (mode {mode:04o}): chmod 600 {file}")
            content = opened.read(LONGEST_SECRET + 1)
    except OSError as error:
        raise wrong(f"cannot be read ({error.strerror})") from error
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise wrong("is no text") from None
    if not text:
        raise wrong("is empty")
    if not text.isprintable():
        raise wrong("is no text")
    if len(text) < SHORTEST_SECRET or len(content) > LONGEST_SECRET:
        raise wrong(f"has {len(content)} bytes, where a secret of ours has 43")
    return text


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
