"""The office: the daemon's parts, as many as the commands need, put together around the daemon's database.

An embedded database belongs to whoever holds the data directory's lock. Where that is a daemon, its mongod is asked
through its Unix socket; where it is nobody, we hold the lock and run the mongod ourselves. Commands take turns, so
that none finds the mongod of another, which is about to stop.
"""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import frozen
from twisted.internet.task import deferLater

from justchat.actions.gift_catalogue import GiftCatalogue
from justchat.actions.operating import OperatorActions
from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.hub.registry import Registry
from justchat.interfaces.money import ICatalogue
from justchat.model.moment import now
from justchat.outbound.captcha import NoCaptcha
from justchat.outbound.sms.outbox import Outbox
from justchat.runtime.data_dir import DAEMON_LOCK, check_owner, try_lock
from justchat.runtime.mongod import SOCKET, Mongod
from justchat.store.mongo.client import Database
from justchat.store.mongo.uri import check_reachable
from justchat.wiring.actions import make_actions
from justchat.wiring.stores import make_stores
from justchat.workers.images import Images
from justchat.workers.passwords import Passwords

ADMIN_LOCK = "admin-lock"
PATIENCE = 60.0
"""Seconds that another command, or a daemon that is starting or stopping, is waited for."""
STEP = 0.05


@frozen(kw_only=True)
class AdminContext:
    """What commands work with."""

    settings: Settings
    catalogue: ICatalogue
    gift_catalogue: GiftCatalogue
    operating: OperatorActions


@asynccontextmanager
async def open_office(settings: Settings, reactor: Any) -> AsyncIterator[AdminContext]:
    """Raises StartupError where the database cannot be had."""
    async with _database_uri(settings, reactor) as uri:
        database = Database(uri)
        images = Images(settings.data_dir / "uploads", settings.data_dir / "spool", reactor)
        database.open()
        images.start()
        try:
            await database.ping()
            yield _furnish(settings, database, images, reactor)
        finally:
            await images.stop()
            await database.close()


def _furnish(settings: Settings, database: Database, images: Images, reactor: Any) -> AdminContext:
    stores = make_stores(settings, database, reactor)
    actions = make_actions(
        settings,
        stores,
        session_listener=Registry(now),
        passwords=Passwords(reactor),
        images=images,
        sms=Outbox(settings.data_dir / "sms-outbox.jsonl", now),
        captcha=NoCaptcha(),
        secret_key=os.urandom(32).hex(),  # nobody tops up here
    )
    return AdminContext(
        settings=settings,
        catalogue=stores.catalogue,
        gift_catalogue=actions.gift_catalogue,
        operating=OperatorActions(
            accounts=actions.accounts,
            users=stores.users,
            sessions=stores.sessions,
            rooms=stores.rooms,
            ledger=stores.ledger,
            money=actions.money,
            complaints=stores.complaints,
            clock=now,
            region=settings.sms.region,
        ),
    )


@asynccontextmanager
async def _database_uri(settings: Settings, reactor: Any) -> AsyncIterator[str]:
    if settings.mongo.uri is not None:
        check_reachable(settings.mongo.uri)
        yield settings.mongo.uri
        return
    folder = settings.data_dir / "mongo"
    if not folder.is_dir():
        raise StartupError(f"--data-dir: no JustChat has run on {settings.data_dir} with a database of its own")
    check_owner(settings.data_dir)
    locks = [await _turn(settings.data_dir, reactor)]
    try:
        found = await _lock_or_socket(settings.data_dir, reactor)
        if isinstance(found, Path):
            yield f"mongodb://{quote(str(found), safe='')}/justchat"
            return
        locks.append(found)
        mongod = Mongod(folder, reactor)
        try:
            await mongod.start()
            yield mongod.uri
        finally:
            await mongod.stop()
    finally:
        for lock in reversed(locks):
            os.close(lock)


async def _turn(data_dir: Path, reactor: Any) -> int:
    """A lock among commands; the wait for it is not long, since none keeps it while it prints."""
    waited = 0.0
    while (lock := try_lock(data_dir / ADMIN_LOCK)) is None:
        if waited > PATIENCE:
            raise StartupError(f"--data-dir: another justchat-admin has been at work for {PATIENCE:.0f} s")
        await deferLater(reactor, STEP)
        waited += STEP
    return lock


async def _lock_or_socket(data_dir: Path, reactor: Any) -> int | Path:
    """The data directory's lock, or the socket of the mongod of the daemon that has it."""
    waited = 0.0
    while True:
        lock = try_lock(data_dir / DAEMON_LOCK)
        if lock is not None:
            return lock
        for candidate in (data_dir / "mongo" / SOCKET, _socket_elsewhere(data_dir / "mongo")):
            if candidate is not None and _accepts(candidate):
                return candidate
        if waited > PATIENCE:
            raise StartupError(f"--data-dir: a daemon runs on {data_dir}, but its database cannot be reached")
        await deferLater(reactor, STEP)
        waited += STEP


def _socket_elsewhere(folder: Path) -> Path | None:
    """Where the path of its folder is too long for a socket, mongod's own command line tells the place."""
    try:
        pid = int((folder / "mongod.lock").read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
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
