"""Sessions, in MongoDB and in memory. Only the digest of a session's key is kept.

A session in memory is not read again, so every daemon must learn of a session that another process ends: whoever ends a
session writes a notice of it into ``ended``, and then deletes it. Daemons read the notices every few seconds.
"""

import secrets
from datetime import timedelta
from hashlib import sha256

from attrs import evolve
from bson import ObjectId
from twisted.internet.defer import ensureDeferred
from zope.interface import implementer

from justchat.errors import DatabaseAway, LoginTimeout
from justchat.interfaces.users import ISessions
from justchat.limits.bounded_cache import BoundedCache
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock, Moment
from justchat.model.user import Session
from justchat.store.bson import session_from_document, session_to_document
from justchat.store.indexes import ENDED, NEWEST, SESSIONS
from justchat.store.mongo.client import Database, Document

KEY_BYTES = 24
MAX_CACHED = 50_000
SHOWN = 500
NOTICES_OVERLAP = timedelta(minutes=5)
"""Notices are read again from this long before the last reading: clocks differ, and a notice that is read twice does no
harm.
"""
NOTICES_READ = 10_000
SEEN_INTERVAL = timedelta(minutes=1)
"""``seen_at`` is written no more often than this."""


@implementer(ISessions)
class Sessions:
    """See ISessions. ``lifetime`` is in seconds, from sign-in."""

    def __init__(self, database: Database, clock: Clock, lifetime: float) -> None:
        self._database = database
        self._clock = clock
        self._lifetime = timedelta(seconds=lifetime)
        self._notices_read_at = clock()
        # None is a session that was ended here, so that a read in flight cannot bring it back.
        self._cache: BoundedCache[bytes, Session | None] = BoundedCache(MAX_CACHED)

    async def open(self, user: Id) -> str:
        key = secrets.token_hex(KEY_BYTES)
        at = self._clock()
        session = Session(id=new_id(), user=user, created_at=at, seen_at=at, expires_at=at + self._lifetime)
        digest = _digest(key)
        await self._database.insert(
            SESSIONS, {**session_to_document(session, digest), "order": self._database.order_clock.next()}
        )
        self._cache.put(digest, session)
        return key

    async def get(self, key: str) -> Session:
        digest = _digest(key)
        session = self._cache.get(digest)
        if session is None and digest not in self._cache:
            document = await self._database.find_one(SESSIONS, {"digest": digest})
            if document is None:
                raise LoginTimeout
            session = self._cache.get(digest, session_from_document(document))
            self._cache.put(digest, session)
        at = self._clock()
        # MongoDB removes expired sessions within a minute or so; this check is exact.
        if session is None or session.expires_at <= at:
            raise LoginTimeout
        if abs(at - session.seen_at) >= SEEN_INTERVAL:  # the clock may have been set back
            session = evolve(session, seen_at=at)
            self._cache.put(digest, session)
            # Nobody waits for this write, and nothing is lost when it fails.
            ensureDeferred(self._note_seen(session)).addErrback(lambda failure: failure.trap(DatabaseAway))
        return session

    async def _note_seen(self, session: Session) -> None:
        await self._database.update(SESSIONS, {"_id": ObjectId(session.id)}, {"$set": {"seen_at": session.seen_at}})

    async def end(self, key: str) -> Session | None:
        document = await self._database.find_one(SESSIONS, {"digest": _digest(key)})
        return (await self._end([document]))[0] if document is not None else None

    async def of(self, user: Id) -> list[Session]:
        documents = await self._database.find(
            SESSIONS, {"user": ObjectId(user), "expires_at": {"$gt": self._clock()}}, sort=NEWEST, limit=SHOWN
        )
        return [session_from_document(document) for document in documents]

    async def end_all(self, user: Id) -> list[Session]:
        ended: list[Session] = []
        while documents := await self._database.find(SESSIONS, {"user": ObjectId(user)}, limit=SHOWN):
            ended += await self._end(documents)
        return ended

    async def _end(self, documents: list[Document]) -> list[Session]:
        # The notices come first: after a crash between, another daemon would never learn of sessions that are gone.
        at = self._clock()
        await self._database.insert_many(ENDED, [_notice(document, at) for document in documents])
        await self._database.delete_all(SESSIONS, {"_id": {"$in": [document["_id"] for document in documents]}})
        for document in documents:
            self._cache.put(bytes(document["digest"]), None)
        return [session_from_document(document) for document in documents]

    async def ended_elsewhere(self) -> list[Session]:
        at = self._clock()
        since = min(self._notices_read_at, at) - NOTICES_OVERLAP  # the clock may have been set back
        notices = await self._database.find(ENDED, {"at": {"$gte": since}}, sort={"at": -1}, limit=NOTICES_READ)
        for notice in notices:
            self._cache.put(bytes(notice["digest"]), None)
        self._notices_read_at = at
        return [session_from_document({**notice, "_id": notice["session"]}) for notice in notices]


def _notice(document: Document, at: Moment) -> Document:
    """The notice that a session has ended."""
    return {**document, "_id": ObjectId(), "session": document["_id"], "at": at}


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()
