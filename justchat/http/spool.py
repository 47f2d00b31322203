"""Bodies of uploads, on the disk as they come: however many are under way, they hold little memory.

What is under way is bounded by who sends it and in all, so that nobody's unfinished uploads keep others' out.
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
class _Share:
    """What somebody has under way."""

    files: int = 0
    bytes: int = 0


class Spool:
    """A folder of bodies. ``free`` is the bytes that the disk must have left; the others bound each owner, and all.

    An owner is an address; None is not bounded by itself.
    """

    def __init__(self, folder: Path, *, free: int, files: int, bytes: int, all_files: int, all_bytes: int) -> None:
        self.folder = folder
        self._free = free
        self._files, self._all_files = files, all_files
        self._bytes, self._all_bytes = bytes, all_bytes
        self._all = _Share()
        self._shares: dict[str, _Share] = {}

    def check_disk(self) -> None:
        """Raises DiskFull where the disk has less than is to be left free."""
        try:
            disk = os.statvfs(self.folder)
        except OSError as error:
            raise DiskFull from error
        if disk.f_bavail * disk.f_frsize < self._free:
            raise DiskFull

    def open(self, owner: str | None) -> "SpoolFile":
        """A new file. Raises Busy where the owner, or all, have too many; DiskFull."""
        self.check_disk()
        share = _Share() if owner is None else self._shares.get(owner, _Share())
        if share.files >= self._files or self._all.files >= self._all_files:
            raise Busy("too many uploads are under way")
        path = self.folder / secrets.token_hex(16)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise (DiskFull if error.errno in _FULL else Busy) from error
        share.files += 1
        self._all.files += 1
        if owner is not None:
            self._shares[owner] = share
        return SpoolFile(self, path, owner, share)

    def take(self, share: _Share, count: int) -> None:
        """Raises Busy where that is too much."""
        if share.bytes + count > self._bytes or self._all.bytes + count > self._all_bytes:
            raise Busy("too many bytes of uploads are under way")
        share.bytes += count
        self._all.bytes += count

    def give_back(self, file: "SpoolFile") -> None:
        """The file is gone."""
        share = file.share
        share.files -= 1
        share.bytes -= file.size
        self._all.files -= 1
        self._all.bytes -= file.size
        if file.owner is not None and not share.files:
            self._shares.pop(file.owner, None)


class SpoolFile:
    """A body on the disk, until it is closed. No file is held open meanwhile: a process has few of those."""

    def __init__(self, spool: Spool, path: Path, owner: str | None, share: _Share) -> None:
        self.path = path
        self.owner = owner
        self.share = share
        self.size = 0
        self._spool = spool
        self._digest = sha256()
        self._is_closed = False

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was written."""
        return self._digest.digest()

    def write(self, data: bytes) -> None:
        """Raises Busy, DiskFull."""
        self._spool.take(self.share, len(data))
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
        """What twisted.web asks of a body: its length, as it has been written to its end."""
        return self.size

    def seek(self, place: int, whence: int = 0) -> None:
        """Does nothing; twisted.web asks for it before a body is read."""

    def piece(self, at: int, length: int) -> bytes:
        """Some of what was written. Raises Busy."""
        try:
            with open(self.path, "rb", buffering=0) as file:
                file.seek(at)
                return file.read(length)
        except OSError as error:
            raise Busy from error

    def close(self) -> None:
        """Remove it; again is no error."""
        if not self._is_closed:
            self._is_closed = True
            self.path.unlink(missing_ok=True)
            self._spool.give_back(self)
