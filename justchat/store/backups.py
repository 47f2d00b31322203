"""The note of the last backup, in MongoDB: metrics tell how old it is."""

from attrs import frozen

from justchat.model.moment import Moment
from justchat.store.bson import moment
from justchat.store.indexes import VERSIONS
from justchat.store.mongo.client import Database

_BACKUP = {"_id": "backup"}


@frozen
class LastBackup:
    """A backup that succeeded: when it began, and the bytes of its file."""

    at: Moment
    size: int


class Backups:
    """The last backup. Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, made: LastBackup) -> None:
        """This one has succeeded."""
        await self._database.upsert(VERSIONS, _BACKUP, {"$set": {"at": made.at, "size": made.size}})

    async def last(self) -> LastBackup | None:
        """The last one; None before the first."""
        found = await self._database.find_one(VERSIONS, _BACKUP)
        return None if found is None else LastBackup(moment(found["at"]), found["size"])
