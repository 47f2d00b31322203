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
from justchat.store.indexes import COMPLAINTS, LOG, NEWEST
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter
from justchat.store.removals import without_words


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
        open = {"_id": _object_id(complaint), "closed": False}
        found = await self._database.find_one(COMPLAINTS, open, ["message"])
        scrubbing = await self._scrubbing(found.get("message")) if found is not None else {}
        close = {"$set": {**scrubbing.pop("$set", {}), "closed": True, "note": note, "closed_at": at}, **scrubbing}
        closed = await self._database.update(COMPLAINTS, open, close)
        if not closed:
            await self.get(complaint)
            raise Conflict("this complaint is closed already")

    async def _scrubbing(self, message: Document | None) -> Document:
        """The update that removes the words of the message, or of what it quotes, if these were removed."""
        copies = {} if message is None else {message["_id"]: "message."}
        if message is not None and message.get("ref_message") is not None:
            copies[message["ref_message"]["_id"]] = "message.ref_message."
        removed = await self._database.find(
            LOG,
            {"_id": {"$in": list(copies)}, "removed_at": {"$ne": None}},
            limit=len(copies) or 1,
            fields=["removed_at"],
            scatter=Scatter.MESSAGE_ID,
        )
        # Without the message's own words there is no quotation either.
        places = sorted((copies[each["_id"]], moment(each["removed_at"])) for each in removed)
        return without_words(*places[0]) if places else {}


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
