"""``justchat-admin restore``: what a backup carries goes into an empty data directory and an empty database.

The file is read twice: first to its end, to verify it. Until everything is restored, a mark keeps daemons from starting
on the data directory, and on a database of one's own. A failure removes what was restored, and then the mark.
"""

import os
import shutil
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from bson.errors import InvalidBSON
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from twisted.internet.threads import deferToThread

from justchat import __version__
from justchat.admin.backup import FOLDERS, carried
from justchat.admin.database import ADMIN_LOCK
from justchat.admin.interruption import Interruption
from justchat.admin.output import Outcome
from justchat.admin.recording import opened, write_line
from justchat.config.settings import Settings
from justchat.errors import BadFile, DatabaseAway, StartupError
from justchat.model.audit import Deed
from justchat.runtime.backup_file import Part, members_of, read_header, verify
from justchat.runtime.data_dir import (
    DAEMON_LOCK,
    GENERATED,
    RESTORING,
    check_owner,
    prepare_data_dir,
    sync_folder,
    try_lock,
)
from justchat.runtime.mongod import Mongod
from justchat.runtime.running import RUNNING
from justchat.store.dump import (
    AnyDatabase,
    empty,
    first_with_documents,
    is_half_restored,
    load_documents,
    load_indexes,
    mark_half_restored,
    mark_restored,
)
from justchat.store.mongo.uri import MongoUri, check_reachable

_NOT_DATA = frozenset({DAEMON_LOCK, ADMIN_LOCK, RUNNING, "lost+found"})
"""What an empty data directory may have."""


async def restore(settings: Settings, reactor: Any, arguments: Namespace) -> Outcome:
    """Restore a backup into an empty data directory and, with --mongo, an empty database. The daemon must not run."""
    path = arguments.file.absolute()
    with Interruption(reactor) as interruption:
        header = await deferToThread(read_header, path, __version__)
        manifest = await deferToThread(verify, path, interruption.check)
        async with _target(settings, reactor) as uri:
            await deferToThread(_load, path, settings.data_dir, uri, interruption.check)
            await _record(uri, f"{path}, made at {header['made_at']}")
    where = "the embedded database" if settings.mongo.uri is None else "the MongoDB of the settings"
    missing = "; ".join(manifest["not_carried"])
    return Outcome(
        f"{settings.data_dir} and {where} have what there was at {header['made_at']}: {carried(manifest)}.\n"
        f"Not restored: {missing}.",
        {"made_at": header["made_at"], "release": header["release"], **manifest},
    )


async def _record(uri: str, why: str) -> None:
    try:
        async with opened(uri) as database:
            await write_line(database, Deed.RESTORE, why)
    except DatabaseAway as error:
        raise StartupError(f"the database: {error}") from error


@asynccontextmanager
async def _target(settings: Settings, reactor: Any) -> AsyncIterator[str]:
    """The URI of the database to restore into. Raises StartupError unless that and the data directory are empty."""
    folder = settings.data_dir
    check_owner(folder)
    _check_empty(folder)
    if settings.mongo.uri is None:
        with _data_dir(folder):
            mongod = Mongod(folder / "mongo", reactor, binary=settings.mongo.binary)
            try:
                await mongod.start()
                yield mongod.uri
            finally:
                await mongod.stop()
        return
    uri = str(settings.mongo.uri)
    check_reachable(uri)
    with MongoClient[dict[str, Any]](uri) as client:
        database = client.get_database(MongoUri.parse(uri).database)
        half = is_half_restored(database)
        full = None if half else first_with_documents(database)
        if full is not None:
            raise StartupError(f"[mongo] uri: the database {database.name} is not empty: it has {full}")
        with _data_dir(folder):
            empty(database)
            mark_half_restored(database)
            try:
                yield uri
            except BaseException:
                empty(database)
                raise
            mark_restored(database)


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and not (folder / RESTORING).exists() and (found := _content(folder)):
        raise StartupError(f"--data-dir: {folder} is not empty: it has {found[0].name}")


def _content(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name not in _NOT_DATA)


@contextmanager
def _data_dir(folder: Path) -> Iterator[None]:
    """The data directory, made, locked and marked; empty again after a failure."""
    prepare_data_dir(folder)
    locks = [try_lock(folder / name) for name in (DAEMON_LOCK, ADMIN_LOCK)]
    try:
        if None in locks:
            raise StartupError(f"--data-dir: another JustChat is at work on {folder}")
        (folder / RESTORING).touch(mode=0o600)
        sync_folder(folder)
        try:
            _remove_content(folder)
            yield
            os.sync()  # of a million files, each alone would take an hour
        except BaseException:
            _remove_content(folder)
            (folder / RESTORING).unlink()
            raise
        (folder / RESTORING).unlink()
        sync_folder(folder)
    finally:
        for lock in locks:
            if lock is not None:
                os.close(lock)


def _remove_content(folder: Path) -> None:
    """Remove everything but the mark."""
    for file in _content(folder):
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        elif file.name != RESTORING:
            file.unlink()


def _load(path: Path, folder: Path, uri: str, check: Callable[[], None]) -> None:
    """Blocks. Raises BadFile, StartupError."""
    try:
        with MongoClient[dict[str, Any]](uri) as client:
            database = client.get_database(MongoUri.parse(uri).database)
            for part in members_of(path):
                check()
                _load_part(part, folder, database, check)
    except (PyMongoError, InvalidBSON) as error:
        raise StartupError(f"the database: {error}") from error
    except OSError as error:
        raise StartupError(f"{error.filename or folder}: {error.strerror}") from error


def _load_part(part: Part, folder: Path, database: AnyDatabase, check: Callable[[], None]) -> None:
    kind, *names = part.name.split("/")
    if any(not name or name.startswith(".") for name in names):
        raise BadFile(f"{part.name!r} in it has a name that no backup has")
    match kind, *names:
        case "database", collection, "indexes.json":
            load_indexes(database, collection, part.read())
        case "database", collection, _:
            load_documents(database, collection, part.read())
        case "secrets", name if name in GENERATED:
            _write(part, folder / name, check)
        case place, name if place in FOLDERS:
            _write(part, folder / place / name, check)
        case _:
            raise BadFile(f"{part.name} in it is nothing that this release knows")


def _write(part: Part, path: Path, check: Callable[[], None]) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        for piece in part.pieces():
            check()
            opened.write(piece)
    os.utime(path, (part.changed, part.changed))
