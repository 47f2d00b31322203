"""The file of a backup: a tar archive, compressed with gzip, which any tar opens.

Its first member, ``backup.json``, says what wrote it. Its last, ``manifest.json``, has what it carries, and a SHA-256
of all members before it: of each, its name and its size in bytes, a line each, and then its content. A file without a
manifest was not written to its end.
"""

import gzip
import json
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from time import time
from typing import IO, Any

from justchat.errors import BadFile
from justchat.runtime.data_dir import sync_folder

FORMAT = 1
"""Raised when a release before could not read a backup any more."""
HEADER, MANIFEST = "backup.json", "manifest.json"
PIECE = 1024 * 1024
"""Bytes that are read from a file at once."""
LARGEST_PART = 64 * 1024 * 1024
"""Bytes of a member that is read as a whole."""
LEVEL = 4
"""Of compression: twice as fast as 6, for a twentieth more bytes."""

Document = dict[str, Any]


class BackupWriter:
    """Writes a backup beside its name, which it gets when it is whole. Only its owner may read it.

    ``check`` is called often; it raises what ends the work. Every method raises OSError.
    """

    def __init__(self, path: Path, header: Document, check: Callable[[], None]) -> None:
        self._path = path
        self._check = check
        self._unfinished = unfinished(path)
        self._unfinished.unlink(missing_ok=True)
        self._file = os.fdopen(os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._gzip = gzip.GzipFile("", "wb", LEVEL, self._file, mtime=0)
        self._tar = tarfile.TarFile(fileobj=self._gzip, mode="w", format=tarfile.PAX_FORMAT)
        self._digest = sha256()
        self.add(HEADER, _json({"format": FORMAT, **header}))

    def add(self, name: str, content: bytes) -> None:
        """Add a member with this content."""
        self._add(name, len(content), time(), BytesIO(content))

    def add_file(self, name: str, path: Path) -> bool:
        """Add a file's content. Returns whether the file is still there."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        with open(descriptor, "rb") as opened:
            status = os.fstat(opened.fileno())
            self._add(name, status.st_size, status.st_mtime, opened)
        return True

    def _add(self, name: str, size: int, changed: float, content: IO[bytes]) -> None:
        self._check()
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, int(changed), 0o600
        self._digest.update(_line(info))
        self._tar.addfile(info, _Observed(content, self._observe))  # type: ignore[arg-type]
        _forget_members(self._tar)

    def _observe(self, piece: bytes) -> None:
        self._check()
        self._digest.update(piece)

    def close(self, manifest: Document) -> int:
        """Add the manifest, and give the file its name. Returns its bytes."""
        self.add(MANIFEST, _json({**manifest, "sha256": self._digest.hexdigest()}))
        self._tar.close()
        self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        self._unfinished.rename(self._path)
        sync_folder(self._path.parent)
        return size

    def discard(self) -> None:
        """Remove what was written, unless it is whole."""
        with suppress(OSError):
            self._file.close()
        self._unfinished.unlink(missing_ok=True)


def unfinished(path: Path) -> Path:
    """The name of a backup that is being written."""
    return path.with_name(f"{path.name}.unfinished")


class _Observed:
    """A reader whose content is shown to a function, in small pieces."""

    def __init__(self, content: IO[bytes], observe: Callable[[bytes], None]) -> None:
        self._content = content
        self._observe = observe

    def read(self, size: int) -> bytes:
        piece = self._content.read(size)
        self._observe(piece)
        return piece


class Part:
    """A member of a backup, of which nothing is in memory. It can be read once, before the next one is."""

    def __init__(self, info: tarfile.TarInfo, content: IO[bytes]) -> None:
        self.name = info.name
        self.size = info.size
        self.changed = float(info.mtime)
        self._content = content

    def pieces(self) -> Iterator[bytes]:
        """Its content, PIECE by PIECE."""
        while piece := self._content.read(PIECE):
            yield piece

    def read(self) -> bytes:
        """All of it. Raises BadFile where it is larger than any that is read so."""
        if self.size > LARGEST_PART:
            raise BadFile(f"{self.name} in it has {self.size} bytes")
        return self._content.read()


def read_header(path: Path, release: str) -> Document:
    """What wrote a backup. Raises BadFile, also where that was a later release than this one."""
    with _faults_of(path), gzip.open(path) as opened, tarfile.open(fileobj=opened, mode="r|") as tar:
        first = tar.next()
        if first is None or first.name != HEADER:
            raise BadFile(f"{path} is no backup of JustChat")
        header = _document(_part(tar, first))
    written = str(header.get("release"))
    if not isinstance(header.get("format"), int) or header["format"] > FORMAT or _numbers(written) > _numbers(release):
        raise BadFile(
            f"{path} was written by JustChat {written}, a later release than this one, {release}: upgrade first"
        )
    return header


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", release)))


def verify(path: Path, check: Callable[[], None]) -> Document:
    """Read a backup to its end. Returns its manifest. Raises BadFile unless the file is whole and as it was written."""
    digest = sha256()
    manifest: Document | None = None
    with _faults_of(path), gzip.open(path) as opened, tarfile.open(fileobj=opened, mode="r|") as tar:
        while (info := _next(tar)) is not None:
            if manifest is not None:
                raise BadFile(f"{path} has something behind its manifest")
            part = _part(tar, info)
            if info.name == MANIFEST:
                manifest = _document(part)
                continue
            digest.update(_line(info))
            for piece in part.pieces():
                check()
                digest.update(piece)
        while opened.read(PIECE):  # to gzip's own checksum
            check()
    if manifest is None:
        raise BadFile(f"{path} was not written to its end")
    if manifest.get("sha256") != digest.hexdigest():
        raise BadFile(f"{path} is damaged: its checksum is another")
    return manifest


def members_of(path: Path) -> Iterator[Part]:
    """The members of a backup that was verified, without the first and the last. Raises BadFile."""
    with _faults_of(path), gzip.open(path) as opened, tarfile.open(fileobj=opened, mode="r|") as tar:
        while (info := _next(tar)) is not None:
            if info.name not in (HEADER, MANIFEST):
                yield _part(tar, info)


def _next(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    info = tar.next()
    _forget_members(tar)
    return info


def _forget_members(tar: tarfile.TarFile) -> None:
    """It would remember each of a million files. Python 3.13 has an argument for that, ``stream``."""
    tar.members.clear()  # type: ignore[attr-defined]


def _part(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Part:
    content = tar.extractfile(info) if info.isreg() else None
    if content is None:
        raise BadFile(f"{info.name} in it is no file")
    return Part(info, content)


def _document(part: Part) -> Document:
    document = json.loads(part.read())
    if not isinstance(document, dict):
        raise BadFile(f"{part.name} in it is no JSON object")
    return document


def _line(info: tarfile.TarInfo) -> bytes:
    return f"{info.name}\n{info.size}\n".encode()


def _json(document: Document) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"


class _faults_of:
    """What is raised by a file that is no whole backup, as BadFile."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, EOFError):
            raise BadFile(f"{self._path} was not written to its end") from error
        if isinstance(error, (gzip.BadGzipFile, tarfile.TarError, zlib.error)):
            raise BadFile(f"{self._path} is damaged, or no backup of JustChat: {error}") from error
        if isinstance(error, ValueError):
            raise BadFile(f"{self._path} is no backup of JustChat") from error
        if isinstance(error, OSError):
            raise BadFile(f"{self._path}: {error.strerror}") from error
