"""Archives of exports: ZIP files, written to the disk in a thread as their rows come, and served in parts.

They stay in a folder of this machine or, cut into parts, go where pictures are that several daemons share.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import time
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import orjson
from zope.interface import implementer

from justchat.errors import StoreAway
from justchat.interfaces.exports import IArchives, IArchiveWriter
from justchat.interfaces.pictures import IRemotePictures
from justchat.model.export import Form, Rows
from justchat.workers.thread_pool import BoundedThreadPool

PART = 2 * 1024 * 1024
"""Bytes of a part."""
WAITING = 100
"""Pieces of work in threads that may wait."""
ABANDONED = 3600.0
"""Seconds after which an unfinished archive that nobody writes to is removed."""
UNFINISHED = ".part"


@implementer(IArchiveWriter)
class ZipWriter:
    """See IArchiveWriter. It holds one page in memory."""

    def __init__(self, path: Path, threads: BoundedThreadPool) -> None:
        """To be called in a thread."""
        path.unlink(missing_ok=True)
        self._path = path
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
        self._zip = ZipFile(self._file, "w", ZIP_DEFLATED)
        self._threads = threads
        self._entry: IO[bytes] | None = None
        self._form = Form.LINES
        self._is_first = True

    async def begin(self, file: str, form: Form) -> None:
        def open_entry() -> None:
            self._entry = self._zip.open(file, "w", force_zip64=True)
            if form is Form.ARRAY:
                self._entry.write(b"[")

        self._form, self._is_first = form, True
        await self._threads.run(open_entry)

    async def write(self, rows: Rows) -> None:
        await self._threads.run(lambda: self._write(rows))

    def _write(self, rows: Rows) -> None:
        assert self._entry is not None
        encoded = [orjson.dumps(row) for row in rows()]
        if not encoded:
            return
        if self._form is Form.ARRAY:
            content = (b"\n" if self._is_first else b",\n") + b",\n".join(encoded)
        else:
            content = b"".join(row + b"\n" for row in encoded) if self._form is Form.LINES else encoded[0]
        self._is_first = False
        # At once: each write gives the GIL up and waits for it again.
        self._entry.write(content)

    async def end(self) -> None:
        def close_entry() -> None:
            assert self._entry is not None
            if self._form is Form.ARRAY:
                self._entry.write(b"]\n" if self._is_first else b"\n]\n")
            self._entry.close()

        await self._threads.run(close_entry)

    async def add(self, name: str, path: Path) -> None:
        def copy() -> None:
            # Pictures are compressed already.
            with path.open("rb") as source:
                info = ZipInfo.from_file(path, name)
                info.compress_type = ZIP_STORED
                with self._zip.open(info, "w") as entry:
                    shutil.copyfileobj(source, entry, 64 * 1024)

        await self._threads.run(copy)

    async def close(self) -> int:
        def complete() -> int:
            self._zip.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            return self._path.stat().st_size

        return await self._threads.run(complete)

    async def discard(self) -> None:
        def remove() -> None:
            with suppress(OSError, ValueError):
                if self._entry is not None:
                    self._entry.close()
            with suppress(OSError, ValueError):
                self._zip.close()
            with suppress(OSError):
                self._file.close()
            self._path.unlink(missing_ok=True)

        await self._threads.run(remove)


@implementer(IArchives)
class FolderArchives:
    """See IArchives. The archives stay in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = BoundedThreadPool("exports", threads=2, waiting=WAITING)

    def start(self) -> None:
        """Make the folder, for its owner alone, and start the threads."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.start_threads()

    def start_threads(self) -> None:
        """Start the threads alone: the folder is there."""
        self._threads.start()

    def stop(self) -> None:
        """Returns once the running work is done."""
        self._threads.stop()

    def unfinished(self, name: str) -> Path:
        """The file in which an archive is written."""
        return self._folder / f"{name}{UNFINISHED}"

    async def create(self, name: str) -> ZipWriter:
        return await self.create_at(self.unfinished(name))

    async def create_at(self, path: Path) -> ZipWriter:
        """Begin to write an archive to a file of any name."""
        return await self._threads.run(lambda: ZipWriter(path, self._threads))

    async def put(self, name: str, size: int) -> None:
        def keep() -> None:
            self.unfinished(name).replace(self._folder / name)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

        await self._threads.run(keep)

    async def read(self, name: str, part: int) -> bytes:
        try:
            return await self._threads.run(_part_of(self._folder / name, part))
        except FileNotFoundError:
            raise StoreAway from None

    async def remove(self, name: str, size: int) -> None:
        await self._threads.run(lambda: (self._folder / name).unlink(missing_ok=True))

    async def sweep(self) -> None:
        def remove_abandoned() -> None:
            for path in self._folder.glob(f"*{UNFINISHED}"):
                with suppress(FileNotFoundError):
                    if time() - path.stat().st_mtime > ABANDONED:
                        path.unlink()

        await self._threads.run(remove_abandoned)


class SharedArchives(FolderArchives):
    """See IArchives. The archives go to ``remote`` in parts, so that neither side needs memory for a whole one."""

    def __init__(self, folder: Path, remote: IRemotePictures) -> None:
        super().__init__(folder)
        self._remote = remote

    async def put(self, name: str, size: int) -> None:
        path = self.unfinished(name)
        for part in range(parts_of(size)):
            content = await self._threads.run(_part_of(path, part))
            await self._remote.put(_part_name(name, part), content)
        await self._threads.run(lambda: path.unlink(missing_ok=True))

    async def read(self, name: str, part: int) -> bytes:
        return await self._remote.get(_part_name(name, part)) or b""

    async def remove(self, name: str, size: int) -> None:
        for part in range(parts_of(size)):
            await self._remote.remove([_part_name(name, part)])


def parts_of(size: int) -> int:
    """The number of parts of an archive."""
    return -(-size // PART)


def _part_name(name: str, part: int) -> str:
    stem, _, ending = name.rpartition(".")
    return f"exports-{stem}-{part}.{ending}"


def _part_of(path: Path, part: int) -> Callable[[], bytes]:
    def read() -> bytes:
        with path.open("rb") as file:
            file.seek(part * PART)
            return file.read(PART)

    return read
