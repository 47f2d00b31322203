"""Slow salted hashes of keys and room passwords: argon2id, in threads of their own.

Parameters as OWASP advises for argon2id (19 MiB, two passes); argon2 lets go of the GIL, so the reactor goes on.
"""

from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet import reactor
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from justchat.errors import Busy
from justchat.interfaces import IPasswords

T = TypeVar("T")

THREADS = 2
WAITING = 200
"""More than this many hashes at once, and the next is told Busy: each takes some 20 ms of a core."""


@implementer(IPasswords)
class Passwords:
    """See IPasswords."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._nobodys = self._hasher.hash("")
        self._threads = ThreadPool(1, THREADS, "passwords")
        self._at_work = 0

    def start(self) -> None:
        self._threads.start()

    def stop(self) -> None:
        self._threads.stop()

    async def hash(self, secret: str) -> str:
        return await self._in_thread(lambda: self._hasher.hash(secret))

    async def matches(self, secret: str, hash: str | None) -> bool:
        right = await self._in_thread(lambda: self._verify(secret, hash or self._nobodys))
        return right and hash is not None

    def _verify(self, secret: str, hash: str) -> bool:
        try:
            return self._hasher.verify(hash, secret)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._at_work >= WAITING:
            raise Busy
        self._at_work += 1
        try:
            return await deferToThreadPool(reactor, self._threads, work)  # type: ignore[arg-type]
        finally:
            self._at_work -= 1
