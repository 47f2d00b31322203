"""Upload bodies, written to the disk as they come, so that many uploads at once need little memory.

Uploads in progress are bounded for each address and in all, so that one client's unfinished uploads do not block
others.
"""

import errno
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import define

from justchat.errors import Busy, DiskFull

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@define
class _Usage:
    """The files and bytes in progress of one address, or of all."""

    files: int = 0
    bytes: int = 0


class Spool:
    """The folder of upload bodies.

    ``free`` is the bytes that must stay free on the disk. ``files`` and ``bytes`` bound each owner, ``all_files`` and
    ``all_bytes`` all together. An owner is an address; None has no bound of its own.
    """

    def __init__(self, folder: Path, *, free: int, files: int, bytes: int, all_files: int, all_bytes: int) -> None:
        self.folder = folder
        self._free = free
        self._files, self._all_files = files, all_files
        self._bytes, self._all_bytes = bytes, all_bytes
        self._all = _Usage()
        self._usages: dict[str, _Usage] = {}

    def check_disk(self) -> None:
        """Raises DiskFull if the disk has less than ``free`` bytes left."""
        try:
            disk = os.statvfs(self.folder)
        except OSError as error:
            raise DiskFull from error
        if disk.f_bavail * disk.f_frsize < self._free:
            raise DiskFull

    def open(self, owner: str | None) -> "SpoolFile":
        """A new file. Raises Busy if the owner, or all together, have too many; DiskFull."""
        self.check_disk()
        usage = _Usage() if owner is None else self._usages.get(owner, _Usage())
        if usage.files >= self._files or self._all.files >= self._all_files:
            raise Busy("too many uploads are under way")
        path = self.folder / secrets.token_hex(16)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise (DiskFull if error.errno in _FULL else Busy) from error
        usage.files += 1
        self._all.files += 1
        if owner is not None:
            self._usages[owner] = usage
        return SpoolFile(self, path, owner, usage)

    def reserve(self, usage: _Usage, count: int) -> None:
        """Count bytes that are about to be written. Raises Busy if they are too many."""
        if usage.bytes + count > self._bytes or self._all.bytes + count > self._all_bytes:
            raise Busy("too many bytes of uploads are under way")
        usage.bytes += count
        self._all.bytes += count

    def release(self, file: "SpoolFile") -> None:
        """Stop counting a file that is removed."""
        usage = file.usage
        usage.files -= 1
        usage.bytes -= file.size
        self._all.files -= 1
        self._all.bytes -= file.size
        if file.owner is not None and not usage.files:
            self._usages.pop(file.owner, None)


class SpoolFile:
    """A body on the disk, until it is closed. The file is opened for each write only: a process has few descriptors."""

    def __init__(self, spool: Spool, path: Path, owner: str | None, usage: _Usage) -> None:
        self.path = path
        self.owner = owner
        self.usage = usage
        self.size = 0
        self._spool = spool
        self._digest = sha256()
        self._is_closed = False

    @property
    def digest(self) -> bytes:
        """SHA-256 of the bytes written."""
        return self._digest.digest()

    def write(self, data: bytes) -> None:
        """Append bytes. Raises Busy, DiskFull."""
        self._spool.reserve(self.usage, len(data))
        self.size += len(data)
        self._digest.update(data)
        try:
            with open(self.path, "ab", buffering=0) as file:
                written = file.write(data)
        except OSError as error:
            raise (DiskFull if error.errno in _FULL else Busy) from error
        if written < len(data):
            raise DiskFull

    def tell(self) -> int:
        """The length. twisted.web asks for it after the last write."""
        return self.size

    def seek(self, place: int, whence: int = 0) -> None:
        """Does nothing. twisted.web calls it before a body is read."""

    def piece(self, at: int, length: int) -> bytes:
        """Up to ``length`` bytes from the offset ``at``. Raises Busy."""
        try:
            with open(self.path, "rb", buffering=0) as file:
                file.seek(at)
                return file.read(length)
        except OSError as error:
            raise Busy from error

    def close(self) -> None:
        """Remove the file; calling it again does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self.path.unlink(missing_ok=True)
            self._spool.release(self)
