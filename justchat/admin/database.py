"""Finds the daemon's database.

The holder of the data directory's lock owns the embedded database. If that is a daemon, commands connect to the socket
of its mongod. If nobody holds the lock, a command takes it and runs the mongod itself. Commands run one at a time, so
that none connects to the mongod of another, which is about to stop.
"""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.internet.task import deferLater

from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.runtime.data_dir import DAEMON_LOCK, check_owner, check_restored, try_lock
from justchat.runtime.mongod import SOCKET, Mongod
from justchat.store.mongo.uri import check_reachable

ADMIN_LOCK = "admin-lock"
LOCK_PATIENCE = 60.0
"""Seconds that a command waits for another command, or for a daemon that is starting or stopping."""
LOCK_EVERY = 0.05
"""Seconds between two tries."""


@asynccontextmanager
async def find_database(settings: Settings, reactor: Any) -> AsyncIterator[str]:
    """The URI of the database. Raises StartupError where it cannot be reached, and where the data directory is another
    user's: the daemon could not read what we leave in it.
    """
    check_owner(settings.data_dir)
    if settings.mongo.uri is not None:
        check_reachable(settings.mongo.uri)
        yield settings.mongo.uri
        return
    check_used(settings.data_dir)
    check_restored(settings.data_dir)
    locks = [await lock_out_commands(settings.data_dir, reactor)]
    try:
        found = await lock_or_socket(settings.data_dir, reactor)
        if isinstance(found, Path):
            yield uri_of_socket(found)
            return
        locks.append(found)
        mongod = Mongod(settings.data_dir / "mongo", reactor, binary=settings.mongo.binary)
        try:
            await mongod.start()
            yield mongod.uri
        finally:
            await mongod.stop()
    finally:
        for lock in reversed(locks):
            os.close(lock)


def check_used(data_dir: Path) -> None:
    """Raises StartupError unless a daemon with an embedded database has run on this directory."""
    if not (data_dir / "mongo").is_dir():
        raise StartupError(f"--data-dir: no JustChat has run on {data_dir} with a database of its own")


async def lock_out_commands(data_dir: Path, reactor: Any) -> int:
    """The lock that one command holds at a time. The wait is short, since none holds it while it prints."""
    waited = 0.0
    while (lock := try_lock(data_dir / ADMIN_LOCK)) is None:
        if waited > LOCK_PATIENCE:
            raise StartupError(f"--data-dir: another justchat-admin has been at work for {LOCK_PATIENCE:.0f} s")
        await deferLater(reactor, LOCK_EVERY)
        waited += LOCK_EVERY
    return lock


async def lock_or_socket(data_dir: Path, reactor: Any) -> int | Path:
    """The data directory's lock, or the socket of the mongod of the daemon that holds it."""
    waited = 0.0
    while True:
        lock = try_lock(data_dir / DAEMON_LOCK)
        if lock is not None:
            return lock
        for candidate in (data_dir / "mongo" / SOCKET, _socket_elsewhere(data_dir / "mongo")):
            if candidate is not None and _accepts(candidate):
                return candidate
        if waited > LOCK_PATIENCE:
            raise StartupError(f"--data-dir: a daemon runs on {data_dir}, but its database cannot be reached")
        await deferLater(reactor, LOCK_EVERY)
        waited += LOCK_EVERY


def uri_of_socket(file: Path) -> str:
    """The URI of an embedded database."""
    return f"mongodb://{quote(str(file), safe='')}/justchat"


def _socket_elsewhere(folder: Path) -> Path | None:
    """The socket on mongod's command line, which is elsewhere if the path of ``folder`` is too long for a socket."""
    try:
        pid = int((folder / "mongod.lock").read_text())
        arguments = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
        if not os.path.samefile(arguments[arguments.index("--dbpath") + 1], folder):
            return None
        return Path(arguments[arguments.index("--bind_ip") + 1])
    except (OSError, ValueError, IndexError):
        return None


def _accepts(file: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as attempt:
        attempt.setblocking(False)
        try:
            attempt.connect(str(file))
        except OSError:
            return False
        return True
