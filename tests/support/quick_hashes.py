"""The process that hashes keys, with parameters that take a hundredth of the time: few tests are about hashes, and most
sign in.
"""

from argon2 import PasswordHasher

from justchat.workers import password_worker
from justchat.workers.child import serve

SLOW_HASHES = {"JUSTCHAT_SLOW_HASHES": "1"}
"""The environment of a forked daemon whose hashes take as long as those of any other."""


def be_quick() -> None:
    """Let this process take these parameters. A hash is verified by its own."""
    password_worker._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


if __name__ == "__main__":
    be_quick()
    serve(password_worker._answer)
