"""The users, in MongoDB."""

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

from bson import ObjectId
from pymongo.errors import DuplicateKeyError
from twisted.internet import reactor
from twisted.internet.task import deferLater
from zope.interface import implementer

from justchat.actions.concurrently import all_of
from justchat.errors import Busy, Conflict, UserNotFound
from justchat.interfaces.users import IUsers
from justchat.limits.bounded_cache import BoundedCache
from justchat.model.entry import Entry, Kind
from justchat.model.identity import Identity
from justchat.model.ids import Id, is_well_formed
from justchat.model.moment import Clock
from justchat.model.phone import Phone
from justchat.model.text import fold
from justchat.model.user import KnownIdentity, Profile, Suspension, User, UserKey
from justchat.model.webhook import WebhookType
from justchat.store.bson import entry_from_document, moment, object_id
from justchat.store.bson_users import (
    identity_to_document,
    profile_to_document,
    suspension_from_document,
    suspension_to_document,
    user_from_document,
    user_to_document,
)
from justchat.store.indexes import BY_ID, LOG, NEWEST, ROOMS, SESSIONS, USERS
from justchat.store.marks import Marks
from justchat.store.mongo.client import Database, Document
from justchat.store.room_search import EARLY, SHORT
from justchat.store.server_time import outlasted

KEY_TRIES = 5
"""Wrong tries after which a key is not accepted any more."""
PLACES_KEPT = 8
"""Places of the latest sign-ins that a user's document keeps."""
VISITED_ROOMS_KEPT = 1_000
ROOMS_SHOWN = 1_000
GIFTS_SHOWN = 100
GIFTS_LISTED = 10
"""Of each user in a list of users, since a gift may have a text of kilobytes."""
READ_AT_ONCE = 10
"""Users of a list that are read together."""
LAST_CHARACTER = chr(0x10FFFF)
"""No character sorts after this one."""
MAX_EXISTING = 50_000
"""Users whose existence is cached."""
_NO_SUSPENSION = {"$unset": {"suspension": ""}}
EXISTENCE_CACHED = 60.0
"""Seconds. ``forget`` comes sooner, but not for a read that was in progress."""
_NOT_DELETED: Document = {"deletes_at": None}
"""The query for users whose deletion was not requested."""
MOVE_TAKES = timedelta(seconds=10)
"""A move that takes longer belongs to a daemon that died."""


@implementer(IUsers)
class Users:
    """See IUsers."""

    def __init__(
        self, database: Database, clock: Clock, key_lifetime: float | None = None, marks: Marks | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._marks = marks or Marks()
        self._key_lifetime = None if key_lifetime is None else timedelta(seconds=key_lifetime)
        self._existing: BoundedCache[Id, float] = BoundedCache(MAX_EXISTING)
        """When each was last found."""

    async def add(self, user: User) -> bool:
        mark = self._marks.of_user(WebhookType.USER_NEW)
        return await self._database.insert(USERS, {**user_to_document(user), **mark})

    async def get(self, user: Id, *, leaving_too: bool = False) -> User:
        here = {"erasing": None} if leaving_too else _NOT_DELETED
        document = await self._database.find_one(USERS, {"_id": object_id(user, UserNotFound), **here})
        if document is None:
            raise UserNotFound
        return await self._complete(document)

    async def get_several(self, users: Sequence[Id]) -> list[User]:
        ids = [ObjectId(user) for user in users if is_well_formed(user)]
        wanted = {"_id": {"$in": ids}, **_NOT_DELETED}
        documents = await self._database.find(USERS, wanted, limit=len(ids)) if ids else []
        by_id = {document["_id"]: document for document in documents}
        existing = [by_id[id] for id in ids if id in by_id]
        found: list[User] = []
        for start in range(0, len(existing), READ_AT_ONCE):
            some = existing[start : start + READ_AT_ONCE]
            found += await all_of(self._complete(one, GIFTS_LISTED) for one in some)
        return found

    async def search(self, beginning: str, skip: int, limit: int, by: Id) -> list[Id]:
        first = fold(beginning)
        documents = await self._database.find(
            USERS,
            {"folded": {"$gte": first, "$lt": first + LAST_CHARACTER}},
            sort={"folded": 1, "_id": 1},
            skip=skip,
            limit=limit,
            fields=["_id"],
            hint="folded__id",
            slow=by,
        )
        return [Id(str(document["_id"])) for document in documents]

    async def latest(self, skip: int, limit: int) -> list[Id]:
        found = await self._database.find(
            USERS, _NOT_DELETED, sort={"_id": -1}, skip=skip, limit=limit, fields=["_id"], hint=BY_ID
        )
        return [Id(str(document["_id"])) for document in found]

    async def count(self) -> int:
        return int((await self._database.command({"count": USERS}))["n"])

    async def search_phones(self, beginning: str, skip: int, limit: int) -> list[Id]:
        begins: Document = {"phone": {"$gte": beginning, "$lt": beginning + LAST_CHARACTER}, **_NOT_DELETED}
        found = await self._database.find(USERS, begins, sort={"phone": 1}, skip=skip, limit=limit, fields=["_id"])
        return [Id(str(document["_id"])) for document in found]

    async def gifts(self, user: Id, skip: int, limit: int, by: Id) -> tuple[list[Entry], int]:
        await self.exists(user)
        return await self._gifts(user, skip, limit, by)

    async def _gifts(self, user: Id, skip: int, limit: int, by: Id) -> tuple[list[Entry], int]:
        query = {"stream": ObjectId(user), "kind": Kind.GIFT.value}
        gifts = await self._database.find(
            LOG, query, sort={"seq": -1}, skip=skip, limit=limit + 1, slow=by if skip > EARLY or limit > SHORT else None
        )
        # The end of the list gives the number, unless the page is beyond the end.
        counted = len(gifts) <= limit and (gifts or not skip)
        count = skip + len(gifts) if counted else await self._database.count(LOG, query)
        return [entry_from_document(gift) for gift in gifts[:limit]], count

    async def exists(self, user: Id) -> None:
        found = self._existing.get(user)
        if found is not None and monotonic() - found < EXISTENCE_CACHED:
            return
        query = {"_id": object_id(user, UserNotFound), **_NOT_DELETED}
        at = monotonic()
        if await self._database.find_one(USERS, query, fields=["_id"]) is None:
            raise UserNotFound
        self._existing.put(user, at)

    def forget(self, user: Id) -> None:
        """Ask the database about a user again, who may have been deleted."""
        self._existing.pop(user, None)

    async def find_id(
        self, *, phone: Phone | None = None, external_id: str | None = None, leaving_too: bool = False
    ) -> Id | None:
        query = {"phone": phone} if external_id is None else {"external_id": external_id}
        here = {"erasing": None} if leaving_too else _NOT_DELETED
        document = await self._database.find_one(USERS, {**query, **here}, fields=["_id"])
        return None if document is None else Id(str(document["_id"]))

    async def by_phone(self, phone: Phone) -> User | None:
        document = await self._database.find_one(USERS, {"phone": phone, **_NOT_DELETED})
        return None if document is None else await self._complete(document)

    async def _complete(self, document: Document, most_gifts: int = GIFTS_SHOWN) -> User:
        """The user with the rooms they created and the latest gifts they were given, newest last. The user's document
        has neither: rooms are found by their ``admin``, gifts in the user's stream.
        """
        user = Id(str(document["_id"]))
        rooms = await self._database.find(
            ROOMS, {"admin": document["_id"], "removed": False}, sort=NEWEST, limit=ROOMS_SHOWN, fields=["_id"]
        )
        gifts, count = await self._gifts(user, 0, most_gifts, user)
        return user_from_document(document, [room["_id"] for room in reversed(rooms)], gifts[::-1], count)

    async def set_password(self, phone: Phone, password: str) -> bool:
        key = {"password": password, "tries": 0, "key_at": self._clock()}
        return await self._database.update(USERS, {"phone": phone}, {"$set": key})

    async def find_key(self, phone: Phone) -> UserKey | None:
        fields = ["password", "tries", "key_at", "places", "suspension"]
        document = await self._database.find_one(USERS, {"phone": phone}, fields=fields)
        if document is None:
            return None
        # The age of an early release's key is unknown: it has expired.
        made = document.get("key_at")
        lifetime = self._key_lifetime
        # A key of the future was made by a wrong clock: it lives no longer than others.
        young = lifetime is None or (made is not None and abs(self._clock() - moment(made)) < lifetime)
        places = document.get("places")
        if places is None:  # of a release that did not keep them: a user with a session has signed in
            proved = await self._database.find_one(SESSIONS, {"user": document["_id"]}, fields=["_id"]) is not None
        else:
            proved = bool(places)
        return UserKey(
            user=Id(str(document["_id"])),
            hash=document["password"],
            is_usable=document["tries"] < KEY_TRIES and young,
            known_networks=frozenset(Id(str(place)) for place in places or ()),
            phone_verified=proved,
            suspension=suspension_from_document(document.get("suspension")),
        )

    # A key is checked first, and the result stored then, on condition that the key has tries left: a call that fails
    # in between, because the database or the daemon is away, has answered nothing and counts nothing. Of many tries at
    # once those count that are stored first: four wrong ones may come before the right one.

    async def count_wrong_key(self, key: UserKey) -> bool:
        counted = await self._database.update_and_get(USERS, _living_key(key), {"$inc": {"tries": 1}})
        return counted is not None and counted["tries"] >= KEY_TRIES

    async def accept_key(self, key: UserKey, place: Id) -> bool:
        at = ObjectId(place)
        others = {"$filter": {"input": {"$ifNull": ["$places", []]}, "cond": {"$ne": ["$$this", at]}}}
        places = {"$slice": [{"$concatArrays": [others, [at]]}, -PLACES_KEPT]}
        accepted = [{"$set": {"tries": 0, "places": places}}, {"$unset": ["deletes_at", "parting"]}]
        return await self._database.update(USERS, _living_key(key), accepted)

    async def find_identity(self, identity: Identity, external_id: str | None) -> KnownIdentity | None:
        named = _of_identity(identity)
        document = await self._database.find_one(USERS, named, fields=["suspension"])
        if document is None and external_id is not None:
            unclaimed: Document = {"external_id": external_id, "identity": None, "erasing": None}
            change = {"$set": {"identity": identity_to_document(identity)}}
            document = await self._database.update_and_get(USERS, unclaimed, change)
        if document is None:
            return None
        suspension = suspension_from_document(document.get("suspension"))
        return KnownIdentity(user=Id(str(document["_id"])), suspension=suspension)

    async def accept_identity(self, user: Id, identity: Identity) -> bool:
        here = {"_id": ObjectId(user), "erasing": None, **_of_identity(identity)}
        return await self._database.update(USERS, here, {"$unset": {"deletes_at": 1, "parting": 1}})

    async def update(self, user: Id, profile: Profile, phone: Phone | None, external_id: str | None) -> bool:
        query: Document = {"_id": ObjectId(user), **_NOT_DELETED}
        fields = profile_to_document(profile)
        if external_id is not None:
            query["external_id"] = {"$in": [None, external_id]}
            fields["external_id"] = external_id
        # As literals: a text that begins with a dollar sign would be a field's name.
        change: Document = {name: {"$literal": value} for name, value in fields.items()}
        if phone is not None:
            # A key went to the phone that the user had.
            same: Document = {"$eq": ["$phone", phone]}
            change |= {"phone": phone, "password": {"$cond": [same, "$password", ""]}}
            change |= {"places": {"$cond": [same, "$places", []]}}
        if not change:
            return await self._database.find_one(USERS, query, fields=["_id"]) is not None
        try:
            return await self._database.update_and_get(USERS, query, [{"$set": change}]) is not None
        except DuplicateKeyError:
            raise Conflict("another user has this phone or external_id") from None

    async def keep(self, user: Id) -> bool:
        query = {"_id": object_id(user, UserNotFound), "erasing": None}
        return await self._database.update(USERS, query, {"$unset": {"deletes_at": "", "parting": ""}})

    async def edit(self, user: Id, profile: Profile) -> None:
        if profile:
            await self._database.update(USERS, {"_id": ObjectId(user)}, {"$set": profile_to_document(profile)})

    async def suspend(self, user: Id, suspension: Suspension | None) -> bool:
        query: Document = {"_id": object_id(user, UserNotFound)}
        if suspension is None:
            return await self._database.update(USERS, {**query, "suspension": {"$exists": True}}, _NO_SUSPENSION)
        change = {"$set": {"suspension": suspension_to_document(suspension)}}
        return await self._database.update(USERS, query, change)

    async def begin_move(self, user: Id, to: Id) -> tuple[Id | None, Id | None]:
        waited = 0.0  # seconds
        while True:
            before = await self._database.update_and_get(
                USERS,
                {
                    "_id": object_id(user, UserNotFound),
                    **_NOT_DELETED,
                    "$or": [{"moving": None}, outlasted("moving.at", MOVE_TAKES)],
                },
                [{"$set": {"moving": {"to": ObjectId(to), "at": "$$NOW"}}}],
                before=True,
            )
            if before is not None:
                # Whatever daemon appended the entering before, this one sorts after it.
                self._database.order_clock.observe(before.get("entered"))
                return _room(before["room"]), _room((before.get("moving") or {}).get("to"))
            if waited > 3:
                raise Busy("another of your moves is still under way; nothing was stored")
            await deferLater(reactor, 0.02)
            waited += 0.02

    async def end_move(self, user: Id, to: Id, place: Id, order: int | None = None) -> bool:
        room = ObjectId(place)
        others = {"$filter": {"input": "$visitedRooms", "cond": {"$ne": ["$$this", room]}}}
        visited = {"$slice": [{"$concatArrays": [others, [room]]}, -VISITED_ROOMS_KEPT]}
        return await self._database.update(
            USERS,
            {"_id": ObjectId(user), "moving.to": ObjectId(to)},
            [
                {"$set": {"room": room, "visitedRooms": visited, **({"entered": order} if order else {})}},
                {"$unset": "moving"},
            ],
        )

    async def abandon_move(self, user: Id, to: Id) -> None:
        await self._database.update(
            USERS, {"_id": ObjectId(user), "moving.to": ObjectId(to)}, {"$unset": {"moving": ""}}
        )

    async def entered_room(self, user: Id) -> Id | None:
        document = await self._database.find_one(USERS, {"_id": ObjectId(user)}, fields=["room"])
        return None if document is None else _room(document["room"])

    async def possible_rooms(self, user: Id) -> tuple[list[Id], int]:
        document = await self._database.find_one(USERS, {"_id": ObjectId(user)}, fields=["room", "moving", "entered"])
        found = document or {}
        return _possible_rooms(found), found.get("entered") or 0

    async def possible_rooms_of(self, users: Sequence[Id]) -> dict[Id, list[Id]]:
        query = {"_id": {"$in": [ObjectId(user) for user in users]}}
        found = await self._database.find(USERS, query, limit=len(users), fields=["room", "moving"])
        return {Id(str(document["_id"])): _possible_rooms(document) for document in found}

    async def entered_of(self, users: Sequence[Id]) -> dict[Id, int]:
        query = {"_id": {"$in": [ObjectId(user) for user in users]}}
        found = await self._database.find(USERS, query, limit=len(users), fields=["entered"])
        return {Id(str(document["_id"])): document.get("entered") or 0 for document in found}

    async def vacate(self, user: Id, room: Id) -> bool:
        here = {"_id": ObjectId(user), "room": ObjectId(room)}
        return await self._database.update(USERS, here, {"$set": {"room": None}})

    async def occupy(self, user: Id, room: Id) -> None:
        nowhere = {"_id": ObjectId(user), "room": None, "moving": None}
        await self._database.update(USERS, nowhere, {"$set": {"room": ObjectId(room)}})

    async def unfinished_moves(self, *, all: bool) -> list[tuple[Id, Id | None, Id]]:
        # ``all`` ignores the time: a database of our own has no other daemon.
        wanted: Document = {"moving.at": {"$exists": True}}
        if not all:
            wanted |= outlasted("moving.at", MOVE_TAKES)
        documents = await self._database.find(USERS, wanted, limit=1000, fields=["room", "moving"])
        return [
            (
                Id(str(document["_id"])),
                _room(document["room"]),
                Id(str(document["moving"]["to"])),
            )
            for document in documents
        ]


def _of_identity(identity: Identity) -> Document:
    return {"identity.subject": identity.subject, "identity.issuer": identity.issuer}


def _living_key(key: UserKey) -> Document:
    """The query for this key while it has tries left."""
    return {"_id": ObjectId(key.user), "password": key.hash, "tries": {"$lt": KEY_TRIES}}


def _possible_rooms(document: Document) -> list[Id]:
    rooms = [(document.get("moving") or {}).get("to"), document.get("room")]
    return [Id(str(room)) for room in dict.fromkeys(rooms) if room is not None]


def _room(id: ObjectId | None) -> Id | None:
    return None if id is None else Id(str(id))
