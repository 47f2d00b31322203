"""Complaints about messages, in MongoDB."""

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import Conflict, NotFound
from justchat.interfaces.complaints import IComplaints
from justchat.model.complaint import Complaint
from justchat.model.direct import DirectMessage
from justchat.model.entry import Kind
from justchat.model.ids import Id, is_well_formed
from justchat.model.moment import Moment
from justchat.store.bson import (
    direct_from_document,
    direct_to_document,
    entry_from_document,
    entry_to_document,
    moment,
)
from justchat.store.indexes import COMPLAINTS, NEWEST
from justchat.store.mongo.client import Database, Document


@implementer(IComplaints)
class ComplaintStore:
    """See IComplaints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, complaint: Complaint) -> bool:
        message = complaint.message
        return await self._database.insert(
            COMPLAINTS,
            {
                "_id": ObjectId(complaint.id),
                "author": ObjectId(complaint.author),
                "message": direct_to_document(message)
                if isinstance(message, DirectMessage)
                else entry_to_document(message),
                "text": complaint.text,
                "create_at": complaint.created_at,
                "closed": False,
                "order": self._database.order_clock.next(),
            },
        )

    async def get(self, complaint: Id) -> Complaint:
        document = await self._database.find_one(COMPLAINTS, {"_id": _object_id(complaint)})
        if document is None:
            raise NotFound("no complaint has this id")
        return _from_document(document)

    async def open(self, limit: int) -> list[Complaint]:
        documents = await self._database.find(COMPLAINTS, {"closed": False}, sort=NEWEST, limit=limit)
        return [_from_document(document) for document in documents]

    async def all(self, limit: int) -> list[Complaint]:
        documents = await self._database.find(COMPLAINTS, {}, sort=NEWEST, limit=limit)
        return [_from_document(document) for document in documents]

    async def close(self, complaint: Id, note: str, at: Moment) -> None:
        closed = await self._database.update(
            COMPLAINTS,
            {"_id": _object_id(complaint), "closed": False},
            {"$set": {"closed": True, "note": note, "closed_at": at}},
        )
        if not closed:
            await self.get(complaint)
            raise Conflict("this complaint is closed already")


def _object_id(complaint: Id) -> ObjectId:
    if not is_well_formed(complaint):
        raise NotFound("no complaint has this id")
    return ObjectId(complaint)


def _from_document(document: Document) -> Complaint:
    message = document["message"]
    closed_at = document.get("closed_at")
    direct = message["kind"] == Kind.DIRECT_MESSAGE
    return Complaint(
        id=Id(str(document["_id"])),
        author=Id(str(document["author"])),
        message=direct_from_document(message) if direct else entry_from_document(message),
        text=document["text"],
        created_at=moment(document["create_at"]),
        note=document.get("note"),
        closed_at=None if closed_at is None else moment(closed_at),
    )
