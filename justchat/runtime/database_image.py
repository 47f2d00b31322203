"""A copy of the files of an embedded database that runs: what a crash of the machine would leave at one moment.

WiredTiger never changes a block that its last checkpoint uses, until there is another checkpoint. So files that are
copied between two checkpoints have the first of them whole, and the journal, copied last, has every write that was
acknowledged before. A mongod that starts on the copy recovers both, as after a crash. Writers do not wait.
A checkpoint rewrites ``WiredTiger.turtle``: if that has changed meanwhile, the copy is made again.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from justchat.errors import StartupError

TURTLE = "WiredTiger.turtle"
JOURNAL = "journal"
PIECE = 8 * 1024 * 1024
"""Bytes that are copied at once."""
TRIES = 4
USUAL, RARE = 60, 3600
"""Seconds between two checkpoints: mongod's default, and while files are copied. The pause before the first of the rare
ones is still a usual one, so the first try of a large copy may fail. Should this process be killed, checkpoints stay
rare until the daemon starts again, which costs room for the journal alone.
"""


class CheckpointMeanwhile(Exception):
    """The files belong to different checkpoints."""


def copy_database(folder: Path, target: Path, uri: str | None, check: Callable[[], None]) -> None:
    """Copy the files of the mongod in ``folder``, which accepts connections at ``uri``, or does not run.

    ``check`` is called often; it raises what ends the work. Blocks. Raises StartupError, OSError.
    """
    room = sum(file.stat().st_size for file in _files(folder)) + sum(
        file.stat().st_size for file in (folder / JOURNAL).glob("*")
    )
    free = shutil.disk_usage(target.parent).free
    if free < room:
        raise StartupError(
            f"{target.parent}: has room for {free >> 20} MiB; a copy of the database takes {room >> 20}, and the backup"
            " needs room too"
        )
    if uri is None:
        return _try_to_copy(folder, target, check)
    try:
        with MongoClient[dict[str, Any]](uri) as client:
            _copy_running(client, folder, target, check)
    except PyMongoError as error:
        raise StartupError(f"the embedded database: {error}") from error


def _copy_running(client: MongoClient[dict[str, Any]], folder: Path, target: Path, check: Callable[[], None]) -> None:
    client.admin.command("setParameter", 1, syncdelay=RARE)
    try:
        client.admin.command("fsync")  # a checkpoint, so that there is little journal to copy and to recover
        _try_to_copy(folder, target, check)
    finally:
        client.admin.command("setParameter", 1, syncdelay=USUAL)


def _try_to_copy(folder: Path, target: Path, check: Callable[[], None]) -> None:
    for _ in range(TRIES):
        with suppress(CheckpointMeanwhile):
            return _copy(folder, target, check)
    raise StartupError(f"the files of the database changed under each of {TRIES} copies; try again")


def _copy(folder: Path, target: Path, check: Callable[[], None]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    # For us alone, as the files of the database are.
    target.mkdir(mode=0o700)
    (target / JOURNAL).mkdir()
    checkpoint = (folder / TURTLE).read_bytes()

    def check_checkpoint() -> None:
        check()
        if (folder / TURTLE).read_bytes() != checkpoint:
            raise CheckpointMeanwhile

    files = _files(folder)
    for file in files:
        _copy_file(file, target / file.name, check_checkpoint)
    # In their order, the last one last: so what was copied of the journal is its beginning, without a gap.
    for file in sorted((folder / JOURNAL).glob("WiredTigerLog.*")):
        _copy_file(file, target / JOURNAL / file.name, check)
    check_checkpoint()
    if _files(folder) != files:  # a collection or an index was made or dropped
        raise CheckpointMeanwhile


def _files(folder: Path) -> list[Path]:
    """The files of the database, without those of the process."""
    ours = [*folder.glob("*.wt"), folder / "WiredTiger", folder / TURTLE, folder / "storage.bson"]
    return sorted(file for file in ours if file.is_file())


def _copy_file(source: Path, target: Path, check: Callable[[], None]) -> None:
    with open(source, "rb") as reading, open(target, "xb") as writing:
        left = os.fstat(reading.fileno()).st_size  # what is written behind belongs to a later checkpoint
        while left > 0 and (piece := reading.read(min(PIECE, left))):
            writing.write(piece)
            left -= len(piece)
            check()
