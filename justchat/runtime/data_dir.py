"""The data directory: made for its owner alone, and locked by the process that runs the embedded database in it.

A file of another user in it would stop the daemon at its next start, so a process of another user is refused.
"""

import errno
import fcntl
import os
import pwd
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from justchat.errors import StartupError

DAEMON_LOCK = "lock"
BUS_FOLDER = "bus"
"""The sockets that join several workers, or a symbolic link to the folder that has them."""
UPLOADS_ID = "uploads-id"
"""The id by which the database knows the folder of pictures."""
SECRET_KEY = "payments-secret-key"  # noqa: S105  (a file)
GENERATED = (UPLOADS_ID, SECRET_KEY)
"""What a first start makes at random, and nothing could make again."""
RESTORING = "restoring"
"""There while a backup is restored into the data directory, and left by a restore that was killed."""
SHORTEST_SECRET = 32
"""Characters, at least, of a secret that we made; we make 43."""
LONGEST_SECRET = 4096


@frozen
class Owner:
    """The owner of the data. None is the present user or group; else root changes to it later (``twistd --uid``)."""

    uid: int | None = None
    gid: int | None = None

    @property
    def user(self) -> int:
        """The user's number, None resolved."""
        return os.geteuid() if self.uid is None else self.uid

    def take(self, path: Path | str) -> None:
        """Give this owner a file that we have just made."""
        if self.uid is not None or self.gid is not None:
            os.chown(path, -1 if self.uid is None else self.uid, -1 if self.gid is None else self.gid)


def prepare_data_dir(folder: Path, owner: Owner = Owner()) -> None:
    """Make the data directory, for its owner alone. Raises StartupError with one line."""
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
    """Raises StartupError where the data directory, or a file in it, belongs to another user. It need not exist.

    A path that is not in UTF-8 is refused, too: the URI of the database, and what is sent to workers, contain it.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise StartupError(f"--data-dir: {str(folder)!a} is not in UTF-8, or the locale is not") from None
    try:
        found = folder.stat().st_uid
    except PermissionError as error:
        raise StartupError(f"--data-dir: {folder} may not be looked at by {name_of(owner.user)}") from error
    except OSError:
        return  # made later, or reported then
    if found != owner.user:
        name = name_of(found)
        raise StartupError(f"--data-dir: {folder} is another user's, {name}'s; run this as {name}: sudo -u {name} …")
    with suppress(OSError):
        for path in _inside(folder):
            found = path.lstat().st_uid
            if found != owner.user:
                name = name_of(owner.user)
                raise StartupError(f"--data-dir: {path} is {name_of(found)}'s: chown -R {name} {folder}")


def bus_sockets(folder: Path) -> list[Path]:
    """The sockets that join the workers of a data directory, by paths that are short enough to connect to."""
    place = folder / BUS_FOLDER
    try:
        place = Path(os.readlink(place)) if place.is_symlink() else place
        # What a link leads to after a crash may be anybody's.
        is_ours = place.stat().st_uid == folder.stat().st_uid
    except OSError:
        return []
    return sorted(place.glob("*.sock")) if is_ours else []


def is_listening(place: Path) -> bool:
    """Whether a process accepts connections at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as attempt:
        attempt.setblocking(False)
        try:
            attempt.connect(str(place))
        except BlockingIOError:
            return True  # many connections wait to be accepted
        except OSError:
            return False
        return True


def check_restored(folder: Path) -> None:
    """Raises StartupError where a restore into the data directory began, and did not end."""
    if (folder / RESTORING).exists():
        raise StartupError(f"--data-dir: a restore into {folder} did not end; run justchat-admin restore again")


def _inside(folder: Path) -> Iterator[Path]:
    """The files that the daemon and its database must be able to open."""
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
    """The secret in a file, made at random where there is no file, and readable by its owner alone.

    It is written to a temporary file, which gets the name once it is on the disk: the file is never half written.
    Raises StartupError with one line where the file cannot be made, or its content cannot be one that we made.
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
        # A link, not a rename: where another daemon was faster, its secret stays.
        with suppress(FileExistsError):
            os.link(aside, file)
    finally:
        os.unlink(aside)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Write a folder's names to the disk: files that were made or removed in it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_secret(file: Path, owner: Owner = Owner()) -> str | None:
    """The secret in a file; None where there is no file. Raises StartupError where it cannot be one that we made."""
    if not os.path.lexists(file):
        return None

    def wrong(fault: str) -> StartupError:
        return StartupError(f"--data-dir: {file} {fault}; put the right one back, or remove it and a new one is made")

    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise wrong("is no file")
            if status.st_uid != owner.user:
                raise wrong(f"is {name_of(status.st_uid)}'s")
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise StartupError(f"--data-dir: {file} may be read by others (mode {mode:04o}): chmod 600 {file}")
            content = opened.read(LONGEST_SECRET + 1)
    except OSError as error:
        raise wrong(f"cannot be read ({error.strerror})") from error
    try:
        return _secret_in(content)
    except ValueError as error:
        raise wrong(str(error)) from None


def _secret_in(content: bytes) -> str:
    """The secret in a file's content. Raises ValueError with the fault, for a sentence that starts with the file."""
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise ValueError("is no text") from None
    if not text:
        raise ValueError("is empty")
    if not text.isprintable():
        raise ValueError("is no text")
    if len(text) < SHORTEST_SECRET or len(content) > LONGEST_SECRET:
        raise ValueError(f"has {len(content)} bytes, where a secret of ours has 43")
    return text


def try_lock(file: Path) -> int | None:
    """Lock a file, made if missing. Returns a file descriptor; None where another process has the lock.

    The lock ends when the descriptor is closed, or with the process.
    """
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
