"""A real HTTP server on loopback in the place of an SMS gateway, and the base of its tests."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import TestCase
from twisted.web.http import Request
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from justchat.config.sms import Sms
from justchat.errors import SmsFailed
from justchat.model.phone import Phone
from justchat.outbound.sms.gateway import Gateway

PHONE = Phone("79223438450")
TEXT = 'Ключ "JustChat"\\:\r\n1 + 1 & 2 = 3?'
"""Characters that every encoding must quote."""

Answer = Callable[[Request], bytes | int]


class Sent(NamedTuple):
    """A request that the gateway got."""

    method: bytes
    uri: bytes
    headers: Headers
    body: bytes


class FakeGateway:
    """Records requests. ``answer`` makes the answer: a body, or NOT_DONE_YET where it writes to the request."""

    def __init__(self) -> None:
        self.answer: Answer = lambda request: b""
        self.sent: list[Sent] = []
        self._connections = _Connections(Site(_Everything(self)))
        self._port = reactor.listenTCP(0, self._connections, interface="127.0.0.1")
        self.address = f"http://127.0.0.1:{self._port.getHost().port}"

    async def refuse(self) -> None:
        """Stop listening."""
        await maybeDeferred(self._port.stopListening)

    async def abandoned(self) -> None:
        """Returns once the client has closed every connection."""
        await self._connections.all_lost()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections.protocols)

    def hang_up(self) -> None:
        """Abort every connection."""
        for connection in list(self._connections.protocols):
            connection.transport.abortConnection()

    async def stop(self) -> None:
        await self.refuse()
        self.hang_up()
        await self.abandoned()


class Counts:
    """Counts of SMS, in memory: for tests without a database."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()

    async def add(self, sender: str, outcome: str) -> None:
        self.counted[sender, outcome] += 1


class _Everything(Resource):
    isLeaf = True

    def __init__(self, gateway: FakeGateway) -> None:
        super().__init__()
        self._gateway = gateway

    def render(self, request: Request) -> bytes | int:
        body = request.content.read()
        self._gateway.sent.append(Sent(request.method, request.uri, request.requestHeaders, body))
        return self._gateway.answer(request)


class _Connections(WrappingFactory):
    """Tracks the open connections."""

    def __init__(self, wrapped: Site) -> None:
        super().__init__(wrapped)
        self._waiting: list[Deferred[None]] = []

    async def all_lost(self) -> None:
        if self.protocols:
            lost: Deferred[None] = Deferred()
            self._waiting.append(lost)
            await lost

    def unregisterProtocol(self, protocol: ProtocolWrapper) -> None:
        super().unregisterProtocol(protocol)
        if not self.protocols:
            waiting, self._waiting = self._waiting, []
            for lost in waiting:
                lost.callback(None)


def never(request: Request) -> int:
    """Accept the request and never answer."""
    return NOT_DONE_YET


def headers_only(request: Request) -> int:
    """Start an answer and never end it."""
    request.write(b'{"sta')
    return NOT_DONE_YET


def with_status(code: int, body: bytes = b"") -> Answer:
    def answer(request: Request) -> bytes:
        request.setResponseCode(code)
        return body

    return answer


def endless(request: Request) -> int:
    """An endless answer."""
    request.write(b" " * 1024 * 1024)
    return NOT_DONE_YET


class GatewayCase(TestCase):
    def setUp(self) -> None:
        self.fake = FakeGateway()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.fake.stop()))

    async def send(self, text: str = TEXT, path: str = "/send", **settings: Any) -> None:
        # A busy machine does not decide: an answer that comes may take a minute.
        timeout = 0.3 if self.fake.answer in (never, headers_only) else 60
        complete = {"sender": "http", "url": self.fake.address + path, "timeout": timeout, **settings}
        await Gateway(Sms.model_validate(complete), reactor).send(PHONE, text)

    async def failure(self, answer: Answer | None = None, **settings: Any) -> str:
        """The reason why an SMS was not accepted."""
        return str(await self.failed(answer, **settings))

    async def failed(self, answer: Answer | None = None, **settings: Any) -> SmsFailed:
        """What is raised where an SMS was not accepted."""
        self.fake.answer = answer or self.fake.answer
        try:
            await self.send(**settings)
        except SmsFailed as error:
            return error
        self.fail("the SMS was accepted")


def provider(request: Request) -> bytes:
    """Accepts one token, and answers 200 to all, as providers do."""
    request.content.seek(0)
    form = parse_qs(request.content.read().decode())
    right = form == {"secret": ["the&secret"], "response": ["solved by anna+boris"]}
    return b'{"success": true}' if right else b'{"success": false, "error-codes": ["invalid-input-response"]}'
