"""Uploaded pictures: a worker process re-encodes them one after another into a folder, and a store keeps them.

The queue is fair: the owner whose pictures took the least time lately is next. So many or large pictures of one owner
delay another owner's by at most the one in progress. The process yields to the daemon. A picture that takes longer
than HURRY raises the priority of the process, so that it makes progress where the cores are never idle.
"""

import os
import secrets
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Any, Final

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import ApiError, Busy, DiskFull, NotAnImage, TooLarge
from justchat.interfaces.pictures import IPictureStore
from justchat.interfaces.workers import IImages
from justchat.workers import picture_worker
from justchat.workers.fair_queue import FairQueue
from justchat.workers.process import WorkerDied, WorkerProcess

SHARE = 20
"""Pictures of one owner that the queue holds."""
WAITING = 1000
"""Pictures of all owners that the queue holds; their files are on the disk."""
PATIENCE = 60.0
"""Seconds that the process has for a picture; then it is killed."""
WAIT = 150.0
"""Seconds until a caller gives up, from the moment the picture is queued."""
HURRY = 0.03
"""Seconds into a picture after which the process no longer yields to everybody."""
RESTART = 10.0
"""Seconds after which the start of a process that could not be started is retried."""
STALE = 3600.0
"""Seconds after which no process uses a file of the spool any more."""
_BROKEN: Final = frozenset((signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL))
"""A picture that twice ends the process with one of these is broken."""
_ERRORS: Final[Mapping[str, type[ApiError]]] = {
    error.__name__: error for error in (NotAnImage, TooLarge, DiskFull, Busy)
}
# Large blocks return to the system as soon as they are freed.
_ENVIRONMENT: Final = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


@define(eq=False)
class _Work:
    file: Path
    stem: str
    done: "Deferred[tuple[str, int]]" = field(factory=Deferred)
    tries: int = 0


@implementer(IImages)
class Images:
    """See IImages. Queued files are in ``spool``."""

    def __init__(self, store: IPictureStore, spool: Path, reactor: Any) -> None:
        self._store = store
        self._folder: Path = store.folder
        self._spool = spool
        self._reactor = reactor
        self._queue: FairQueue[_Work] = FairQueue(each=SHARE, most=WAITING, seconds=reactor.seconds)
        self._current: _Work | None = None
        self._owner = ""
        self._timers: list[IDelayedCall] = []
        self._timed_out = False
        self._started_at = 0.0
        self.process = _Process(self._next, reactor)

    def start(self) -> None:
        if self._spool.parent.is_dir():  # justchat-admin with a remote database has none
            self._clear_spool()
        self.process.start()

    def _clear_spool(self) -> None:
        self._spool.mkdir(mode=0o700, exist_ok=True)
        for file in self._spool.iterdir():  # left by a crash, or in use by justchat-admin
            with suppress(OSError):
                if time() - file.stat().st_mtime > STALE:
                    file.unlink()

    async def stop(self) -> None:
        """Returns once the process has ended. Queued pictures fail with Busy."""
        while (waiting := self._queue.take()) is not None:
            waiting[1].done.errback(Busy())
        if self._current is not None:
            self._current.tries = 2
        await self.process.stop()

    @property
    def queued(self) -> int:
        """How many pictures wait; WAITING at most."""
        return len(self._queue)

    async def keep(self, data: bytes, stem: str) -> str:
        path = self._spool / secrets.token_hex(16)
        try:
            _write(path, data)
            return (await self.keep_file(path, stem, ""))[0]
        except OSError as error:
            raise DiskFull from error
        finally:
            path.unlink(missing_ok=True)

    async def remove(self, stem: str) -> None:
        await self._store.remove(stem)

    async def keep_file(self, file: Path, stem: str, owner: str) -> tuple[str, int]:
        work = _Work(file, stem)
        self._queue.put(owner, work)
        self._next()
        try:
            name, size = await work.done.addTimeout(WAIT, self._reactor)
        except TimeoutError as error:
            raise Busy from error
        await self._store.put(name)
        return name, size

    def _next(self) -> None:
        """Send the process the next picture, if it is ready for one."""
        if self._current is not None or not self.process.is_ready:
            return
        taken = self._queue.take()
        while taken is not None and taken[1].done.called:  # its caller timed out
            taken = self._queue.take()
        if taken is None:
            return
        self._owner, work = taken
        self._current = work
        self._timed_out = False
        self._started_at = self._reactor.seconds()
        work.tries += 1
        self._timers = [
            self._reactor.callLater(HURRY, self.process.hurry, True),
            self._reactor.callLater(PATIENCE, self._time_out),
        ]
        sent = self.process.send(str(work.file), str(self._folder), work.stem)
        sent.addCallbacks(self._answered, self._died)

    def _time_out(self) -> None:
        self._timed_out = True
        self.process.kill()

    def _finish(self) -> _Work:
        work, self._current = self._current, None
        assert work is not None
        self._queue.charge(self._owner, self._reactor.seconds() - self._started_at)
        for timer in self._timers:
            if timer.active():
                timer.cancel()
            else:
                self.process.hurry(False)
        return work

    def _answered(self, answer: Any) -> None:
        work = self._finish()
        if "error" in answer:
            work.done.errback(_ERRORS[answer["error"]]())
        else:
            work.done.callback((f"{work.stem}.{answer['ending']}", answer["size"]))
        self._next()

    def _died(self, failure: Failure) -> None:
        """Retry in a new process, unless the picture is at fault or took too long."""
        assert isinstance(failure.value, WorkerDied)
        work, ended_by = self._finish(), failure.value.signal
        self._remove_temporary(work.stem)
        if ended_by == signal.SIGXCPU:
            work.done.errback(TooLarge("the image takes too long to decode"))
        elif work.tries < 2 and not self._timed_out:
            self._queue.put_back(self._owner, work)
        elif ended_by in _BROKEN:
            work.done.errback(NotAnImage())
        else:
            work.done.errback(Busy())

    def _remove_temporary(self, stem: str) -> None:
        for file in self._folder.glob(f".{stem}.*"):
            file.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


class _Process(WorkerProcess):
    def __init__(self, when_ready: Callable[[], None], reactor: Any) -> None:
        super().__init__(
            reactor,
            picture_worker.__name__,
            "the picture worker",
            pause=RESTART,
            environment=_ENVIRONMENT,
            when_ready=when_ready,
        )

    def hurry(self, on: bool) -> None:
        """Run at low priority (``on``), or only on an idle core."""
        if self.pid is not None:
            with suppress(OSError):
                os.sched_setscheduler(self.pid, os.SCHED_OTHER if on else os.SCHED_IDLE, os.sched_param(0))
