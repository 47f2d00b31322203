"""Who is connected, in MongoDB: a document for each process, which it writes again every few seconds."""

from contextlib import suppress

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import DatabaseAway
from justchat.interfaces.online import IOnline
from justchat.model.ids import Id, new_id
from justchat.model.online import Online
from justchat.store.bson import moment
from justchat.store.indexes import ONLINE
from justchat.store.mongo.client import Database, Document

GONE_AFTER = 30_000
"""Milliseconds after its last word that a process counts as gone, by the database's clock."""
MOST_PROCESSES = 10_000


@implementer(IOnline)
class OnlineStore:
    """See IOnline."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._process = ObjectId(new_id())

    async def say(self, online: Online) -> None:
        said: Document = {
            "host": {"$literal": online.host},
            "pid": online.pid,
            "started_at": online.started_at,
            "sockets": online.sockets,
            "users": online.users,
            "some": [ObjectId(user) for user in online.some],
            "open": dict(online.open),
            "parts": {"$literal": dict(online.parts)},
            "version": {"$literal": online.version},
            "at": "$$NOW",
        }
        await self._database.upsert(ONLINE, {"_id": self._process}, [{"$set": said}])

    async def end(self) -> None:
        with suppress(DatabaseAway):
            await self._database.delete_all(ONLINE, {"_id": self._process})

    async def everywhere(self) -> list[Online]:
        lately = {"$expr": {"$gt": ["$at", {"$subtract": ["$$NOW", GONE_AFTER]}]}}
        found = await self._database.find(ONLINE, lately, sort={"at": 1}, limit=MOST_PROCESSES)
        return [_online(document) for document in found]


def _online(document: Document) -> Online:
    return Online(
        host=document["host"],
        pid=document["pid"],
        started_at=moment(document["started_at"]),
        sockets=document["sockets"],
        users=document["users"],
        some=tuple(Id(str(user)) for user in document["some"]),
        # A process of an earlier release may still run.
        open=document.get("open", {}),
        parts=document.get("parts", {}),
        version=document.get("version", ""),
    )
