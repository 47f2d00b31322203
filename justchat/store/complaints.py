"""Complaints, in MongoDB."""

from datetime import timedelta

from attrs import evolve
from bson import ObjectId
from zope.interface import implementer

from justchat.errors import Conflict, NotFound
from justchat.interfaces.complaints import IComplaints
from justchat.model.complaint import Complaint, ComplaintReason
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id, is_well_formed
from justchat.model.moment import Moment
from justchat.model.webhook import WebhookType
from justchat.store.bson import (
    direct_from_document,
    direct_to_document,
    entry_from_document,
    entry_to_document,
    moment,
)
from justchat.store.indexes import COMPLAINTS, LOG, NEWEST
from justchat.store.marks import Marks
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter
from justchat.store.removals import without_words

CLOSED = "_".join(("closed", *NEWEST))
"""The index of open and closed ones."""
OWN_LATEST = {"author": 1, "about": 1, **NEWEST}
"""Complaints of one author about one thing, the latest first."""


@implementer(IComplaints)
class ComplaintStore:
    """See IComplaints."""

    def __init__(self, database: Database, marks: Marks | None = None) -> None:
        self._database = database
        self._marks = marks or Marks()

    async def add_once(self, complaint: Complaint, within: timedelta) -> Complaint:
        same = {"author": ObjectId(complaint.author), "about": complaint.about}
        while True:
            found = await self._database.find(COMPLAINTS, same, sort=OWN_LATEST, limit=1)
            # One of the far future was made by a wrong clock.
            if found and abs(complaint.created_at - moment(found[0]["create_at"])) < within:
                return complaint_from_document(found[0])
            number = found[0]["number"] + 1 if found else 0
            # Simultaneous ones have the same number, so the same id, which one of them gets.
            id = derived_id("complaint", complaint.author, complaint.about, str(number))
            new = evolve(complaint, id=id)
            if await self._database.insert(COMPLAINTS, self._to_document(new, number)):
                return new

    def _to_document(self, complaint: Complaint, number: int) -> Document:
        message = complaint.message
        return {
            "_id": ObjectId(complaint.id),
            "author": ObjectId(complaint.author),
            "about": complaint.about,
            "number": number,
            "user": None if complaint.user is None else ObjectId(complaint.user),
            "room": None if complaint.room is None else ObjectId(complaint.room),
            "message": None if message is None else _copy(message),
            "reason": complaint.reason.value,
            "text": complaint.text,
            "create_at": complaint.created_at,
            "closed": False,
            "order": self._database.order_clock.next(),
            **self._marks.of(WebhookType.COMPLAINT_NEW),
        }

    async def get(self, complaint: Id) -> Complaint:
        document = await self._database.find_one(COMPLAINTS, {"_id": _object_id(complaint)})
        if document is None:
            raise NotFound("no complaint has this id")
        return complaint_from_document(document)

    async def latest(self, limit: int, *, closed: bool | None = None, skip: int = 0) -> list[Complaint]:
        return await self._latest({} if closed is None else {"closed": closed}, limit, skip)

    async def count_open(self, most: int) -> int:
        return len(await self._database.find(COMPLAINTS, {"closed": False}, limit=most, fields=["_id"], hint=CLOSED))

    async def about_user(self, user: Id, limit: int) -> list[Complaint]:
        return await self._latest({"user": ObjectId(user)}, limit)

    async def by_author(self, author: Id, limit: int) -> list[Complaint]:
        return await self._latest({"author": ObjectId(author)}, limit)

    async def _latest(self, query: Document, limit: int, skip: int = 0) -> list[Complaint]:
        documents = await self._database.find(COMPLAINTS, query, sort=NEWEST, skip=skip, limit=limit)
        return [complaint_from_document(document) for document in documents]

    async def close(self, complaint: Id, note: str, at: Moment) -> None:
        open = {"_id": _object_id(complaint), "closed": False}
        found = await self._database.find_one(COMPLAINTS, open, ["message"])
        scrubbing = await self._scrubbing(found.get("message")) if found is not None else {}
        close = {"$set": {**scrubbing.pop("$set", {}), "closed": True, "note": note, "closed_at": at}, **scrubbing}
        closed = await self._database.update(COMPLAINTS, open, close)
        if not closed:
            await self.get(complaint)
            raise Conflict("this complaint is closed already")

    async def reopen(self, complaint: Id) -> None:
        closed = {"_id": _object_id(complaint), "closed": True}
        opened = {"$set": {"closed": False}, "$unset": {"note": "", "closed_at": ""}}
        if not await self._database.update(COMPLAINTS, closed, opened):
            await self.get(complaint)
            raise Conflict("this complaint is open")

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


def _copy(message: Entry | DirectMessage) -> Document:
    return direct_to_document(message) if isinstance(message, DirectMessage) else entry_to_document(message)


def complaint_from_document(document: Document) -> Complaint:
    """A complaint as it is stored."""
    copy, closed_at = document["message"], document.get("closed_at")
    message: Entry | DirectMessage | None = None
    if copy is not None:
        is_direct = copy["kind"] == Kind.DIRECT_MESSAGE
        message = direct_from_document(copy) if is_direct else entry_from_document(copy)
    user, room = document["user"], document["room"]
    return Complaint(
        id=Id(str(document["_id"])),
        author=Id(str(document["author"])),
        message=message,
        user=None if user is None else Id(str(user)),
        room=None if room is None else Id(str(room)),
        reason=ComplaintReason(document["reason"]),
        text=document["text"],
        created_at=moment(document["create_at"]),
        note=document.get("note"),
        closed_at=None if closed_at is None else moment(closed_at),
    )
