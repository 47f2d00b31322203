"""The fast lane's channel: reads plain calls, answers them, and hands everything else to the Site."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import TooManyConnections
from justchat.http.answer import Answer, error_answer
from justchat.http.dispatcher import Dispatcher
from justchat.http.endpoint import Endpoint
from justchat.http.fast_lane.request_head import MAX_HEAD, RequestHead, RequestHeadReader
from justchat.http.paced_channel import SEND_SLICE, TOTAL_TIMEOUT_FACTOR
from justchat.http.passing import set_protocol
from justchat.http.site import JustChatSite
from justchat.http.site_channel import SiteChannel
from justchat.limits.http_connection_limiter import ConnectionSlot
from justchat.runtime.logs.call_context import CallContext, in_call

CALLS_PER_ITERATION = 16
"""Calls of one connection that are answered in one reactor iteration, if none of them waits for anything."""
READ_AHEAD = 64 * 1024
"""Bytes that are read while a call of the same connection is pending; more stay in the kernel."""


@implementer(IPushProducer)
class FastLaneChannel(Protocol, TimeoutMixin):
    """One connection, as long as it carries plain calls."""

    transport: Any
    _received = b""
    _busy = False
    """A call is pending; later ones wait."""
    _blocked = False
    """The client does not take its answers."""
    _paused = False
    """Nothing is read."""
    _in_loop = False
    """Inside _serve_received(), which serves later calls, too."""
    _yielding = False
    """The next call waits for the next reactor iteration."""
    _unsent = memoryview(b"")
    """The part of a long answer that is not sent yet."""
    _progress = False
    """The client has taken a part of a long answer since the last time-out."""
    _send_deadline = 0.0
    """When the client must have taken all of it."""
    _slot: ConnectionSlot | None = None
    _ended = False
    """The last answer is written, or the connection is lost."""
    _peer: object = None
    """The client's address, known from the first call on: with the PROXY protocol, not before."""
    _close = False
    """The connection ends with the pending answer."""
    _head: RequestHead
    """The head of the pending call."""
    _answering: Coroutine["Deferred[Any]", None, Answer]

    def __init__(self, lane: "FastLane") -> None:
        self._lane = lane

    def connectionMade(self) -> None:
        """See Protocol."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.setTimeout(self._lane.site.settings.idle_timeout)
        try:
            self._slot = self._lane.site.connections.add(self.transport)
        except TooManyConnections as error:
            self.transport.write(self._lane.site.writer.encode(error_answer(error), close=True))
            self._end()

    def take_back(self, data: bytes) -> None:
        """Take the connection back from the Site, which has answered. ``data`` has come since."""
        set_protocol(self.transport, self)
        self.transport.registerProducer(self, True)
        self.setTimeout(self._lane.site.settings.idle_timeout)
        self._received = b""
        if data:
            self.dataReceived(data)

    def dataReceived(self, data: bytes) -> None:
        """See Protocol."""
        if self._ended:
            return
        if not self._received:
            self.resetTimeout()  # not for every byte: a call must be complete within the time-out
        self._received += data
        self._serve_received()
        if (self._busy or self._yielding) and len(self._received) > READ_AHEAD and not self._paused:
            self._set_reading(False)

    def _serve_received(self) -> None:
        """Serve the received requests one after another. A loop, not a recursion: answers may come at once."""
        if self._in_loop or self._yielding:
            return
        self._in_loop = True
        left = CALLS_PER_ITERATION
        try:
            while self._received and not (self._busy or self._blocked or self._ended) and self._start_call():
                left -= 1
                if not left:
                    self._yielding = True
                    self._lane.reactor.callLater(0, self._after_yield)
                    break
        finally:
            self._in_loop = False
        if self._paused:
            self._resume_reading()

    def _after_yield(self) -> None:
        self._yielding = False
        self._serve_received()

    def _start_call(self) -> bool:
        """Start the next call; False if it is not complete yet or was handed to the Site."""
        received = self._received
        end = received.find(b"\r\n\r\n", 0, MAX_HEAD) + 4
        if end < 4:
            wait = len(received) < MAX_HEAD and self._lane.heads.may_be_call(received)
            return False if wait else self._hand_over()
        head = self._lane.heads.read(received[:end])
        if head is None:
            return self._hand_over()
        if len(received) < end + head.length:
            return False
        self._received = received[end + head.length :]
        self._busy = True
        self._head = head
        if self._peer is None:
            self._peer = self.transport.getPeer()
        # Not cancelled when the client disconnects: a call that has begun is carried out to its end.
        answering = self._lane.dispatcher.respond(
            head.endpoint,
            received[end : end + head.length],
            head.fields,
            self._lane.site.client_address(self._peer, head.forwarded),
            False,
            self._lane.site.addresses.host_of(self._peer, head.forwarded) if head.endpoint.scopes else None,
        )
        self._answering = (
            answering if head.trace is None and self._lane.site.access is None else self._observed(head, answering)
        )
        self._run_call(None)
        return True

    def _observed(
        self, head: RequestHead, answering: Coroutine["Deferred[Any]", None, Answer]
    ) -> Coroutine["Deferred[Any]", None, Answer]:
        """The call with what the log is to know of it."""
        call, access = CallContext(head.trace), self._lane.site.access
        if access is None:
            return in_call(call, answering)
        return access.call(answering, head.endpoint, call, self._peer, head.forwarded)

    def _run_call(self, result: object) -> None:
        """Run the call up to its next wait, or its end. (Deferred.fromCoroutine does more and takes twice as long.)"""
        try:
            if isinstance(result, Failure):
                waited_for = result.throwExceptionIntoGenerator(self._answering)
            else:
                waited_for = self._answering.send(None)
        except StopIteration as ended:
            self._answer(ended.value)
        else:
            waited_for.addBoth(self._run_call)

    def _answer(self, answer: Answer) -> None:
        self._busy = False
        if self._ended:
            return
        self._close = self._head.close or self._lane.dispatcher.closing
        data = self._lane.site.writer.encode(answer, self._head.answer_fields, close=self._close)
        if len(data) > SEND_SLICE:
            self._busy = True
            self._unsent = memoryview(data)
            timeout = self._lane.site.settings.idle_timeout
            self._send_deadline = self._lane.reactor.seconds() + TOTAL_TIMEOUT_FACTOR * timeout
            self._send_slice()
        else:
            self.transport.write(data)
            self._answered()

    def _send_slice(self) -> None:
        """Send the next slice of a long answer. Others are served in between, and the transport buffers no more."""
        if self._ended or self._blocked or not self._unsent:
            return
        self._progress = True
        part, self._unsent = self._unsent[:SEND_SLICE], self._unsent[SEND_SLICE:]
        self.transport.write(bytes(part))
        if not self._unsent:
            self._busy = False
            self._answered()
        elif not self._blocked:
            self._lane.reactor.callLater(0, self._send_slice)

    def _answered(self) -> None:
        if self._close:
            self._end()
        elif self._received or self._paused:
            self._serve_received()

    def _end(self) -> None:
        """Close the connection when the client has taken what is written, or after the time-out."""
        self._ended = True
        self.resetTimeout()
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _resume_reading(self) -> None:
        waiting = self._busy or self._yielding
        if not self._blocked and (len(self._received) <= READ_AHEAD or not waiting):
            self._set_reading(True)

    def _hand_over(self) -> bool:
        """Hand the connection to the Site, which reads from the start of this request."""
        self.setTimeout(None)
        self.transport.unregisterProducer()
        channel = self._lane.site.buildProtocol(self.transport.getPeer())
        assert isinstance(channel, SiteChannel)
        channel.slot = self._slot
        channel.hand_back = self.take_back
        set_protocol(self.transport, channel)
        received, self._received = self._received, b""
        channel.makeConnection(self.transport)
        channel.dataReceived(received)
        return False

    def timeoutConnection(self) -> None:
        """See TimeoutMixin. The time-out counts from the start of a request, so that no answer sets a timer."""
        progress = self._progress and self._lane.reactor.seconds() < self._send_deadline
        if self._busy and (progress or not self._unsent):
            self._progress = False
            self.setTimeout(self._lane.site.settings.idle_timeout)
        else:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See Protocol."""
        self._ended = True
        self._unsent = memoryview(b"")
        self.setTimeout(None)
        if self._slot is not None:
            self._slot.release()

    def _set_reading(self, reading: bool) -> None:
        self._paused = not reading
        if reading:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def pauseProducing(self) -> None:
        """See IPushProducer: the client does not take its answers."""
        self._blocked = True
        self._set_reading(False)

    def resumeProducing(self) -> None:
        """See IPushProducer: the client has taken its answers."""
        self._blocked = False
        self._send_slice()
        self._serve_received()

    def stopProducing(self) -> None:
        """See IPushProducer: connectionLost() is called as well."""


@implementer(IProtocolNegotiationFactory)
class FastLane(Factory):
    """The factory of the HTTP port. Connections start in the fast lane and are handed to ``site`` when needed."""

    noisy = False

    def __init__(self, endpoints: list[Endpoint], dispatcher: Dispatcher, site: JustChatSite, reactor: Any) -> None:
        self.heads = RequestHeadReader(endpoints, site)
        self.dispatcher = dispatcher
        self.site = site
        self.reactor = reactor

    def doStart(self) -> None:
        """See Factory."""
        super().doStart()
        self.site.doStart()

    def doStop(self) -> None:
        """See Factory."""
        super().doStop()
        self.site.doStop()

    def acceptableProtocols(self) -> list[bytes]:
        """See IProtocolNegotiationFactory: without it, clients that offer ALPN fail the TLS handshake."""
        return self.site.acceptableProtocols()

    def buildProtocol(self, addr: IAddress | None) -> FastLaneChannel:
        """See Factory."""
        return FastLaneChannel(self)
