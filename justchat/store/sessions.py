"""Sessions, in MongoDB and in memory. Only the digest of a session's key is kept.

A session in memory is not read again, so every daemon must learn of a session that another process ends: a process that
ends a session writes a notice of it into ``ended``, then deletes the session, and sends the notice over the bus. Every
second, daemons read the notices that the bus has not brought.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from attrs import evolve
from bson import ObjectId, decode, encode
from bson.errors import BSONError
from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger
from zope.interface import implementer

from justchat.errors import DatabaseAway, LoginTimeout
from justchat.interfaces.bus import CONTROL, IBus, PacketKind
from justchat.interfaces.users import ISessions
from justchat.limits.bounded_cache import BoundedCache
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock, Moment
from justchat.model.user import Session
from justchat.store.bson_users import session_from_document, session_to_document
from justchat.store.indexes import ENDED, NEWEST, SESSIONS
from justchat.store.mongo.client import Database, Document
from justchat.store.notices import NoticeReader

KEY_BYTES = 24
DIGEST_BYTES = sha256().digest_size
MAX_CACHED = 50_000
SHOWN = 500
READ_AT_ONCE = 1000
"""Sessions that one query looks up."""
SEEN_INTERVAL = timedelta(minutes=1)
"""``seen_at`` is written no more often than this."""


@implementer(ISessions)
class Sessions:
    """See ISessions. ``lifetime`` is in seconds, from sign-in.

    ``forget_user`` is called with the user of each session that any daemon ends: they may be deleted.
    """

    _log = Logger()

    def __init__(
        self,
        database: Database,
        clock: Clock,
        lifetime: float,
        bus: IBus | None = None,
        forget_user: Callable[[Id], None] = lambda user: None,
    ) -> None:
        self._database = database
        self._forget_user = forget_user
        self._clock = clock
        self._lifetime = timedelta(seconds=lifetime)
        self._notices = NoticeReader(database, ENDED, clock)
        self._on_ended: list[Callable[[Session], None]] = []
        self._bus = bus
        if bus is not None:
            bus.on_packet(PacketKind.SESSION_OVER, self._take_packet)
        # None is a session that was ended here, so that a read in flight cannot bring it back.
        self._cache: BoundedCache[bytes, Session | None] = BoundedCache(MAX_CACHED)
        self._has_missed = False
        """Whether sessions with connections may have ended unnoticed."""

    async def open(self, user: Id, key: str | None = None) -> str:
        once, key = key is not None, key or secrets.token_hex(KEY_BYTES)
        at = self._clock()
        session = Session(id=new_id(), user=user, created_at=at, seen_at=at, expires_at=at + self._lifetime)
        digest = _digest(key)
        document = {**session_to_document(session, digest), "order": self._database.order_clock.next()}
        added = await self._database.insert(SESSIONS, document)
        if added and once and await self._database.find_one(ENDED, {"digest": digest}, fields=["_id"]) is not None:
            await self._database.delete_all(SESSIONS, {"_id": ObjectId(session.id)})
        elif added:
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

    async def end_all(self, user: Id, *, suspended: bool = False) -> list[Session]:
        ended: list[Session] = []
        while documents := await self._database.find(SESSIONS, {"user": ObjectId(user)}, limit=SHOWN):
            ended += await self._end([{**document, "is_suspended": suspended} for document in documents])
        return ended

    async def tell_deleted(self, user: Id) -> None:
        at = self._clock()
        nobodys = {"_id": ObjectId(), "digest": secrets.token_bytes(DIGEST_BYTES), "user": ObjectId(user)}
        notices = [_notice({**nobodys, "create_at": at, "seen_at": at, "expires_at": at}, at)]
        await self._store(notices)
        self._forget_user(user)
        self._publish(notices)

    async def _end(self, documents: list[Document]) -> list[Session]:
        # The notices come first: after a crash between, another daemon would never learn of sessions that are gone.
        at = self._clock()
        notices = [_notice(document, at) for document in documents]
        await self._store(notices)
        await self._database.delete_all(SESSIONS, {"_id": {"$in": [document["_id"] for document in documents]}})
        for document in documents:
            self._cache.put(bytes(document["digest"]), None)
            self._forget_user(Id(str(document["user"])))
        self._publish(notices)
        return [session_from_document(document) for document in documents]

    async def _store(self, notices: list[Document]) -> None:
        await self._database.insert_many(ENDED, [encode(notice) for notice in notices], ordered=True)

    def _publish(self, notices: list[Document]) -> None:
        if self._bus is not None:
            # Where the node is away, every daemon reads the notices within a second.
            self._bus.publish(CONTROL, PacketKind.SESSION_OVER, encode({"sessions": notices}))

    def subscribe(self, on_ended: Callable[[Session], None]) -> None:
        """Call ``on_ended`` with each session that the bus says has ended, at this daemon or another one."""
        self._on_ended.append(on_ended)

    async def ended_elsewhere(self, bound: Callable[[], Sequence[Session]]) -> list[Session]:
        notices = await self._notices.read()
        if self._notices.has_missed:
            self._has_missed = True
            for digest in [digest for digest, session in self._cache.items() if session is not None]:
                del self._cache[digest]  # whether it has ended, the database knows
        ended = [self._forget(notice) for notice in notices]
        if self._has_missed:
            with suppress(DatabaseAway):  # others log that; the next call looks again
                ended += await self._gone(bound())
                self._has_missed = False
        return ended

    async def _gone(self, sessions: Sequence[Session]) -> list[Session]:
        """Those of these sessions that are over. Raises DatabaseAway."""
        gone: list[Session] = []
        for start in range(0, len(sessions), READ_AT_ONCE):
            some = sessions[start : start + READ_AT_ONCE]
            ids = [ObjectId(session.id) for session in some]
            found = await self._database.find(SESSIONS, {"_id": {"$in": ids}}, fields=["_id"], limit=len(ids))
            there = {str(document["_id"]) for document in found}
            gone += [session for session in some if session.id not in there]
        return gone

    def _forget(self, notice: Mapping[str, Any]) -> Session:
        """The session of a notice, which is refused here from now on."""
        self._cache.put(bytes(notice["digest"]), None)
        self._forget_user(Id(str(notice["user"])))
        return session_from_document({**notice, "_id": notice["session"]})

    def _take_packet(self, stream: Id, body: bytes) -> None:
        """End the sessions of a packet, unless it is malformed: others may publish on the nodes of the bus, too."""
        try:
            notices = [_checked_notice(notice) for notice in decode(body)["sessions"]]
        except (BSONError, ValueError, TypeError, KeyError):
            self._log.warn("a packet of ended sessions is malformed")
            return
        for session in map(self._forget, notices):
            for on_ended in self._on_ended:
                on_ended(session)


def _notice(document: Document, at: Moment) -> Document:
    """The notice that a session has ended."""
    return {**document, "_id": ObjectId(), "session": document["_id"], "at": at}


def _checked_notice(notice: Mapping[str, Any]) -> Mapping[str, Any]:
    """The notice of a packet. Raises ValueError, TypeError and KeyError."""
    ids, times = ("session", "user"), ("create_at", "seen_at", "expires_at")
    if not all(isinstance(notice[name], ObjectId) for name in ids):
        raise TypeError
    if not all(isinstance(notice[name], datetime) for name in times) or len(bytes(notice["digest"])) != DIGEST_BYTES:
        raise TypeError
    return notice


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()
