"""Argon2id hashes of sign-in keys and room passwords. Run as a program, it is a worker process (``workers.child``).

The program answers ``[secret]`` with the hash and ``[secret, hash]`` with whether the hash is of the secret. It answers
null where that failed.

The parameters are OWASP's for argon2id: 19 MiB, two passes.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from justchat.workers.child import serve

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_secret(secret: str) -> str:
    """Hash a secret with a new salt."""
    return _HASHER.hash(secret)


def verify_secret(secret: str, hash: str) -> bool:
    """Whether a hash is of a secret. False for a malformed hash."""
    try:
        return _HASHER.verify(hash, secret)
    except (VerificationError, InvalidHashError):
        return False


def _answer(secret: str, hash: str | None = None) -> str | bool | None:
    try:
        return hash_secret(secret) if hash is None else verify_secret(secret, hash)
    except Exception:  # the daemon retries in a thread, and logs what is wrong
        return None


if __name__ == "__main__":
    serve(_answer)
