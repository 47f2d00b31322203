"""What a user reads of dialogs: the messages of one, the list of all with the last message of each, what is unread.

The list is stored (``dialogs.py``). Of an active dialog, the log alone says which message is the last.
"""

from collections.abc import Sequence

from bson import ObjectId

from justchat.actions.concurrently import all_of
from justchat.model.direct import DirectMessage
from justchat.model.entry import Kind
from justchat.model.ids import Id
from justchat.store.bson import direct_from_document, pair
from justchat.store.dialogs import MAX_SHOWN, Dialogs, StoredDialog
from justchat.store.indexes import BETWEEN, BY_ID, LATEST, LOG, UNREAD
from justchat.store.mongo.client import Database, Document
from justchat.store.room_search import EARLY
from justchat.store.unread_counts import Counts

DIRECT = {"kind": Kind.DIRECT_MESSAGE.value}
OF_DIRECT = ("_id", "author", "user", "text", "create_at", "read_at", "order", "removed_by", "held")
"""The fields that a direct message is read from, and who has removed it."""


class DialogLists:
    """Reads dialogs, and corrects those that are stored with a message that their owner has removed."""

    def __init__(self, database: Database, dialogs: Dialogs) -> None:
        self._database = database
        self._dialogs = dialogs

    async def dialog(self, user: Id, other: Id, *, skip: int, limit: int) -> list[DirectMessage]:
        """Messages between two users that ``user`` has not removed, the latest first."""
        documents = await self._database.find(
            LOG,
            dialog_query(user, other),
            sort=LATEST,
            skip=skip,
            limit=limit,
            hint=BETWEEN["name"],
            slow=user if skip > EARLY else None,
        )
        self.observe(documents)
        return [direct_from_document(document) for document in documents]

    async def around(self, message: DirectMessage, number: int) -> list[DirectMessage]:
        """Some messages of the same dialog before and after one, the oldest first, removed ones too."""
        if message.order is None:
            return []
        of_both, found = between(message.author, message.user), list[Document]()
        for place, order in (({"$lt": message.order}, LATEST), ({"$gt": message.order}, dict.fromkeys(LATEST, 1))):
            query = {**of_both, "order": place}
            some = await self._database.find(LOG, query, sort=order, limit=number, hint=BETWEEN["name"])
            found = some[::-1] + found if order is LATEST else found + some
        return [direct_from_document(document) for document in found]

    async def count_unread(self, user: Id) -> Counts:
        """How many messages a user has not read, by author. It reads an index alone."""
        rows = await self._database.aggregate(
            LOG,
            [
                {"$match": {**DIRECT, "stream": ObjectId(user), "read": False}},
                {"$group": {"_id": "$author", "n": {"$sum": 1}}},
            ],
            hint=UNREAD["name"],
        )
        return {Id(str(row["_id"])): row["n"] for row in rows}

    def observe(self, latest_first: Sequence[Document]) -> None:
        """Observe the order of messages that somebody is about to read, and may answer through this daemon."""
        if latest_first:
            self._database.order_clock.observe(latest_first[0].get("order"))

    async def last_messages(self, user: Id) -> list[DirectMessage]:
        """The last message of each of a user's dialogs, the latest first."""
        stored = await self._dialogs.of(user)
        uncertain = [each for each in stored if each.is_active or each.last is None]
        certain = [each for each in stored if not each.is_active and each.last is not None] if uncertain else stored
        messages, removed = await self._stored_messages(user, certain)
        uncertain += removed
        if uncertain:
            messages += await self._messages_of_log(user, uncertain)
            messages.sort(key=lambda message: (message.order or 0, message.created_at), reverse=True)
        return messages

    async def _stored_messages(
        self, user: Id, dialogs: Sequence[StoredDialog]
    ) -> tuple[list[DirectMessage], list[StoredDialog]]:
        """The last messages of dialogs as they are stored, and the dialogs whose owner has removed it; or it was taken
        back.

        Another daemon wrote such a dialog after the removal: it had not written it before.
        """
        if not dialogs:
            return [], []
        owner = ObjectId(user)
        query = {
            "_id": {"$in": [each.last for each in dialogs]},
            "stream": {"$in": [owner, *(each.other for each in dialogs)]},
        }
        found = await self._database.find(LOG, query, limit=MAX_SHOWN, fields=OF_DIRECT, hint=BY_ID)
        documents = {document["_id"]: document for document in found}
        messages: list[DirectMessage] = []
        removed: list[StoredDialog] = []
        for each in dialogs:
            document = documents.get(each.last)
            if document is None:
                continue
            if owner in document.get("removed_by", (owner,)):  # a message that was taken back is void, and has none
                removed.append(each)
            else:
                messages.append(direct_from_document(document))
        return messages, removed

    async def _messages_of_log(self, user: Id, dialogs: Sequence[StoredDialog]) -> list[DirectMessage]:
        """The last messages of these dialogs. What is wrong where they are stored, and stays so, is corrected."""

        async def last(dialog: StoredDialog) -> DirectMessage | None:
            other = Id(str(dialog.other))
            if dialog.is_active:
                return await self._last(user, other)
            return await self.correct_last(user, other, [dialog.last])

        return [message for message in await all_of(map(last, dialogs)) if message is not None]

    async def _last(self, user: Id, other: Id) -> DirectMessage | None:
        messages = await self.dialog(user, other, skip=0, limit=1)
        return messages[0] if messages else None

    async def correct_last(self, user: Id, other: Id, removed: Sequence[ObjectId | None]) -> DirectMessage | None:
        """Where a dialog's last message is one of the removed, make it the last that is left, which is returned."""
        left = await self._last(user, other)
        await self._dialogs.replace_last(user, other, removed, left)
        return left


def messages_query(user: Id, author: Id | None, to: Id | None) -> Document:
    """Those sent to the user, or only by ``author``; or those the user sent to ``to``."""
    query: Document = {**DIRECT, "removed_by": {"$ne": ObjectId(user)}}
    if to is not None:
        return {**query, "stream": ObjectId(to), "user": ObjectId(to), "author": ObjectId(user)}
    query |= {"stream": ObjectId(user), "user": ObjectId(user)}
    if author is not None:
        query["author"] = ObjectId(author)
    return query


def dialog_query(user: Id, other: Id) -> Document:
    """The direct messages between two users that ``user`` has not removed."""
    return {**between(user, other), "removed_by": {"$ne": ObjectId(user)}}


def between(user: Id, other: Id) -> Document:
    """The direct messages between two users."""
    return {**DIRECT, "stream": streams(user, other), "pair": pair(user, other)}


def streams(*users: Id) -> Document:
    """The streams of users."""
    return {"$in": [ObjectId(user) for user in users]}
