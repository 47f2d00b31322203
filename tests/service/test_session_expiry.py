"""Sessions that end without a sign-out in this process: ended by another process, or too old."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from justchat.interfaces.realtime import ISessionListener
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.user import Session
from justchat.service.session_expiry import ENDED_ELSEWHERE_EVERY, EXPIRED_EVERY, SessionExpiry
from justchat.store.indexes import create_indexes
from justchat.store.mongo.client import Database
from justchat.store.sessions import Sessions
from tests.support.client import eventually
from tests.support.mongo import empty_uri


@implementer(ISessionListener)
class Listener:
    """Records what it is called with."""

    def __init__(self) -> None:
        self.ended: list[Id] = []
        self.sweeps = 0

    def session_ended(self, session: Session) -> None:
        self.ended.append(session.id)

    def close_expired(self) -> None:
        self.sweeps += 1

    def bound_sessions(self) -> list[Session]:
        return []


class ExpiryTests(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.sessions, self.elsewhere = (Sessions(self.database, now, 3600.0) for _ in range(2))
        self.listener, self.clock = Listener(), Clock()
        self.service = SessionExpiry(self.sessions, self.listener, self.clock)
        await self.service.startService()

    async def tearDown(self) -> None:
        await self.service.stopService()
        await self.database.close()

    async def test_ended_elsewhere(self) -> None:
        """The sockets of a session are closed after another process has ended it."""
        key = await self.sessions.open(new_id())
        session = await self.sessions.get(key)
        await self.elsewhere.end(key)

        self.clock.advance(ENDED_ELSEWHERE_EVERY)

        await eventually(lambda: self.listener.ended == [session.id], "the session to end here")

    async def test_too_old(self) -> None:
        """The sockets of sessions that are too old are closed every EXPIRED_EVERY seconds."""
        counts = []
        for _ in range(2):
            self.clock.advance(EXPIRED_EVERY)
            counts.append(self.listener.sweeps)

        self.assertEqual([1, 2], counts)
