"""The version of the database's schema, and the way of a database from an earlier one to this one.

One document has the version, the release that wrote it, and how far a migration has come. A start brings the database
up to date before it does anything else, and refuses a database of a later release. Of several daemons the holder of a
lease migrates, and the others wait. After a crash the next start goes on where the last one stored its progress.

A migration leaves what daemons of the release before it read and write: while a rolling upgrade lasts, some still run
on the database. What they need and this release does not is removed by a migration of the next release.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from justchat import __version__
from justchat.errors import DatabaseAway, StartupError
from justchat.store.indexes import VERSIONS, create_indexes
from justchat.store.lease import LASTS, Lease
from justchat.store.mongo.client import Database, Document

STEP = 100
"""Documents of one step of a migration."""
LOOK_EVERY = 0.2
"""Seconds between looks at the progress of another daemon."""
RENEW_EVERY = LASTS.total_seconds() / 4
"""Seconds between two renewals of the lease."""
_SCHEMA = {"_id": "schema"}
_log = Logger()


class _Overtaken(Exception):
    """This daemon was stopped for so long that another one has done the migration."""


class MigrationProgress:
    """How far a migration has come. Its database stores that."""

    def __init__(self, database: Database, version: int, position: object) -> None:
        self.database = database
        self._before = {**_SCHEMA, "version": version}
        self._position = position

    async def pages(self, collection: str, fields: Sequence[str] = ("_id",)) -> AsyncIterator[list[Document]]:
        """The documents of a collection, STEP at a time, by ``_id``. A page is done when the next one is asked for:
        a start after a crash begins behind the last page that was done. Every page may come twice.
        """
        while True:
            query = {} if self._position is None else {"_id": {"$gt": self._position}}
            page = await self.database.find(collection, query, sort={"_id": 1}, limit=STEP, fields=fields)
            if not page:
                return
            yield page
            self._position = page[-1]["_id"]
            await self._store({"$set": {"position": self._position}})

    async def end(self, version: int) -> None:
        """The migration is done, and the database has this version."""
        done = {"version": version, "release": __version__}
        await self._store([{"$set": {**done, "at": "$$NOW"}}, {"$unset": "position"}])

    async def _store(self, update: object) -> None:
        if not await self.database.update(VERSIONS, self._before, update):
            raise _Overtaken


@frozen
class Migration:
    """What brings a database from one version to the next.

    ``carry_out`` may be interrupted at any point, and is then called again. It works on large collections by pages of
    the MigrationProgress. ``what`` is for the log.
    """

    what: str
    carry_out: Callable[[MigrationProgress], Awaitable[None]]


class Schema:
    """The schema of a database. ``migrations`` lead from version 0, which no document has, to this release's.

    ``lease`` is for a database that several daemons share. ``still_at_work`` is called every few seconds while
    ``bring_up_to_date`` is at work. Every method raises DatabaseAway.
    """

    def __init__(
        self,
        database: Database,
        migrations: Sequence[Migration],
        lease: Lease | None,
        reactor: IReactorTime,
        still_at_work: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._migrations = migrations
        self._lease = lease
        self._reactor = reactor
        self._still_at_work = still_at_work

    @property
    def version(self) -> int:
        """That of this release."""
        return len(self._migrations)

    async def check(self) -> None:
        """Raises StartupError unless the database has this release's version, or is empty."""
        found = await self._stored()
        if found is not None and found < self.version:
            raise StartupError(
                f"the database is of an earlier release (schema {found}; JustChat {__version__} has {self.version}):"
                " start the daemon of this release, which brings it up to date"
            )

    async def bring_up_to_date(self) -> None:
        """Returns when the database has this release's version and indexes. Raises StartupError where it has a later
        version.
        """
        at_work = LoopingCall(self._still_at_work)
        at_work.clock = self._reactor
        at_work.start(RENEW_EVERY, now=False)
        try:
            await self._migrate_or_wait()
            await create_indexes(self._database)
        finally:
            at_work.stop()

    async def _migrate_or_wait(self) -> None:
        is_waiting = False
        while True:
            found = await self._stored()
            if found is None:  # nobody has used it yet
                first = {"version": self.version, "release": __version__}
                await self._database.upsert(VERSIONS, _SCHEMA, {"$setOnInsert": first})
                continue
            if found == self.version:
                return
            if self._lease is None or await self._lease.acquire():
                with suppress(_Overtaken):
                    await self._migrate_in_turn()
                continue
            if not is_waiting:
                is_waiting = True
                _log.info("another daemon brings the database up to date; this one waits")
            await deferLater(self._reactor, LOOK_EVERY)

    async def _stored(self) -> int | None:
        """The version of the database; 0 before there were versions, None where the database is empty.

        The collections are read first: the first daemon of all writes the version before anything else.
        """
        names = await self._database.command({"listCollections": 1, "nameOnly": True})
        found = await self._database.find_one(VERSIONS, _SCHEMA)
        if found is None:
            return 0 if names["cursor"]["firstBatch"] else None
        version: int = found["version"]
        if version > self.version:
            raise StartupError(
                f"the database is of a later release, JustChat {found.get('release', '?')} (schema {version}; this one,"
                f" {__version__}, has {self.version}): install that release, or restore a backup of this one"
            )
        return version

    async def _migrate_in_turn(self) -> None:
        renewing = LoopingCall(self._renew)
        renewing.clock = self._reactor
        renewing.start(RENEW_EVERY)
        try:
            await self._migrate()
        finally:
            renewing.stop()
            if self._lease is not None:
                await self._lease.release()

    async def _renew(self) -> None:
        if self._lease is not None:
            with suppress(DatabaseAway):  # the migration meets that too
                await self._lease.acquire()

    async def _migrate(self) -> None:
        await create_indexes(self._database)
        await self._database.upsert(VERSIONS, _SCHEMA, {"$setOnInsert": {"version": 0}})
        while True:
            stored = await self._database.find_one(VERSIONS, _SCHEMA)
            version = stored["version"] if stored else 0
            if version >= self.version:
                return
            migration = self._migrations[version]
            _log.info("the database is brought to schema {to}: {what}", to=version + 1, what=migration.what)
            progress = MigrationProgress(self._database, version, (stored or {}).get("position"))
            await migration.carry_out(progress)
            await progress.end(version + 1)
            _log.info("the database has schema {version}", version=version + 1)
