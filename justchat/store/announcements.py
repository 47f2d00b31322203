"""Announcements, in MongoDB.

Invariant: ``after`` only grows, and everybody up to it has the announcement's entry or may not have it. A crash between
the entries and ``after`` lets the next holder of the lease go through the same people again: the ids of the entries are
derived, so nobody is told twice.
"""

from typing import Any

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import MessageNotFound
from justchat.interfaces.announcements import IAnnouncements
from justchat.model.announcement import Announcement, Progress
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.store.bson import id_of, moment, moment_or_none, object_id
from justchat.store.indexes import ANNOUNCEMENTS, BY_ID, RUNNING, USERS
from justchat.store.mongo.client import Database, Document

_RUNNING = {"progress": Progress.RUNNING.value}


@implementer(IAnnouncements)
class AnnouncementStore:
    """See IAnnouncements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, announcement: Announcement) -> Announcement:
        # The number of documents as the collection's metadata have it: a count of a million users takes a second.
        people = int((await self._database.command({"count": USERS}))["n"])
        document = _to_document(announcement) | {"people": people, "order": self._database.order_clock.next()}
        if await self._database.insert(ANNOUNCEMENTS, document):
            return _from_document(document)
        return await self.get(announcement.id)

    async def find(self, announcement: Id) -> Announcement | None:
        query = {"_id": object_id(announcement, MessageNotFound)}
        document = await self._database.find_one(ANNOUNCEMENTS, query)
        return None if document is None else _from_document(document)

    async def get(self, announcement: Id) -> Announcement:
        found = await self.find(announcement)
        if found is None:
            raise MessageNotFound("no announcement has this id")
        return found

    async def count_running(self, most: int) -> int:
        return len(await self._running(most, ["_id"]))

    async def next_running(self) -> Announcement | None:
        running = await self._running(1)
        return _from_document(running[0]) if running else None

    async def _running(self, limit: int, fields: list[str] | None = None) -> list[Document]:
        return await self._database.find(
            ANNOUNCEMENTS,
            _RUNNING,
            sort={"progress": 1, "order": 1},
            limit=limit,
            fields=fields,
            hint=RUNNING["name"],
        )

    async def latest(self, limit: int, *, skip: int = 0) -> list[Announcement]:
        found = await self._database.find(ANNOUNCEMENTS, {}, sort={"order": -1}, skip=skip, limit=limit)
        return [_from_document(document) for document in found]

    async def next_receivers(self, announcement: Announcement, limit: int) -> list[Id]:
        ids: Document = {"$ne": ObjectId(announcement.author)}
        if announcement.after is not None:
            ids["$gt"] = ObjectId(announcement.after)
        # Who signs up from now on is told nothing: else there might be no end.
        query = {"_id": ids, "create_at": {"$lte": announcement.created_at}, "deletes_at": None, "erasing": None}
        found = await self._database.find(USERS, query, sort={"_id": 1}, limit=limit, fields=["_id"], hint=BY_ID)
        return [id_of(document["_id"]) for document in found]

    async def advance(self, announcement: Announcement, after: Id, told: int, skipped: int) -> None:
        place = {"_id": ObjectId(announcement.id), "after": _object_id_or_none(announcement.after)}
        change = {"$set": {"after": ObjectId(after)}, "$inc": {"told": told, "skipped": skipped}}
        await self._database.update(ANNOUNCEMENTS, place, change)

    async def end(self, announcement: Id, progress: Progress, at: Moment) -> bool:
        query = {"_id": object_id(announcement, MessageNotFound), **_RUNNING}
        change = {"$set": {"progress": progress.value, "ended_at": at}}
        return await self._database.update(ANNOUNCEMENTS, query, change)


def _object_id_or_none(id: Id | None) -> ObjectId | None:
    return None if id is None else ObjectId(id)


def _to_document(announcement: Announcement) -> Document:
    return {
        "_id": ObjectId(announcement.id),
        "author": ObjectId(announcement.author),
        "text": announcement.text,
        "create_at": announcement.created_at,
        "told": announcement.told,
        "skipped": announcement.skipped,
        "after": _object_id_or_none(announcement.after),
        "progress": announcement.progress.value,
    }


def _from_document(document: Document) -> Announcement:
    after: Any = document["after"]
    return Announcement(
        id=id_of(document["_id"]),
        author=id_of(document["author"]),
        text=document["text"],
        # A document that was just made has the times of the model.
        created_at=moment(document["create_at"].replace(tzinfo=None)),
        people=document["people"],
        told=document["told"],
        skipped=document["skipped"],
        after=None if after is None else id_of(after),
        progress=Progress(document["progress"]),
        ended_at=moment_or_none(document.get("ended_at")),
    )
