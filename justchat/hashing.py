"""Argon2id hashes of keys and room passwords: made here, and, where this is run as a program, for a daemon.

As a program it reads a line of JSON for each piece of work, ``[secret]`` or ``[secret, hash]``, and writes a line for
each in the same order: the hash; whether the hash is the secret's; or null where it failed. It ends with its input, so
with the daemon. The core that it works on is one that nobody else wants.

Parameters as OWASP advises for argon2id: 19 MiB, two passes.
"""

import json
import os
import signal
import sys
from contextlib import suppress

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_of(secret: str) -> str:
    """A new hash, with a salt of its own."""
    return _HASHER.hash(secret)


def fits(secret: str, hash: str) -> bool:
    """Whether the hash is of this secret; what is no hash is of none."""
    try:
        return _HASHER.verify(hash, secret)
    except (VerificationError, InvalidHashError):
        return False


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon, which may still need us
    _yield_to_all()
    for line in sys.stdin.buffer:
        print(json.dumps(_answer(*json.loads(line))), flush=True)


def _answer(secret: str, hash: str | None = None) -> str | bool | None:
    try:
        return hash_of(secret) if hash is None else fits(secret, hash)
    except Exception:  # the daemon tries it itself, and tells what is wrong
        return None


def _yield_to_all() -> None:
    # Of a process that is merely nice, Linux lets a time slice go on when the daemon wakes, for milliseconds. One under
    # SCHED_IDLE gives way at once. A container or a unit of systemd's may allow one of these, both or none.
    for lower in (
        lambda: os.setpriority(os.PRIO_PROCESS, 0, 19),
        lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
    ):
        with suppress(OSError):
            lower()


if __name__ == "__main__":
    _main()
