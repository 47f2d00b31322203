"""Argon2id hashes of keys and room passwords: made here, and, where this is run as a program, for a daemon.

As a program it answers ``[secret]`` with the hash, ``[secret, hash]`` with whether the hash is the secret's, and
either with null where it failed (see ``workers.child``).

Parameters as OWASP advises for argon2id: 19 MiB, two passes.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from justchat.workers.child import serve

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_secret(secret: str) -> str:
    """A new hash, with a salt of its own."""
    return _HASHER.hash(secret)


def verify_secret(secret: str, hash: str) -> bool:
    """Whether the hash is of this secret; what is no hash is of none."""
    try:
        return _HASHER.verify(hash, secret)
    except (VerificationError, InvalidHashError):
        return False


def _answer(secret: str, hash: str | None = None) -> str | bool | None:
    try:
        return hash_secret(secret) if hash is None else verify_secret(secret, hash)
    except Exception:  # the daemon tries it itself, and tells what is wrong
        return None


if __name__ == "__main__":
    serve(_answer)
