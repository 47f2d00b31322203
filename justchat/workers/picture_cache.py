"""A store of pictures that several daemons share, with a bounded folder on this machine from which they are served.

The folder has copies alone: what is in it can be lost. Each copy is a whole picture, under a name that no other picture
ever has. Of a picture that was removed, a copy is served for COPY_AGE at most.
"""

import os
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from zope.interface import implementer

from justchat.errors import Busy, DiskFull
from justchat.interfaces.pictures import IPictureRecords, IPictureStore, IRemotePictures
from justchat.limits.semaphore import Semaphore
from justchat.workers.picture_folder import names_of
from justchat.workers.thread_pool import BoundedThreadPool

T = TypeVar("T")
TRANSFERS = 8
"""Pictures that are sent to the shared store at once, and that are fetched from it."""
WAITING = 200
"""Transfers in each direction that may wait for a turn."""
PATIENCE = 10.0
"""Seconds that a transfer waits for its turn."""
COPY_AGE = 3600.0
"""Seconds after which a copy is removed. It is fetched again when somebody asks for the picture."""
SWEEP_EVERY = 60.0
"""Seconds between two sweeps. A copy that makes the folder too large causes one at once."""


class _Turns:
    """At most TRANSFERS at once, and WAITING more in a queue."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._semaphore = Semaphore(TRANSFERS)

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Raises Busy where the queue is full or slow, and what ``work`` raises."""
        if self._semaphore.waiting >= WAITING:
            raise Busy
        try:
            await self._semaphore.acquire().addTimeout(PATIENCE, self._reactor)
        except TimeoutError as error:
            raise Busy from error
        try:
            return await work()
        finally:
            self._semaphore.release()


@implementer(IPictureStore)
class PictureCache:
    """See IPictureStore. ``remote`` has the pictures; ``folder`` has copies, of at most ``size`` bytes.

    ``former`` is a folder where this daemon stored pictures before it shared a store; it is read alone.
    """

    def __init__(
        self,
        remote: IRemotePictures,
        records: IPictureRecords,
        reactor: Any,
        *,
        folder: Path,
        former: Path,
        size: int,
    ) -> None:
        self.folder = folder
        self._remote = remote
        self._records = records
        self._former = former
        self._size = size
        self._used = 0
        self._threads = BoundedThreadPool("picture copies", threads=2, waiting=4 * TRANSFERS + 1)
        self._sending = _Turns(reactor)
        self._fetching = _Turns(reactor)
        self._fetches: dict[str, list[Deferred[Path | None]]] = {}
        """By name: who waits for a picture that is being fetched."""
        self._sweeping = False

    async def start(self) -> None:
        """Make the folder. Raises OSError, and what the start of the remote place raises."""
        await self._remote.start()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._threads.start()
        await self.sweep()

    def stop(self) -> None:
        """Returns once the running threads are done."""
        self._threads.stop()

    async def put(self, name: str) -> None:
        """See IPictureStore."""
        file = self.folder / name
        try:
            await self._sending.run(lambda: self._send(name, file))
        except BaseException as error:
            file.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise Busy from error
            raise

    async def _send(self, name: str, file: Path) -> None:
        content = await self._threads.run(file.read_bytes)
        await self._remote.put(name, content)
        self._count(len(content))

    async def find(self, name: str) -> Path | None:
        """See IPictureStore."""
        for folder in (self.folder, self._former):
            if (folder / name).is_file():
                return folder / name
        # A Deferred each: the request of one may be cancelled.
        found: Deferred[Path | None] = Deferred()
        if name in self._fetches:
            self._fetches[name].append(found)
        else:
            self._fetches[name] = [found]
            Deferred.fromCoroutine(self._find_remote(name)).addBoth(self._deliver, name)
        return await found

    def _deliver(self, result: Any, name: str) -> None:
        for each in self._fetches.pop(name):
            each.callback(result)  # a Failure is an errback

    async def _find_remote(self, name: str) -> Path | None:
        # Before a turn: names that somebody makes up are no work for a store that is slow.
        if not await self._records.has(name.partition(".")[0]):
            return None
        return await self._fetching.run(lambda: self._fetch(name))

    async def _fetch(self, name: str) -> Path | None:
        content = await self._remote.get(name)
        if content is None:
            return None
        file = self.folder / name
        try:
            await self._threads.run(lambda: _write_whole(file, content))
        except OSError as error:
            raise DiskFull from error
        self._count(len(content))
        return file

    async def remove(self, stem: str) -> None:
        """See IPictureStore."""
        await self._remote.remove(names_of(stem))
        for name in names_of(stem):
            for folder in (self.folder, self._former):
                (folder / name).unlink(missing_ok=True)

    def _count(self, size: int) -> None:
        self._used += size
        if self._used > self._size and not self._sweeping:
            Deferred.fromCoroutine(self.sweep()).addErrback(lambda failure: failure.trap(Busy))

    async def sweep(self) -> None:
        """Remove old copies, and the oldest until a tenth of the folder's size is free."""
        self._sweeping = True
        try:
            self._used = await self._threads.run(lambda: _evict(self.folder, self._size, time() - COPY_AGE))
        finally:
            self._sweeping = False


def _write_whole(file: Path, content: bytes) -> None:
    """Write a file that has its name once it is on the disk: after a power cut too it is whole, or not there."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.rename(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _evict(folder: Path, size: int, before: float) -> int:
    """Remove files from before a time, and the oldest if all have more than ``size`` bytes; returns the bytes left.

    Other processes of this machine may use the folder, too.
    """
    found: list[tuple[float, int, str]] = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime, status.st_size, entry.path))
    used = sum(length for _, length, _ in found)
    target = size - size // 10 if used > size else size
    for changed, length, path in sorted(found):
        if changed >= before and used <= target:
            break
        with suppress(FileNotFoundError):
            os.unlink(path)
        used -= length
    return used
