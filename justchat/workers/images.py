"""Pictures that people uploaded: written anew by a process of its own, one after another, and kept in a folder.

Who wants pictures kept takes turns with all others, those first whose pictures took least time lately: many or large
pictures of some keep nobody else's waiting for more than the one that is being written. The process gives
way to the daemon; what it has not done within seconds goes on at a higher priority, so that it gets on where the cores
are never idle.
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
from justchat.interfaces.workers import IImages
from justchat.workers import picture_worker
from justchat.workers.codecs import ENDINGS
from justchat.workers.fair_queue import FairQueue
from justchat.workers.process import WorkerDied, WorkerProcess

SHARE = 20
"""Pictures of one owner that may wait."""
WAITING = 1000
"""Pictures of all that may wait; they wait on the disk."""
PATIENCE = 60.0
"""Seconds that the process has for a picture; then it is ended."""
WAIT = 150.0
"""Seconds that a picture waits at most, its turn included."""
HURRY = 0.3
"""Seconds after which it no longer gives way to everybody."""
RESTART = 10.0
LEFT_BEHIND = 3600.0
"""Seconds after which nobody is at work any more on a file that waits."""
_BROKEN: Final = frozenset((signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL))
"""A picture that twice ends the process by one of these is broken."""
_ERRORS: Final[Mapping[str, type[ApiError]]] = {
    error.__name__: error for error in (NotAnImage, TooLarge, DiskFull, Busy)
}
# Large blocks go back to the system as soon as they are free.
_ENVIRONMENT: Final = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


@define(eq=False)
class _Work:
    file: Path
    stem: str
    done: "Deferred[tuple[str, int]]" = field(factory=Deferred)
    tries: int = 0


@implementer(IImages)
class Images:
    """See IImages. ``folder`` is where the files are kept, ``spool`` where they wait."""

    def __init__(self, folder: Path, spool: Path, reactor: Any) -> None:
        self._folder = folder
        self._spool = spool
        self._reactor = reactor
        self._turns: FairQueue[_Work] = FairQueue(each=SHARE, most=WAITING, seconds=reactor.seconds)
        self._at_work: _Work | None = None
        self._owner = ""
        self._timers: list[IDelayedCall] = []
        self._late = False
        self._began = 0.0
        self.process = _Process(self._next, reactor)

    def start(self) -> None:
        if self._spool.parent.is_dir():  # justchat-admin on a database elsewhere needs none
            self._clear_spool()
        self.process.start()

    def _clear_spool(self) -> None:
        self._spool.mkdir(mode=0o700, exist_ok=True)
        for left in self._spool.iterdir():  # by a crash; justchat-admin may be at work there
            with suppress(OSError):
                if time() - left.stat().st_mtime > LEFT_BEHIND:
                    left.unlink()

    async def stop(self) -> None:
        """Returns when the process is gone; what was waiting is told Busy."""
        while (waiting := self._turns.take()) is not None:
            waiting[1].done.errback(Busy())
        if self._at_work is not None:
            self._at_work.tries = 2
        await self.process.stop()

    async def keep(self, data: bytes) -> str:
        path = self._spool / secrets.token_hex(16)
        try:
            _write(path, data)
            return (await self.keep_file(path, secrets.token_hex(16), ""))[0]
        except OSError as error:
            raise DiskFull from error
        finally:
            path.unlink(missing_ok=True)

    def remove(self, stem: str) -> None:
        for ending in ENDINGS:
            (self._folder / f"{stem}.{ending}").unlink(missing_ok=True)

    async def keep_file(self, file: Path, stem: str, owner: str) -> tuple[str, int]:
        work = _Work(file, stem)
        self._turns.put(owner, work)
        self._next()
        try:
            return await work.done.addTimeout(WAIT, self._reactor)
        except TimeoutError as error:
            raise Busy from error

    def _next(self) -> None:
        """Let the process write the next picture, if it is ready for one."""
        if self._at_work is not None or not self.process.is_ready:
            return
        turn = self._turns.take()
        while turn is not None and turn[1].done.called:  # nobody waits for it any more
            turn = self._turns.take()
        if turn is None:
            return
        self._owner, work = turn
        self._at_work = work
        self._late = False
        self._began = self._reactor.seconds()
        work.tries += 1
        self._timers = [
            self._reactor.callLater(HURRY, self.process.hurry, True),
            self._reactor.callLater(PATIENCE, self._too_late),
        ]
        sent = self.process.send(str(work.file), str(self._folder), work.stem)
        sent.addCallbacks(self._answered, self._died)

    def _too_late(self) -> None:
        self._late = True
        self.process.kill()

    def _over(self) -> _Work:
        work, self._at_work = self._at_work, None
        assert work is not None
        self._turns.charge(self._owner, self._reactor.seconds() - self._began)
        for timer in self._timers:
            if timer.active():
                timer.cancel()
            else:
                self.process.hurry(False)
        return work

    def _answered(self, answer: Any) -> None:
        work = self._over()
        if "error" in answer:
            work.done.errback(_ERRORS[answer["error"]]())
        else:
            work.done.callback((f"{work.stem}.{answer['ending']}", answer["size"]))
        self._next()

    def _died(self, failure: Failure) -> None:
        """Once more with another process, unless it was the picture's fault, or took too long."""
        assert isinstance(failure.value, WorkerDied)
        work, ended_by = self._over(), failure.value.signal
        self._remove_pieces(work.stem)
        if ended_by == signal.SIGXCPU:
            work.done.errback(TooLarge("the image takes too long to be read"))
        elif work.tries < 2 and not self._late:
            self._turns.put_back(self._owner, work)
        elif ended_by in _BROKEN:
            work.done.errback(NotAnImage())
        else:
            work.done.errback(Busy())

    def _remove_pieces(self, stem: str) -> None:
        for piece in self._folder.glob(f".{stem}.*"):
            piece.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


class _Process(WorkerProcess):
    def __init__(self, when_ready: Callable[[], None], reactor: Any) -> None:
        super().__init__(
            reactor,
            picture_worker.__name__,
            "the process that writes pictures",
            pause=RESTART,
            environment=_ENVIRONMENT,
            when_ready=when_ready,
        )

    def hurry(self, on: bool) -> None:
        """Whether to compete for a core, at a low priority, or to take only what nobody else wants."""
        if self.pid is not None:
            with suppress(OSError):
                os.sched_setscheduler(self.pid, os.SCHED_OTHER if on else os.SCHED_IDLE, os.sched_param(0))
