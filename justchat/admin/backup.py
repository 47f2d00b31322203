"""``justchat-admin backup``: write all of an installation into one file, while its daemon runs.

The embedded database is copied as a crash of the machine would leave it (``runtime/database_image.py``), and read from
the copy. A replica set is read as it was at one moment (read concern "snapshot"). The pictures are copied afterwards,
since a picture is stored before anything that refers to it.
"""

import os
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from pymongo import MongoClient, ReadPreference
from pymongo.errors import PyMongoError
from twisted.internet.threads import deferToThread

from justchat import __version__
from justchat.admin.database import check_used, find_database, lock_or_socket, uri_of_socket
from justchat.admin.interruption import Interruption
from justchat.admin.kept_backups import file_in, remove_all_but
from justchat.admin.output import Outcome
from justchat.admin.recording import opened, write_line
from justchat.config.settings import Settings
from justchat.errors import DatabaseAway, StartupError
from justchat.model.audit import Deed
from justchat.model.moment import iso, now
from justchat.runtime.backup_file import BackupWriter, Document, unfinished
from justchat.runtime.data_dir import GENERATED, check_owner, check_restored
from justchat.runtime.database_image import copy_database
from justchat.runtime.mongod import Mongod
from justchat.store.backups import Backups, LastBackup
from justchat.store.dump import (
    AnyDatabase,
    collections_of,
    dump_collection,
    dump_indexes,
    has_daemons,
    is_half_restored,
)
from justchat.store.mongo.uri import MongoUri, check_reachable

FOLDERS = ("uploads", "exports")
"""What the data directory has of files that users made: pictures, and archives that they asked for."""
CACHE = 0.25
"""GiB, for the mongod that reads a copy."""


async def back_up(settings: Settings, reactor: Any, arguments: Namespace) -> Outcome:
    """Write the database, the pictures and the generated secrets into one file. The daemon may run."""
    began = now()
    path = arguments.file.absolute()
    folder = path if path.is_dir() else None
    if folder is not None:
        path = file_in(folder, began)
    elif arguments.keep is not None:
        raise StartupError(f"--keep: {path} is no folder of backups")
    elif not path.parent.is_dir():
        raise StartupError(f"{path.parent}: no such folder")
    check_owner(settings.data_dir)
    check_restored(settings.data_dir)
    with Interruption(reactor) as interruption:
        if settings.mongo.uri is None:
            check_used(settings.data_dir)
        else:
            check_reachable(settings.mongo.uri)
            await deferToThread(_with_errors, _check_readable, str(settings.mongo.uri))
        async with find_database(settings, reactor) as uri, opened(uri) as database:
            await write_line(database, Deed.BACK_UP, str(path))
        if settings.mongo.uri is None:
            made = await _back_up_embedded(path, settings, reactor, interruption.check)
        else:
            uri = str(settings.mongo.uri)
            made = await deferToThread(_write, path, settings, uri, interruption.check, is_ours=False)
    await _note(settings, reactor, LastBackup(began, path.stat().st_size))
    if folder is None or arguments.keep is None:
        return made
    assert isinstance(made.data, dict)
    removed = _with_errors(remove_all_but, folder, arguments.keep)
    text = "".join(f"\nRemoved: {file}" for file in removed)
    return Outcome(made.text + text, {**made.data, "removed": [str(file) for file in removed]})


async def _note(settings: Settings, reactor: Any, made: LastBackup) -> None:
    """Tell the database, whose daemon tells Prometheus."""
    try:
        async with find_database(settings, reactor) as uri, opened(uri) as database:
            await Backups(database).note(made)
    except (StartupError, DatabaseAway) as error:
        raise StartupError(f"the backup is whole, but the database cannot be told: {error}") from error


async def _back_up_embedded(path: Path, settings: Settings, reactor: Any, check: Callable[[], None]) -> Outcome:
    folder = settings.data_dir / "mongo"
    # Beside the backup: there has to be room for that, too.
    image = unfinished(path).with_suffix(".database")
    try:
        found = await lock_or_socket(settings.data_dir, reactor)
        uri = uri_of_socket(found) if isinstance(found, Path) else None
        try:
            await deferToThread(_with_errors, copy_database, folder, image, uri, check)
        finally:
            if isinstance(found, int):
                os.close(found)
        mongod = Mongod(image, reactor, CACHE, binary=settings.mongo.binary)
        try:
            await mongod.start()
            return await deferToThread(_write, path, settings, mongod.uri, check, is_ours=True)
        finally:
            await mongod.stop()
    finally:
        shutil.rmtree(image, ignore_errors=True)


def _with_errors(work: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except OSError as error:
        raise StartupError(f"{error.filename or 'the backup'}: {error.strerror}") from error
    except PyMongoError as error:
        raise StartupError(f"the database: {error}") from error


def _write(path: Path, settings: Settings, uri: str, check: Callable[[], None], *, is_ours: bool) -> Outcome:
    return _with_errors(_write_file, path, settings, uri, check, is_ours)  # type: ignore[no-any-return]


def _write_file(path: Path, settings: Settings, uri: str, check: Callable[[], None], is_ours: bool) -> Outcome:
    with _reader(uri, is_ours) as (database, session):
        header = {
            "release": __version__,
            "made_at": iso(now()),
            "database": "embedded" if is_ours else "MongoDB",
            "pictures": settings.picture_store,
        }
        writer = BackupWriter(path, header, check)
        try:
            documents = _add_database(writer, database, session)
            manifest: Document = {
                "documents": documents,
                "files": {folder: _add_folder(writer, settings.data_dir / folder) for folder in FOLDERS},
                "secrets": [name for name in GENERATED if writer.add_file(f"secrets/{name}", settings.data_dir / name)],
                "not_carried": _not_carried(settings),
            }
            size = writer.close(manifest)
        except BaseException:
            writer.discard()
            raise
    return Outcome(
        f"{path} has {size:,} bytes: {carried(manifest)}.\nNot in it: {'; '.join(manifest['not_carried'])}.",
        {"file": str(path), "bytes": size, **manifest},
    )


def _check_readable(uri: str) -> None:
    with _reader(uri, is_ours=False):
        pass


@contextmanager
def _reader(uri: str, is_ours: bool) -> Iterator[tuple[AnyDatabase, Any]]:
    """The database, and the session to read it by. Raises StartupError where it cannot be read as of one moment."""
    with MongoClient[dict[str, Any]](uri) as client:
        database = client.get_database(MongoUri.parse(uri).database, read_preference=ReadPreference.PRIMARY)
        if is_half_restored(database):
            raise StartupError("[mongo] uri: a restore into this database did not end")
        hello = client.admin.command("hello")
        if hello.get("msg") == "isdbgrid":
            raise StartupError("[mongo] uri: a sharded cluster; back it up by MongoDB's own means (docs/operating.rst)")
        is_set = "setName" in hello
        if not is_set and not is_ours and has_daemons(database):
            raise StartupError(
                "[mongo] uri: a single MongoDB cannot be read as of one moment while daemons write to it; make it a"
                " replica set, or stop them for the backup"
            )
        with client.start_session(snapshot=True) if is_set else nullcontext() as session:
            yield database, session


def _add_database(writer: BackupWriter, database: AnyDatabase, session: Any) -> dict[str, int]:
    documents: dict[str, int] = {}
    for name in collections_of(database):
        documents[name] = 0
        for number, part in enumerate(dump_collection(database, name, session), 1):
            writer.add(f"database/{name}/{number:06d}.bson", part.content)
            documents[name] += part.documents
        writer.add(f"database/{name}/indexes.json", dump_indexes(database, name))
    return documents


def _add_folder(writer: BackupWriter, folder: Path) -> int:
    if not folder.is_dir():
        return 0
    number = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                number += writer.add_file(f"{folder.name}/{entry.name}", Path(entry.path))
    return number


def _not_carried(settings: Settings) -> list[str]:
    missing = ["the settings, and the secrets that they name"]
    if settings.picture_store == "s3":
        missing.append("the pictures in the bucket of [uploads.s3]")
    return missing


def carried(manifest: Document) -> str:
    """What a backup has, in a line."""
    documents = manifest["documents"]
    pictures, archives = (manifest["files"][folder] for folder in FOLDERS)
    return (
        f"{sum(documents.values()):,} documents in {len(documents)} collections, {pictures:,} pictures,"
        f" {archives:,} archives, {len(manifest['secrets'])} secrets"
    )
