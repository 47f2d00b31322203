"""Deletions of accounts, in the documents of users.

Invariant: each change is one update of one document, so a sign-in, which cancels a deletion, and its begin exclude each
other. ``deletes_at`` is set from the request on, ``erasing`` from the begin on, and never both absent in between.
"""

from datetime import timedelta

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import UserNotFound
from justchat.interfaces.deletions import IDeletions
from justchat.model.ids import Id
from justchat.model.moment import Clock, Moment
from justchat.model.webhook import WebhookType
from justchat.store.bson import moment, object_id
from justchat.store.indexes import USERS
from justchat.store.marks import MARK, Marks
from justchat.store.mongo.client import Database, Document

LATE = timedelta(minutes=2)
"""After this, no call that began before a deletion is in progress any more."""
PARTING = timedelta(seconds=30)
"""After a request, for how long the user's sessions and room are looked for again."""
AT_ONCE = 100
DELETED_EXTERNAL_ID = "deleted_external_id"
"""The field of a user that is being deleted with the app's own id, until webhooks are told."""


@implementer(IDeletions)
class Deletions:
    """See IDeletions."""

    def __init__(self, database: Database, clock: Clock, marks: Marks | None = None) -> None:
        self._database = database
        self._clock = clock
        self._marks = marks or Marks()

    async def request(self, user: Id, at: Moment) -> Moment:
        earlier: Document = {"$min": ["$deletes_at", at]}  # a missing one is ignored
        change = {"$set": {"deletes_at": earlier, "parting": self._clock() + PARTING}}
        query = {"_id": object_id(user, UserNotFound), "erasing": None}
        document = await self._database.update_and_get(USERS, query, [change])
        if document is None:
            raise UserNotFound
        return moment(document["deletes_at"])

    async def parting(self) -> list[Id]:
        return await self._ids({"parting": {"$exists": True}}, AT_ONCE)

    async def parted(self, user: Id) -> None:
        await self._database.update(
            USERS, {"_id": ObjectId(user), "parting": {"$lte": self._clock()}}, {"$unset": {"parting": 1}}
        )

    async def check(self, user: Id) -> None:
        query = {"_id": object_id(user, UserNotFound), "erasing": None}
        if await self._database.find_one(USERS, query, fields=["_id"]) is None:
            raise UserNotFound

    async def hold(self, user: Id, until: Moment) -> None:
        await self._change(user, {"$set": {"held_until": until}})

    async def release(self, user: Id) -> None:
        await self._change(user, {"$unset": {"held_until": 1}})

    async def _change(self, user: Id, change: Document) -> None:
        query = {"_id": object_id(user, UserNotFound), "erasing": None}
        if await self._database.update_and_get(USERS, query, change) is None:
            raise UserNotFound

    async def begin(self, limit: int) -> None:
        at = self._clock()
        due: Document = {
            "deletes_at": {"$lte": at},
            "erasing": None,
            "$or": [{"held_until": None}, {"held_until": {"$lte": at}}],
        }
        for user in await self._ids(due, limit):
            # The phone is unique, and an id is nobody's phone. No key is an empty hash.
            nothing: Document = {"phone": user, "password": "", "nickname": None, "folded": None, "location": None}
            nothing |= {"photo": None, "dob": None, "gender": None, "visitedRooms": [], "erasing": at}
            gone = {"external_id": 1, "identity": 1, "places": 1, "free_coins": 1, "key_at": 1, "held_until": 1}
            change: Document = {"$set": nothing, "$unset": gone}
            if self._marks.of(WebhookType.USER_DELETED):
                # The app's server knows the user by this id. It goes with the mark.
                del gone["external_id"]
                change["$rename"] = {"external_id": DELETED_EXTERNAL_ID}
                change["$addToSet"] = {MARK: WebhookType.USER_DELETED.value}
            await self._database.update(USERS, {"_id": ObjectId(user), **due}, change)

    async def begun(self, limit: int) -> list[Id]:
        return await self._ids({"erasing": {"$lte": self._clock()}}, limit)

    async def put_off(self, user: Id) -> None:
        later = {"$set": {"erasing": self._clock() + LATE}}
        await self._database.update(USERS, {"_id": ObjectId(user), "erasing": {"$ne": None}}, later)

    async def rest(self, user: Id) -> bool:
        query: Document = {"_id": ObjectId(user), "erasing": {"$lte": self._clock()}}
        again = {"$set": {"erasing": self._clock() + LATE, "erased_once": True}}
        # Once more, and until webhooks are told.
        unfinished = {**query, "$or": [{"erased_once": None}, {MARK: {"$ne": None}}]}
        if await self._database.update(USERS, unfinished, again):
            return False
        return await self._database.delete_and_get(USERS, query) is not None

    async def _ids(self, query: Document, limit: int) -> list[Id]:
        found = await self._database.find(USERS, query, limit=limit, fields=["_id"])
        return [Id(str(document["_id"])) for document in found]
