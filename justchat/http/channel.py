"""HTTP/1.1 for the calls, by a way of their own; everything else is the Site's.

Nearly all requests are calls: a POST to a declared path with a short body. twisted.web spends several times what
such a call itself takes. So a connection starts here. A request that is plainly such a call is read by httptools
and goes to the dispatcher at once. Whatever is not (another method, path or version, a body that is long, chunked
or expected, a field that needs care, a head that is no HTTP) is handed with the connection to twisted.web, byte for
byte, and comes back when it is answered. So there is one place that judges what is odd: the Site.
"""

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import httptools
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import reason_phrase
from justchat.http.dispatch import Answer, Dispatcher
from justchat.http.endpoint import Endpoint
from justchat.http.fields import ImageBody
from justchat.http.headers import EVERY_ANSWER, Field, bearer_of, of_answer, of_origin
from justchat.http.site import IDLE_TIMEOUT, JustChatSite, SiteChannel

HEAD = 8 * 1024
"""Bytes. A call's head is a fraction of this; a longer one the Site may judge."""
AHEAD = 64 * 1024
"""Bytes a client may send while a call of its own is under way; more are left in the kernel."""
NOT_OURS = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"content-encoding"})
WANTED = frozenset(
    {b"content-length", b"authorization", b"content-type", b"origin", b"host", b"connection", b"idempotency-key"}
)


class _Head:
    """A request's head as httptools tells it: the wanted fields, and whether it is plain."""

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.plain = True
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in WANTED:
            self.plain = self.plain and name not in self.fields
            self.fields[name] = value
        elif name in NOT_OURS:
            self.plain = False

    def on_headers_complete(self) -> None:
        self.whole = True


@implementer(IPushProducer)
class CallChannel(Protocol, TimeoutMixin):
    """One connection, as long as it carries calls."""

    transport: Any
    _received = b""
    _busy = False
    """A call is under way; what follows it waits."""
    _full = False
    """The client does not take its answers."""
    _resting = False
    """Not reading."""
    _looking = False
    """Inside _next(), which goes on by itself."""
    _over = False
    """The last answer is given, or the connection is lost."""

    def __init__(self, calls: "CallFactory") -> None:
        self._calls = calls

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.setTimeout(IDLE_TIMEOUT)

    def take_back(self, data: bytes) -> None:
        """The Site has answered; ``data`` is what has come since."""
        _speak(self.transport, self)
        self.transport.registerProducer(self, True)
        self.setTimeout(IDLE_TIMEOUT)
        self._received = b""
        if data:
            self.dataReceived(data)

    def dataReceived(self, data: bytes) -> None:
        if not self._received:
            self.resetTimeout()  # not for each byte: who sends them one by one has no more time
        self._received += data
        self._next()
        if self._busy and len(self._received) > AHEAD and not self._resting:
            self._read(False)

    def _next(self) -> None:
        """Carry out what has been received, one request after another: a loop, as answers may come at once."""
        if self._looking:
            return
        self._looking = True
        try:
            while self._received and not (self._busy or self._full or self._over) and self._carry_out():
                pass
        finally:
            self._looking = False

    def _carry_out(self) -> bool:
        """Begin the next call; False where it is not whole yet, or not ours."""
        received = self._received
        method, _, rest = received[:128].partition(b" ")
        if not b"POST".startswith(method):
            return self._hand_over()
        path, space, _ = rest.partition(b" ")
        endpoint = self._calls.calls.get(path) if space else None
        if space and endpoint is None:
            return self._hand_over()
        end = received.find(b"\r\n\r\n", 0, HEAD)
        if end < 0:
            return self._hand_over() if len(received) >= HEAD else False
        end += 4
        head = _Head()
        parser = httptools.HttpRequestParser(head)
        try:
            parser.feed_data(received[:end])
        except httptools.HttpParserError:
            return self._hand_over()
        fields = head.fields
        length = int(fields.get(b"content-length", b"0"))
        if endpoint is None or not head.plain or not head.whole or parser.get_http_version() != "1.1":
            return self._hand_over()
        if length > self._calls.site.body_limit or not fields.get(b"host", b"").isascii():
            return self._hand_over()
        if len(received) < end + length:
            return False
        self._received = received[end + length :]
        self._busy = True
        once = fields.get(b"idempotency-key")
        extra = of_origin(self._calls.site.settings, fields.get(b"origin"))
        answering = self._calls.dispatcher.respond(
            endpoint,
            received[end : end + length],
            bearer_of(fields.get(b"authorization")),
            fields.get(b"content-type", b"").decode("latin-1"),
            None if once is None else once.decode("latin-1"),
        )
        last = b"close" in fields.get(b"connection", b"").lower()
        # Not cancelled when the client hangs up: what was begun is carried out all the same.
        Deferred.fromCoroutine(answering).addCallback(self._answer, extra, last)
        return True

    def _answer(self, answer: Answer, extra: list[Field], last: bool) -> None:
        self._busy = False
        if self._over:
            return
        last = last or self._calls.dispatcher.closing
        if last:
            extra = [*extra, (b"Connection", b"close")]
        self.transport.write(self._calls.head(answer, extra) + answer.body)
        if last:
            self._over = True
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            return
        self.resetTimeout()
        if self._resting and not self._full and len(self._received) <= AHEAD:
            self._read(True)
        self._next()

    def _hand_over(self) -> bool:
        """Let the Site go on from the start of this request."""
        self.setTimeout(None)
        self.transport.unregisterProducer()
        channel = self._calls.site.buildProtocol(self.transport.getPeer())
        assert isinstance(channel, SiteChannel)
        channel.answered = self.take_back
        _speak(self.transport, channel)
        received, self._received = self._received, b""
        channel.makeConnection(self.transport)
        channel.dataReceived(received)
        return False

    def timeoutConnection(self) -> None:
        if self._busy:
            self.setTimeout(IDLE_TIMEOUT)
        else:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self.setTimeout(None)

    def _read(self, go_on: bool) -> None:
        self._resting = not go_on
        if go_on:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def pauseProducing(self) -> None:
        self._full = True
        self._read(False)

    def resumeProducing(self) -> None:
        self._full = False
        self._read(True)
        self._next()

    def stopProducing(self) -> None:
        """The connection is lost; connectionLost() tells."""


class CallFactory(Factory):
    """Makes the connections of the HTTP port. ``calls``: the endpoints by path."""

    noisy = False

    def __init__(self, endpoints: list[Endpoint], dispatcher: Dispatcher, site: JustChatSite, reactor: Any) -> None:
        # A picture is long, and is read by the Site.
        self.calls: Mapping[bytes, Endpoint] = {
            endpoint.path.encode(): endpoint for endpoint in endpoints if endpoint.body is not ImageBody
        }
        self.dispatcher = dispatcher
        self.site = site
        self._reactor = reactor
        self._heads: dict[int, bytes] = {}
        self._dated = 0

    def doStart(self) -> None:
        super().doStart()
        self.site.doStart()

    def doStop(self) -> None:
        super().doStop()
        self.site.doStop()

    def buildProtocol(self, addr: IAddress | None) -> CallChannel:
        return CallChannel(self)

    def head(self, answer: Answer, extra: list[Field]) -> bytes:
        """The bytes before the body of an answer. Most of them are made once a second."""
        second = int(self._reactor.seconds())
        if second != self._dated:
            self._dated = second
            self._heads.clear()
        start = self._heads.get(answer.status)
        if start is None:
            date = (b"Date", formatdate(usegmt=True).encode())
            line = b"HTTP/1.1 %d %s\r\n" % (answer.status, reason_phrase(answer.status).encode())
            start = self._heads[answer.status] = line + _lines([date, *EVERY_ANSWER])
        return start + _lines([*of_answer(answer), *extra]) + b"\r\n"


def _lines(fields: list[Field]) -> bytes:
    return b"".join([b"%s: %s\r\n" % field for field in fields])


def _speak(transport: Any, protocol: Protocol) -> None:
    """Give a connection another protocol."""
    if hasattr(transport, "wrappedProtocol"):  # TLS
        transport.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
