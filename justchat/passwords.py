"""Slow salted hashes of keys and room passwords: argon2id, in threads of their own.

Parameters as OWASP advises for argon2id (19 MiB, two passes); argon2 lets go of the GIL, so the reactor goes on.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zope.interface import implementer

from justchat.interfaces import IPasswords
from justchat.threads import Workers

THREADS = 2
WAITING = 200
"""More than this many hashes at once, and the next is told Busy: each takes some 20 ms of a core."""


@implementer(IPasswords)
class Passwords:
    """See IPasswords."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._nobodys = self._hasher.hash("")
        self.workers = Workers("passwords", threads=THREADS, waiting=WAITING)

    async def hash(self, secret: str) -> str:
        return await self.workers.do(lambda: self._hasher.hash(secret))

    async def matches(self, secret: str, hash: str | None) -> bool:
        right = await self.workers.do(lambda: self._verify(secret, hash or self._nobodys))
        return right and hash is not None

    def _verify(self, secret: str, hash: str) -> bool:
        try:
            return self._hasher.verify(hash, secret)
        except (VerificationError, InvalidHashError):
            return False
