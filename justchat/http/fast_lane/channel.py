"""HTTP/1.1 for the calls, by a way of their own; everything else is the Site's.

Nearly all requests are calls: a POST to a declared path with a short body. twisted.web spends several times what
such a call itself takes. So a connection starts here. A request that is plainly such a call is read by httptools
and goes to the dispatcher at once. Whatever is not (another method, path or version, a body that is long, chunked
or expected, a field that needs care, a head that is no HTTP) is handed with the connection to twisted.web, byte for
byte, and comes back when it is answered. So there is one place that judges what is odd: the Site.
"""

from collections.abc import Coroutine, Iterable
from email.utils import formatdate
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import TooManyConnections, reason_phrase
from justchat.http.dispatcher import Answer, Dispatcher, error_answer
from justchat.http.endpoint import Endpoint
from justchat.http.fast_lane.request_head import HEAD, RequestHead, RequestHeadReader
from justchat.http.headers import EVERY_ANSWER, Field, of_answer
from justchat.http.site import JustChatSite
from justchat.http.site_channel import SLICE, WHOLE, SiteChannel
from justchat.limits.connections import Place

AT_ONCE = 16
"""Calls of one connection that are answered in one turn of the reactor, where none of them waits for anything."""
AHEAD = 64 * 1024
"""Bytes a client may send while a call of its own is under way; more are left in the kernel."""
CLOSE: tuple[Field, ...] = ((b"Connection", b"close"),)


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
    _yielding = False
    """Others have their turn before the next call."""
    _rest = memoryview(b"")
    """What is left to send of a long answer."""
    _taken = False
    """The client has taken something of it since the last look."""
    _sending_until = 0.0
    """When it must have taken all of it."""
    _place: Place | None = None
    _over = False
    """The last answer is given, or the connection is lost."""
    _peer: object = None
    """Known from the first call on: with the PROXY protocol, not before."""
    _last = False
    """The connection ends with the answer that is under way."""
    _head: RequestHead
    """Of the call that is under way."""
    _answering: Coroutine["Deferred[Any]", None, Answer]

    def __init__(self, calls: "CallFactory") -> None:
        self._calls = calls

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.setTimeout(self._calls.site.settings.idle_timeout)
        try:
            self._place = self._calls.site.connections.enter(self.transport)
        except TooManyConnections as error:
            self.transport.write(self._calls.answer(error_answer(error), (), True))
            self._end()

    def take_back(self, data: bytes) -> None:
        """The Site has answered; ``data`` is what has come since."""
        _speak(self.transport, self)
        self.transport.registerProducer(self, True)
        self.setTimeout(self._calls.site.settings.idle_timeout)
        self._received = b""
        if data:
            self.dataReceived(data)

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        if not self._received:
            self.resetTimeout()  # not for each byte: who sends them one by one has no more time
        self._received += data
        self._next()
        if (self._busy or self._yielding) and len(self._received) > AHEAD and not self._resting:
            self._read(False)

    def _next(self) -> None:
        """Carry out what has been received, one request after another: a loop, as answers may come at once."""
        if self._looking or self._yielding:
            return
        self._looking = True
        left = AT_ONCE
        try:
            while self._received and not (self._busy or self._full or self._over) and self._carry_out():
                left -= 1
                if not left:
                    self._yielding = True
                    self._calls.reactor.callLater(0, self._next_turn)
                    break
        finally:
            self._looking = False
        self._read_on()

    def _next_turn(self) -> None:
        self._yielding = False
        self._next()

    def _carry_out(self) -> bool:
        """Begin the next call; False where it is not whole yet, or not ours."""
        received = self._received
        end = received.find(b"\r\n\r\n", 0, HEAD) + 4
        if end < 4:
            ours = len(received) < HEAD and self._calls.heads.may_become_ours(received)
            return False if ours else self._hand_over()
        head = self._calls.heads.read(received[:end])
        if head is None:
            return self._hand_over()
        if len(received) < end + head.length:
            return False
        self._received = received[end + head.length :]
        self._busy = True
        self._head = head
        # Not cancelled when the client hangs up: what was begun is carried out all the same.
        self._answering = self._calls.dispatcher.respond(
            head.endpoint,
            received[end : end + head.length],
            head.bearer,
            head.content_type,
            head.idempotency_key,
            None if self._calls.dispatcher.rates is None else self._address(head),
        )
        self._go_on(None)
        return True

    def _address(self, head: RequestHead) -> str | None:
        """Where the call comes from; None is one that is not counted."""
        if self._peer is None:
            self._peer = self.transport.getPeer()
        return self._calls.site.addresses.of(self._peer, head.forwarded)

    def _go_on(self, result: object) -> None:
        """Run the call up to its next wait, or its end. (Twisted's own way does more, and takes twice as long.)"""
        try:
            if isinstance(result, Failure):
                waited_for = result.throwExceptionIntoGenerator(self._answering)
            else:
                waited_for = self._answering.send(None)
        except StopIteration as ended:
            self._answer(ended.value)
        else:
            waited_for.addBoth(self._go_on)

    def _answer(self, answer: Answer) -> None:
        self._busy = False
        if self._over:
            return
        self._last = self._head.last or self._calls.dispatcher.closing
        data = self._calls.answer(answer, self._head.extra, self._last)
        if len(data) > SLICE:
            self._busy = True
            self._rest = memoryview(data)
            self._sending_until = self._calls.reactor.seconds() + WHOLE * self._calls.site.settings.idle_timeout
            self._send_slice()
        else:
            self.transport.write(data)
            self._answered()

    def _send_slice(self) -> None:
        """Send the next part of a long answer: others are served in between, and the transport holds no more of it."""
        if self._over or self._full or not self._rest:
            return
        self._taken = True
        part, self._rest = self._rest[:SLICE], self._rest[SLICE:]
        self.transport.write(bytes(part))
        if not self._rest:
            self._busy = False
            self._answered()
        elif not self._full:
            self._calls.reactor.callLater(0, self._send_slice)

    def _answered(self) -> None:
        if self._last:
            self._end()
            return
        self._next()

    def _end(self) -> None:
        """Hang up, once the client has taken what has been sent, or its time is over."""
        self._over = True
        self.resetTimeout()
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _read_on(self) -> None:
        if self._resting and not self._full and (len(self._received) <= AHEAD or not (self._busy or self._yielding)):
            self._read(True)

    def _hand_over(self) -> bool:
        """Let the Site go on from the start of this request."""
        self._calls.heads.look_at_stranger(self._received)
        self.setTimeout(None)
        self.transport.unregisterProducer()
        channel = self._calls.site.buildProtocol(self.transport.getPeer())
        assert isinstance(channel, SiteChannel)
        channel.place = self._place
        channel.answered = self.take_back
        _speak(self.transport, channel)
        received, self._received = self._received, b""
        channel.makeConnection(self.transport)
        channel.dataReceived(received)
        return False

    def timeoutConnection(self) -> None:
        # It counts from the start of a request: one timer set less for each answer.
        taking = self._taken and self._calls.reactor.seconds() < self._sending_until
        if self._busy and (taking or not self._rest):
            self._taken = False
            self.setTimeout(self._calls.site.settings.idle_timeout)
        else:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self._rest = memoryview(b"")
        self.setTimeout(None)
        if self._place is not None:
            self._place.leave()

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
        self._send_slice()
        self._next()

    def stopProducing(self) -> None:
        """The connection is lost; connectionLost() tells."""


@implementer(IProtocolNegotiationFactory)
class CallFactory(Factory):
    """Makes the connections of the HTTP port."""

    noisy = False

    def __init__(self, endpoints: list[Endpoint], dispatcher: Dispatcher, site: JustChatSite, reactor: Any) -> None:
        self.heads = RequestHeadReader(endpoints, site)
        self.dispatcher = dispatcher
        self.site = site
        self.reactor = reactor
        self._starts: dict[int, bytes] = {}
        self._dated = 0

    def doStart(self) -> None:
        super().doStart()
        self.site.doStart()

    def doStop(self) -> None:
        super().doStop()
        self.site.doStop()

    def acceptableProtocols(self) -> list[bytes]:
        """See IProtocolNegotiationFactory: without it, a client that offers ALPN fails the handshake."""
        return self.site.acceptableProtocols()

    def buildProtocol(self, addr: IAddress | None) -> CallChannel:
        return CallChannel(self)

    def answer(self, answer: Answer, extra: tuple[Field, ...], last: bool) -> bytes:
        """The bytes of an answer. Most of those before its body are made once a second."""
        second = int(self.reactor.seconds())
        if second != self._dated:
            self._dated = second
            self._starts.clear()
        start = self._starts.get(answer.status)
        if start is None:
            date = (b"Date", formatdate(usegmt=True).encode())
            line = b"HTTP/1.1 %d %s\r\n" % (answer.status, reason_phrase(answer.status).encode())
            start = self._starts[answer.status] = line + _lines((date, *EVERY_ANSWER))
        fields = (*of_answer(answer), *extra, *(CLOSE if last else ()))
        more = _lines(fields) if fields else b""
        return b"%bContent-Length: %d\r\n%b\r\n%b" % (start, len(answer.body), more, answer.body)


def _lines(fields: Iterable[Field]) -> bytes:
    return b"".join([b"%s: %s\r\n" % field for field in fields])


def _speak(transport: Any, protocol: Protocol) -> None:
    """Give a connection another protocol."""
    if hasattr(transport, "wrappedProtocol"):  # TLS
        transport.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
