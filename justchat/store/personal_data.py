"""What belongs to a user: which part of each collection, and the rows of it that an export has.

``BELONGINGS`` names every collection, so that nobody adds one and forgets the people in it; a test compares it with
docs/database.rst.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial

from bson import ObjectId
from zope.interface import implementer

from justchat.actions.presence import with_current_room
from justchat.interfaces.exports import IPersonalData
from justchat.model.entry import Kind
from justchat.model.export import ExportedFile, Form, Rows
from justchat.model.ids import Id
from justchat.model.moment import Clock, iso
from justchat.protocol.documents import (
    complaint_document,
    direct_document,
    message_document,
    room_document,
    sended_gift_document,
    transfer_document,
)
from justchat.protocol.operator_documents import (
    whole_user_document,
)
from justchat.store.bson import direct_from_document, entry_from_document, moment, room_from_document
from justchat.store.bson import transfer_from_document as transfer
from justchat.store.complaints import complaint_from_document
from justchat.store.dialog_lists import messages_query
from justchat.store.history import HISTORY
from justchat.store.indexes import COMPLAINTS, DIALOGS, LEDGER, LOG, NEWEST, PICTURES, ROOMS, SESSIONS, TO_USER, USERS
from justchat.store.indexes import FROM_AUTHOR as TO_ONE
from justchat.store.log.reader import LogReader
from justchat.store.mailboxes import Mailboxes
from justchat.store.mongo.client import Database, Document
from justchat.store.rooms import Rooms
from justchat.store.users import VISITED_ROOMS_KEPT, Users

PAGE = 100
"""Documents that are read at once. Of more, the thread that makes rows of them would keep the reactor waiting."""
LOOKED_THROUGH = 2_000
"""Entries of a room that one query looks through."""

BELONGINGS: Mapping[str, Sequence[str] | str] = {
    "log": ("messages.jsonl", "direct-messages.jsonl", "gifts.json", "blocks.json"),
    "rooms": ("rooms.json",),
    "users": ("profile.json",),
    "sessions": ("sessions.json",),
    "ledger": ("ledger.jsonl",),
    "complaints": ("complaints.json",),
    "pictures": ("uploads/",),
    "fs.files": ("uploads/",),
    "fs.chunks": ("uploads/",),
    "dialogs": "a summary of messages that are exported",
    "ended": "sessions that are over, for a day",
    "answers": "what calls answered, for a day; what they made is exported",
    "exports": "the archives themselves, for a day",
    "held": "messages that wait for an operator, which their authors see in their rooms and dialogs",
    "removals": "an operator's tasks: ids of messages and rooms",
    "load": "numbers of a day; they name nobody",
    "online": "who is connected now; nothing of it is kept",
    "announcements": "what an operator lets somebody tell everybody, whose messages they export",
    "audit": "what operators and app's servers did",
    "deliveries": "what webhooks are told of what is exported, until it has arrived",
    "webhooks": "the state of webhooks; it names nobody",
    "server_keys": "keys of app's servers",
    "sms_counts": "numbers; they name nobody",
    "windows": "counts, under ids from which nobody can be told",
    "invites": "ids from which nobody can be told, for a day",
    "packets": "what daemons publish to each other, for an hour",
    "gifts": "the catalogue; it names nobody",
    "versions": "derived data; it names nobody",
    "leases": "work of daemons; it names nobody",
}
"""By collection: the files of an export with what belongs to a user in it, or why none has."""


@implementer(IPersonalData)
class PersonalData:
    """See IPersonalData. Documents of the database become rows in a thread: that takes longer than to read them."""

    def __init__(self, database: Database, users: Users, rooms: Rooms, mailboxes: Mailboxes, clock: Clock) -> None:
        self._database = database
        self._users = users
        self._rooms = rooms
        self._mailboxes = mailboxes
        self._reader = LogReader(database)
        self._clock = clock

    def files(self, user: Id) -> Sequence[ExportedFile]:
        def file(name: str, form: Form, pages: Callable[[Id], AsyncIterator[Rows]]) -> ExportedFile:
            return ExportedFile(name, form, partial(pages, user))

        return (
            file("profile.json", Form.OBJECT, self._profile),
            file("rooms.json", Form.ARRAY, self._own_rooms),
            file("messages.jsonl", Form.LINES, self._messages),
            file("direct-messages.jsonl", Form.LINES, self._direct_messages),
            file("gifts.json", Form.ARRAY, self._gifts),
            file("ledger.jsonl", Form.LINES, self._ledger),
            file("complaints.json", Form.ARRAY, self._complaints),
            file("sessions.json", Form.ARRAY, self._sessions),
            file("blocks.json", Form.ARRAY, self._blocks),
        )

    async def pictures(self, user: Id) -> AsyncIterator[str]:
        query = {"user": ObjectId(user)}
        async for page in self._database.pages(PICTURES, query, sort={"_id": 1}, fields=["_id", "removing"], size=PAGE):
            for record in page:
                if record.get("removing") is None:
                    yield record["_id"]

    async def _profile(self, user: Id) -> AsyncIterator[Rows]:
        shown = await with_current_room(await self._users.get(user, leaving_too=True), self._rooms)
        yield lambda: [whole_user_document(shown)]

    async def _own_rooms(self, user: Id) -> AsyncIterator[Rows]:
        query = {"admin": ObjectId(user), "removed": False}
        async for page in self._database.pages(ROOMS, query, sort=NEWEST, size=10):  # each may have thousands of users
            yield partial(_each, lambda room: room_document(room_from_document(room)[0], self._clock()), page)

    async def _messages(self, user: Id) -> AsyncIterator[Rows]:
        async for room in self._rooms_written_in(user):
            last = (await self._reader.seqs([Id(str(room))])).get(Id(str(room)), 0)
            after = 0
            while after < last:
                upto = after + LOOKED_THROUGH
                query = {
                    "stream": room,
                    "seq": {"$gt": after, "$lte": upto},
                    "author": ObjectId(user),
                    "kind": HISTORY,
                }
                page = await self._database.find(
                    LOG, query, sort={"stream": 1, "seq": 1}, limit=PAGE, lane=self._database.slow_lane
                )
                yield partial(_each, lambda entry: message_document(entry_from_document(entry)), page)
                after = page[-1]["seq"] if len(page) == PAGE else upto

    async def _rooms_written_in(self, user: Id) -> AsyncIterator[ObjectId]:
        """The rooms that a user may have written in: those that they visited or, where these are too many to be noted,
        all.
        """
        document = await self._database.find_one(USERS, {"_id": ObjectId(user)}, ["visitedRooms"])
        visited = [] if document is None else document["visitedRooms"]
        if len(visited) < VISITED_ROOMS_KEPT:
            for room in visited:
                yield room
            return
        async for page in self._database.pages(ROOMS, {}, sort={"_id": 1}, fields=["_id"], hint="_id_", size=PAGE):
            for found in page:
                yield found["_id"]

    async def _direct_messages(self, user: Id) -> AsyncIterator[Rows]:
        await self._mailboxes.write_dialogs()
        async for rows in self._direct(messages_query(user, None, None), TO_USER):
            yield rows
        query = {"owner": ObjectId(user)}
        order = {"order": -1, "at": -1}
        async for dialogs in self._database.pages(DIALOGS, query, sort=order, fields=["other"], size=PAGE):
            for dialog in dialogs:
                async for rows in self._direct(messages_query(user, None, Id(str(dialog["other"]))), TO_ONE):
                    yield rows

    async def _direct(self, query: Document, index: Document) -> AsyncIterator[Rows]:
        async for page in self._database.pages(LOG, query, sort={"seq": -1}, hint=index["name"], size=PAGE):
            yield partial(_each, lambda message: direct_document(direct_from_document(message)), page)

    async def _gifts(self, user: Id) -> AsyncIterator[Rows]:
        query = {"stream": ObjectId(user), "kind": Kind.GIFT.value}
        async for page in self._database.pages(LOG, query, sort={"seq": -1}, size=PAGE):
            yield partial(_each, lambda gift: sended_gift_document(entry_from_document(gift)), page)

    async def _ledger(self, user: Id) -> AsyncIterator[Rows]:
        async for page in self._database.pages(LEDGER, {"user": ObjectId(user)}, sort=NEWEST, size=PAGE):
            yield partial(_each, lambda each: transfer_document(transfer(each)), page)

    async def _complaints(self, user: Id) -> AsyncIterator[Rows]:
        async for page in self._database.pages(COMPLAINTS, {"author": ObjectId(user)}, sort=NEWEST, size=PAGE):
            yield partial(_each, lambda each: complaint_document(complaint_from_document(each)), page)

    async def _sessions(self, user: Id) -> AsyncIterator[Rows]:
        async for page in self._database.pages(SESSIONS, {"user": ObjectId(user)}, sort=NEWEST, size=PAGE):
            yield partial(_each, _session_row, page)

    async def _blocks(self, user: Id) -> AsyncIterator[Rows]:
        blocks = (await self._mailboxes.mailbox(user)).blocks
        yield lambda: [{"user": whom, "create_at": iso(since)} for whom, since in [*blocks.items()][::-1]]


def _each(convert: Callable[[Document], object], page: Sequence[Document]) -> list[object]:
    return list(map(convert, page))


def _session_row(document: Document) -> dict[str, object]:
    times = {name: iso(moment(document[name])) for name in ("create_at", "seen_at", "expires_at")}
    return {"_id": str(document["_id"]), **times}
