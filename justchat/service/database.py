"""The database as services: the embedded mongod, and the connection to whichever database is used."""

from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from justchat.errors import DatabaseAway, StartupError
from justchat.model.moment import now
from justchat.runtime.data_dir import DAEMON_LOCK, try_lock
from justchat.runtime.mongod import Mongod
from justchat.store.client_ids import look_for_shards
from justchat.store.indexes import RESTORING, VERSIONS, restore_order_clock
from justchat.store.mongo.client import Database
from justchat.store.schema import Schema

ANSWER_TRIES = 3
"""Commands that the database may leave unanswered, each for its own time-out, before the start fails."""


class EmbeddedMongod(Service):
    """A mongod in the data directory, which one daemon at a time may use."""

    name = "mongod"

    def __init__(self, mongod: Mongod, data_dir: Path) -> None:
        self._mongod = mongod
        self._data_dir = data_dir

    def startService(self) -> "Deferred[None]":
        """The Deferred fires when the mongod accepts connections. It fails with StartupError."""
        super().startService()
        return Deferred.fromCoroutine(self._lock_and_start())

    async def _lock_and_start(self) -> None:
        # The lock goes with the process, however that ends.
        if try_lock(self._data_dir / DAEMON_LOCK) is None:
            raise StartupError(f"--data-dir: another JustChat runs on {self._data_dir}")
        await self._mongod.start()

    def stopService(self) -> "Deferred[None]":
        super().stopService()
        return Deferred.fromCoroutine(self._mongod.stop())


class DatabaseService(Service):
    """The connection to the database. Once this has started, its schema is this release's, and its indexes exist.

    ``prepares`` is False where another process has just seen to both.
    """

    name = "database"

    def __init__(self, database: Database, schema: Schema, *, prepares: bool = True) -> None:
        self._database = database
        self._schema = schema
        self._prepares = prepares

    def startService(self) -> "Deferred[None]":
        """The Deferred fails with StartupError where the database does not answer."""
        super().startService()
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> None:
        self._database.open()
        await self._wait_for_answer()
        await self._check_restored()
        if self._prepares:
            await self._schema.bring_up_to_date()
        else:
            await self._schema.check()
        await look_for_shards(self._database, now)
        await restore_order_clock(self._database)

    async def _check_restored(self) -> None:
        if await self._database.find_one(VERSIONS, {"_id": RESTORING}) is not None:
            raise StartupError(
                "[mongo] uri: a restore into this database did not end; run justchat-admin restore again"
            )

    async def _wait_for_answer(self) -> None:
        for attempt in range(ANSWER_TRIES):
            try:
                return await self._database.ping()
            except DatabaseAway as error:
                if attempt == ANSWER_TRIES - 1:
                    raise StartupError("the database does not answer") from error

    def stopService(self) -> "Deferred[None]":
        super().stopService()
        return Deferred.fromCoroutine(self._database.close())
