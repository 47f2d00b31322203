"""One real mongod per test process, started on first use, and an empty database for each test."""

import atexit
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bson import encode
from pymongo import MongoClient
from twisted.internet import reactor

from justchat import __version__
from justchat.runtime.mongod import find_binary, library_environment
from justchat.store.indexes import INDEXES, VERSIONS
from justchat.store.migrations import MIGRATIONS
from justchat.store.mongo.client import Database
from tests.support.waiting import block_until, eventually

_numbers = itertools.count(1)
RESTING = 3
"""Databases that are not used again yet: what a killed daemon has sent may still be carried out."""
ENOUGH_MEMORY = 4 * 2**30
"""Free bytes of the memory's file system that let a mongod keep its files there."""


def pause(pid: int) -> None:
    """Stop a process, and wait until each of its threads has stopped."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")
    block_until(lambda: all(map(_stands, threads.iterdir())), "the process to stop", pause=0.001)


def _stands(thread: Path) -> bool:
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] in "TtZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _in_memory() -> str | None:
    """A folder in memory, if there is one with room: on a slow disk each new database takes a second, and a checkpoint
    of thousands of files stops everybody for minutes. (A killed process loses no less there: a kill is no power cut.)
    """
    folder = "/dev/shm"
    return folder if os.path.isdir(folder) and shutil.disk_usage(folder).free > ENOUGH_MEMORY else None


class RunningMongod:
    """A mongod that runs outside the reactor, so that trial does not report it as left behind.

    ``folder`` may have the files of another.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="jc-", dir=_in_memory()))
        self.socket = self.folder / "m.sock"
        self.process = self._launch()
        atexit.register(self.end)

    def _launch(self) -> subprocess.Popen[bytes]:
        self.socket.unlink(missing_ok=True)
        command = ["setpriv", "--pdeathsig", "KILL", "--", find_binary(), "--dbpath", str(self.folder), "--quiet"]
        command += ["--bind_ip", str(self.socket), "--nounixsocket", "--logpath", str(self.folder / "log")]
        command += ["--wiredTigerCacheSizeGB", "0.5", "--setParameter", "diagnosticDataCollectionEnabled=false"]
        command += ["--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        process = subprocess.Popen(command, env=library_environment(self.folder), stdout=subprocess.DEVNULL)

        def log() -> str:
            return (self.folder / "log").read_text()[-2000:]

        block_until(lambda: process.poll() is not None or self._accepts(), lambda: f"mongod to listen: {log()}", 60)
        assert process.poll() is None, log()
        return process

    def _accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as attempt:
            return attempt.connect_ex(str(self.socket)) == 0

    def uri(self, database: str) -> str:
        return f"mongodb://{quote(str(self.socket), safe='')}/{database}"

    def kill_and_restart(self) -> None:
        """A power cut."""
        self.process.kill()
        self.process.wait()
        self.process = self._launch()

    def pause(self) -> None:
        """Stop it (SIGSTOP). Returns when it has stopped, which a signal alone does not wait for."""
        pause(self.process.pid)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def shared_mongod() -> RunningMongod:
    """The mongod that tests share; they neither stop nor kill it."""
    return RunningMongod()


@cache
def _client() -> MongoClient[dict[str, Any]]:
    return MongoClient(shared_mongod().uri(""))


def fresh_uri() -> str:
    """The URI of a new database."""
    return shared_mongod().uri(f"test_{os.getpid()}_{next(_numbers)}")


_dropped: deque[str] = deque()
_lent: set[str] = set()


def empty_uri() -> str:
    """The URI of a database without documents. It may be one that was dropped: a hundred files of collections and
    indexes take mongod longer than most tests take.
    """
    if len(_dropped) > RESTING:
        uri = _dropped.popleft()
        _empty(_client()[uri.rpartition("/")[2]])
    else:
        uri = fresh_uri()
    _lent.add(uri)
    return uri


def drop(uri: str) -> None:
    """Remove a database, whose files the shared mongod would hold open, or keep it for another test."""
    if uri in _lent:
        _lent.remove(uri)
        _dropped.append(uri)
    elif uri not in _dropped:  # it is, where two clients of a test have the same
        _client().drop_database(uri.rpartition("/")[2])


def _empty(database: Any) -> None:
    database.command({"profile": 0})
    for name in database.list_collection_names():
        if name in INDEXES:
            database[name].delete_many({})
        else:
            database.drop_collection(name)
    # Without a version it would be one of the first release.
    database[VERSIONS].insert_one({"_id": "schema", "version": len(MIGRATIONS), "release": __version__})


async def close(database: Database) -> None:
    """Close a database, and wait until the reactor has none of its connections."""
    await database.close()
    await eventually(
        lambda: not any("Mongo" in repr(reader) or "Pinger" in repr(reader) for reader in reactor.getReaders()),
        "the connections to MongoDB to be closed",
    )


async def discard(database: Database) -> None:
    """Close a test's database, and drop it: a mongod of ten thousand files is slow, and may stand still for minutes.

    In this order: what is under way without anybody waiting for it, such as a sweep, finds the database away then. It
    would take a collection that is dropped under it for a fault.
    """
    await close(database)
    drop(shared_mongod().uri(database._name))


def words_in(database: Any, word: str) -> list[str]:
    """The collections of a database that have a word in any document."""
    return [
        name
        for name in database.list_collection_names()
        if any(word.encode() in encode(document) for document in database[name].find())
    ]
