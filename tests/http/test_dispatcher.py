"""The dispatcher: how many long reads of one user are carried out at the same time."""

from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from justchat.config.limits import Limits
from justchat.http.dispatcher import Dispatcher
from justchat.http.endpoint import REQUIRED, Endpoint, Requester, endpoints_of, post
from justchat.http.fields import Body, Empty, FieldContext
from justchat.http.headers import CallFields
from justchat.http.long_answers import LONG, LONG_READS_AT_ONCE
from justchat.http.responses import Nothing
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.user import Session


class Calls:
    """A call that lists, and one that changes; both wait until they are answered."""

    def __init__(self) -> None:
        self.pending: list[Deferred[dict[str, Any]]] = []

    async def _pend(self) -> dict[str, Any]:
        pending: Deferred[dict[str, Any]] = Deferred()
        self.pending.append(pending)
        return await pending

    @post("/list", body=Empty, answer=Nothing, session=REQUIRED, rate="read")
    async def list(self, requester: Requester, body: Body) -> dict[str, Any]:
        return await self._pend()

    @post("/change", body=Empty, answer=Nothing, session=REQUIRED)
    async def change(self, requester: Requester, body: Body) -> dict[str, Any]:
        return await self._pend()


class Sessions:
    """Each session key is that of a session of its own, of the user that it begins with."""

    async def get(self, key: str) -> Session:
        at = now()
        return Session(id=new_id(), user=Id(key.partition("-")[0]), created_at=at, seen_at=at, expires_at=at)


class LongReads(SynchronousTestCase):
    def setUp(self) -> None:
        self.calls = Calls()
        self.endpoints: dict[str, Endpoint] = {endpoint.path: endpoint for endpoint in endpoints_of(self.calls)}
        self.dispatcher = Dispatcher(Sessions(), FieldContext(Limits(), "RU", frozenset()))

    def call(self, path: str, key: str) -> "Deferred[Any]":
        return ensureDeferred(self.dispatcher.respond(self.endpoints[path], b"{}", CallFields(bearer=key)))

    def read(self, key: str, length: int) -> None:
        """Read an answer of some length."""
        answer = self.call("/list", key)
        self.calls.pending.pop().callback({"data": "x" * length})
        self.assertEqual(200, self.successResultOf(answer).status)

    def test_one_user(self) -> None:
        """The reads of a user who read something long, over any sessions, take turns. Those of others, and changes, do
        not wait for them.
        """
        self.read("anna", LONG)
        answers = [self.call("/list", f"anna-{number}") for number in range(LONG_READS_AT_ONCE + 2)]
        self.assertEqual(LONG_READS_AT_ONCE, len(self.calls.pending))

        others = [self.call("/list", "boris"), self.call("/change", "anna")]
        self.assertEqual(LONG_READS_AT_ONCE + 2, len(self.calls.pending))

        for number in range(len(answers) + len(others)):
            self.calls.pending[number].callback({})
        for answer in answers + others:
            self.assertEqual(200, self.successResultOf(answer).status)

    def test_short(self) -> None:
        """Short reads wait for nothing."""
        self.read("anna", LONG // 2)

        answers = [self.call("/list", "anna") for _ in range(LONG_READS_AT_ONCE + 1)]

        self.assertEqual(len(answers), len(self.calls.pending))

    def test_failed_read(self) -> None:
        """A read that fails ends its turn, too."""
        self.read("anna", LONG)
        answers = [self.call("/list", "anna") for _ in range(LONG_READS_AT_ONCE + 1)]

        for number in range(LONG_READS_AT_ONCE):
            self.calls.pending[number].errback(ValueError())
        self.calls.pending[LONG_READS_AT_ONCE].callback({})

        statuses = [self.successResultOf(answer).status for answer in answers]
        self.assertEqual([500] * LONG_READS_AT_ONCE + [200], statuses)
        self.flushLoggedErrors(ValueError)
