"""Keys and room passwords: hashed by a process that takes what is left of a core, and in threads if that is little.

A hash takes some 20 ms of a core, and argon2 lets go of the GIL; but a thread that shares the reactor's core keeps it
waiting for milliseconds (docs/speed.rst). The process does not. On a core that is never idle it would not get on at
all, so what it has not done in time the threads do.
"""

import json
import os
import sys
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat import hashing
from justchat.interfaces import IPasswords
from justchat.threads import Workers

THREADS = 2
WAITING = 200
"""More than this many hashes at once for the threads, and the next is told Busy."""
PATIENCE = 0.3
"""Seconds that the process has for a hash."""
WAITING_FOR_PROCESS = 15
"""As many hashes as it makes in that time on a core of its own."""
RESTART = 10.0
"""Seconds after which a process that died is started again."""


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


class HashingProcess(ProcessProtocol):
    """``justchat.hashing`` in a process of its own: started again when it dies, passed over while it is behind.

    It stays in the daemon's session: where Linux groups by sessions (autogroup), only there it gives way to the daemon.
    """

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._running = False
        self._asked: deque[Deferred[object]] = deque()
        self._unread = b""
        self._restart: Any = None
        self._stopped: Deferred[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._transport.pid if self._running else None

    @property
    def _transport(self) -> Any:
        assert self.transport is not None
        return self.transport

    def start(self) -> None:
        """Where no process can be had, it is tried again later."""
        self._restart = None
        # It imports from where we do. -P: and not first from the directory that we happen to be in.
        command = [sys.executable, "-P", "-m", hashing.__name__]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            self._reactor.spawnProcess(self, sys.executable, command, environment)
        except OSError:
            self._failed("no process can be started to make hashes")
        else:
            self._running = True

    async def stop(self) -> None:
        """Returns when the process is gone; what it has not answered is None."""
        if self._restart is not None:
            self._restart.cancel()
        if self._running:
            self._stopped = Deferred()
            with suppress(ProcessExitedAlready):
                self._transport.signalProcess("KILL")
            await self._stopped

    async def ask(self, *work: str) -> object:
        """The answer to one piece of work, see ``justchat.hashing``; None where it does not come in time.

        Returns at once where that is to be expected: while something is overdue, or too much is waiting.
        """
        behind = bool(self._asked) and self._asked[0].called
        if not self._running or behind or len(self._asked) >= WAITING_FOR_PROCESS:
            return None
        answer: Deferred[object] = Deferred()
        self._asked.append(answer)
        self._transport.write(json.dumps(work).encode() + b"\n")
        try:
            return await answer.addTimeout(PATIENCE, self._reactor)
        except TimeoutError:
            return None

    def outReceived(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._give(json.loads(line))

    def _give(self, found: object) -> None:
        answer = self._asked.popleft()
        if not answer.called:  # else nobody waits for it any more
            answer.callback(found)

    def errReceived(self, data: bytes) -> None:
        self._log.error("the process that makes hashes: {said}", said=data.decode(errors="replace"))

    def processEnded(self, reason: Failure) -> None:
        self._running = False
        self._unread = b""
        while self._asked:
            self._give(None)
        if self._stopped is not None:
            self._stopped.callback(None)
        else:
            self._failed(f"the process that makes hashes is gone ({reason.getErrorMessage()})")

    def _failed(self, what: str) -> None:
        self._log.error("{what}; threads make them until it is started again", what=what)
        self._restart = self._reactor.callLater(RESTART, self.start)
