"""Keys and room passwords: hashed by a process that takes what is left of a core, and in threads if that is little.

A hash takes some 20 ms of a core, and argon2 lets go of the GIL; but a thread that shares the reactor's core keeps it
waiting for milliseconds (docs/speed.rst). The process does not. On a core that is never idle it would not get on at
all, so what it has not done in time the threads do.
"""

from functools import partial
from typing import Any

from twisted.internet.defer import TimeoutError
from zope.interface import implementer

from justchat import hashing
from justchat.interfaces import IPasswords
from justchat.threads import Workers
from justchat.workers.process import WorkerDied, WorkerProcess

THREADS = 2
WAITING = 200
"""More than this many hashes at once for the threads, and the next is told Busy."""
PATIENCE = 0.3
"""Seconds that the process has for a hash."""
WAITING_FOR_PROCESS = 15
"""As many hashes as it makes in that time on a core of its own."""
RESTART = 10.0
"""Seconds after which a process that could not be started is tried again."""


@implementer(IPasswords)
class Passwords:
    """See IPasswords. What is not started works, too: in threads, as soon as those run."""

    def __init__(self, reactor: Any) -> None:
        self._nobodys = hashing.hash_of("")
        self.process = HashingProcess(reactor)
        self._workers = Workers("passwords", threads=THREADS, waiting=WAITING)

    def start(self) -> None:
        self._workers.start()
        self.process.start()

    async def stop(self) -> None:
        """Returns when the process is gone, and the threads have done what is at work."""
        await self.process.stop()
        self._workers.stop()

    async def hash(self, secret: str) -> str:
        made = await self.process.ask(secret)
        if isinstance(made, str):
            return made
        return await self._workers.do(partial(hashing.hash_of, secret))

    async def matches(self, secret: str, hash: str | None) -> bool:
        # Where there is no hash it takes as long.
        against = hash or self._nobodys
        right = await self.process.ask(secret, against)
        if not isinstance(right, bool):
            right = await self._workers.do(partial(hashing.fits, secret, against))
        return right is True and hash is not None


class HashingProcess(WorkerProcess):
    """``justchat.hashing`` in a process of its own: passed over while it is behind."""

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor, hashing.__name__, "the process that makes hashes", pause=RESTART)

    async def ask(self, *work: str) -> object:
        """The answer to one piece of work, see ``justchat.hashing``; None where it does not come in time.

        Returns at once where that is to be expected: while something is overdue, or too much is waiting.
        """
        if self.is_behind or self.unanswered >= WAITING_FOR_PROCESS:
            return None
        try:
            return await self.send(*work).addTimeout(PATIENCE, self._reactor)
        except (TimeoutError, WorkerDied):
            return None
