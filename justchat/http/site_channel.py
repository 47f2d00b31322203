"""twisted.web's HTTP/1.1 channel, with what it leaves open of RFC 9112 and of strangers' patience decided.

It reads no request while its client does not take the answers to others, answers one in a turn of the reactor, and lets
go of a client that takes too long, to say or to hear something.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, datetimeToString
from twisted.web.http_headers import Headers

from justchat.errors import (
    ApiError,
    BadRequest,
    EncodingNotSupported,
    ExpectationFailed,
    HeadTooLarge,
    MethodNotAllowed,
    NotFound,
    NotImplementedHere,
    TooLarge,
    TooManyConnections,
    TooManyRequests,
    UriTooLong,
    VersionNotSupported,
    reason_phrase,
)
from justchat.http.dispatcher import Answer, error_answer
from justchat.http.headers import of_origin, options_of
from justchat.http.requests import (
    DISCARDED,
    Judge,
    JustChatRequest,
    check_host,
    expectations,
    fields_of,
    kept,
    last_headers,
    origin_form,
)
from justchat.limits.connections import Place
from justchat.runtime.endpoints import end_sending

LINGER = 2.0
"""Seconds in which what a client still sends is read and dropped."""
WHOLE = 10
"""A request must be whole, and its answer taken, within this many times the seconds that a connection may be silent."""
COOL_OFF = 1.0
"""Seconds in which a connection that asked too often is not read."""
SLICE = 256 * 1024
"""Bytes of an answer that are sent at once; the next ones follow when they have left."""
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])\Z")


class SiteChannel(HTTPChannel):
    """twisted.web's channel, which can give the connection away once its request is answered."""

    transport: Any
    site: Any
    answered: Callable[[bytes], None] | None = None
    """Takes the connection, and what has come in since the request."""
    place: Place | None = None
    _since: float | None = None
    """When the request that comes in began."""
    _full_since: float | None = None
    """When the client first did not take the answer that is under way."""
    _patience: IDelayedCall | None = None
    """Ends a connection whose client takes nothing."""
    _rest = memoryview(b"")
    """What is left to send of a long answer."""
    _answered = False
    """The request is done, but for that."""
    _waits_to_go_on = False
    """A request is answered; the next one is not looked at before its client has taken that."""
    _pause = 0.0
    """Seconds before the next request is looked at."""
    _over = False
    """The last answer is given: what else comes is dropped."""
    _command: bytes
    _path: bytes
    _version: bytes

    @property
    def path_of_request(self) -> bytes:
        """The path of the request that is coming in, without its query."""
        return self._path.partition(b"?")[0]

    def connectionMade(self) -> None:
        super().connectionMade()
        if self.place is not None:  # it came by way of calls
            return
        try:
            self.place = self.site.connections.enter(self.transport)
        except TooManyConnections as error:
            self.refuse(error)
            self.loseConnection()  # without waiting for what it has to say

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        # Each line, and each piece of a body, is given time anew: who sends them one by one has no more than this.
        if self._since is None:
            self._since = reactor.seconds()
        elif reactor.seconds() - self._since > WHOLE * self.site.settings.idle_timeout:
            self.transport.abortConnection()
            return
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if self._over:
            return
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self.lineLengthExceeded(line)
            return
        if line and not self._in_head:
            method, _, version = line.rpartition(b" ")
            found = _VERSION.match(version)
            if found is not None and found[1] != b"1":
                self.refuse(VersionNotSupported())
                return
            if found is not None and found[2] not in b"01":  # a later one of the same major number is read as 1.1
                line = method + b" HTTP/1.1"
        super().lineReceived(line)

    @property
    def _in_head(self) -> bool:
        """Whether the request's first line has come."""
        return hasattr(self, "_command")

    def allContentReceived(self) -> None:
        if not self._over:  # refused in the middle of its body
            super().allContentReceived()

    def rawDataReceived(self, data: bytes) -> None:
        if not self._over:
            super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:
        """See LineReceiver."""
        self.refuse(HeadTooLarge() if self._in_head else UriTooLong())

    def headerReceived(self, line: bytes) -> bool:
        if self._over:
            return False
        if self._receivedHeaderCount >= self.maxHeaders:
            self.refuse(HeadTooLarge())
            return False
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length of more digits than Python reads
            self._respondToBadRequestAndDisconnect()
            return False

    def _maybeChooseTransferDecoder(self, header: bytes, data: bytes) -> bool:
        if header == b"Transfer-Encoding":
            codings = [coding.strip().lower() for coding in data.split(b",")]
            if codings[-1] == b"chunked" and len(codings) > 1 and b"chunked" not in codings[:-1]:
                self.refuse(NotImplementedHere("the one transfer coding that is spoken here is chunked"))
                return False
            if codings != [b"chunked"] or self._version == b"HTTP/1.0":
                return bool(self._failChooseTransferDecoder())
        return bool(super()._maybeChooseTransferDecoder(header, data))

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """See HTTPChannel, which looks at the first Connection field alone, and wants spaces in it."""
        options = options_of(request.requestHeaders.getRawHeaders(b"connection", ()))
        if version == b"HTTP/1.1" and b"close" not in options:
            return True
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def allHeadersReceived(self) -> None:
        if self._over:
            return
        request = self.requests[-1]
        self.persistent = self.checkPersistence(request, self._version)
        try:
            self._path = origin_form(self._command, self._path)
            check_host(request.requestHeaders.getRawHeaders(b"host", ()), self._version)
        except ApiError as error:
            self.refuse(error)
            return
        try:
            self._judge_head(request)
        except ApiError as error:
            request.refusal = kept(error)
        try:
            if request.refusal is not None or not self._is_rated_elsewhere():
                self.site.hit(request)
        except TooManyRequests as error:
            request.refusal = kept(error)
            self._pause = COOL_OFF
        judge = self.site.judges.get(self.path_of_request)
        if judge is None or request.refusal is not None or self.length == 0:
            self._take_body(request)
            return
        # Nothing of the body is read meanwhile; and no line, as this is called in the middle of some.
        self.paused = True
        self._networkProducer.pauseProducing()
        Deferred.fromCoroutine(self._judged(request, judge)).addErrback(self._fault)

    async def _judged(self, request: JustChatRequest, judge: Judge) -> None:
        try:
            await judge(request)
        except ApiError as error:
            request.refusal = kept(error)
        if self._over or request not in self.requests:
            return  # the connection is lost
        self._take_body(request)
        self.paused = False
        if not self._over:
            self._networkProducer.resumeProducing()
            super().dataReceived(b"")

    def _fault(self, failure: Failure) -> None:
        self.answer_and_end(self.site.incident(failure))

    def _is_rated_elsewhere(self) -> bool:
        """Calls have rates of their own; and polling is bounded by sessions."""
        path = self.path_of_request
        return (self._command == b"POST" and path in self.site.paths) or path.startswith(b"/socket.io")

    def _judge_head(self, request: JustChatRequest) -> None:
        path = self.path_of_request
        if self._command != self._command.upper():  # werkzeug would take it for the other
            raise MethodNotAllowed
        try:
            unquote_to_bytes(path).decode()
        except UnicodeDecodeError:
            raise NotFound("there is no such path") from None
        if self.length is not None and self.length > request._limit:
            raise TooLarge
        encodings = options_of(request.requestHeaders.getRawHeaders(b"content-encoding", ()))
        if self.length != 0 and encodings - {b"identity"}:
            raise EncodingNotSupported
        if expectations(request, self._version) - {b"100-continue"}:
            raise ExpectationFailed
        if self.length != 0 and self._command == b"POST":
            self.site.check_call(path)

    def _take_body(self, request: JustChatRequest) -> None:
        """Let the body come, or refuse it to a client that asks before it sends it, or would send too much in vain."""
        waits = b"100-continue" in expectations(request, self._version) and self.length != 0
        endless = self.length is not None and self.length > request._limit * DISCARDED
        if request.refusal is not None and (waits or endless):
            self.refuse(request.refusal)
            return
        request.gotLength(self.length)
        if waits:
            self._send100Continue()

    def refuse(self, error: ApiError) -> None:
        """Answer in the middle of a request, and hang up: at once for our part, and for the client's when it has had
        the time to finish sending, since one whose sending fails may never read the answer.
        """
        self.answer_and_end(error_answer(error), *fields_of(error))

    def answer_and_end(self, answer: Answer, *fields: tuple[bytes, bytes]) -> None:
        """The same with any answer."""
        if self._over:
            return
        self._over = True
        self.setTimeout(None)
        headers = last_headers(answer, (*fields, *self._of_origin()))
        self.writeHeaders(b"HTTP/1.1", b"%d" % answer.status, reason_phrase(answer.status).encode(), headers)
        if getattr(self, "_command", b"") != b"HEAD":
            self.transport.write(answer.body)
        transport = self.transport
        transport.unregisterProducer()
        self._networkProducer.resumeProducing()
        end_sending(transport)
        reactor.callLater(LINGER, transport.abortConnection)

    def _of_origin(self) -> list[tuple[bytes, bytes]]:
        origin = self.requests[-1].getHeader(b"origin") if self.requests else None
        return of_origin(self.site.settings, origin)

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(BadRequest("this is no HTTP/1.1 request"))

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """See HTTPChannel."""
        headers.setRawHeaders(b"Server", [b"JustChat"])
        if not headers.hasHeader(b"Date"):
            headers.setRawHeaders(b"Date", [datetimeToString()])
        super().writeHeaders(version, code, reason, headers)

    def write(self, data: bytes) -> None:
        """See HTTPChannel: a long answer is sent in slices, so that others are served in between."""
        if self._rest or len(data) > SLICE:
            self._rest = memoryview(bytes(self._rest) + data if self._rest else data)
            self._send_slice()
        else:
            self.transport.write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        self.write(b"".join(iovec))

    def _send_slice(self) -> None:
        if self._over or self._waitingForTransport or not self._rest:
            return
        part, self._rest = self._rest[:SLICE], self._rest[SLICE:]
        self.transport.write(bytes(part))
        if self._rest:
            reactor.callLater(0, self._send_slice)
        elif self._answered:
            self._next_request()

    def requestDone(self, request: Any) -> None:
        self._since = None
        self.requests.remove(request)
        self._answered = True
        if not self._rest:
            self._next_request()

    def _next_request(self) -> None:
        # What follows is read in the next turn: others come in between. Until then it is kept as if this one were not
        # answered yet.
        self._answered = False
        self._full_since = None
        if not self.persistent:
            self.loseConnection()
        elif self._waitingForTransport:
            self._waits_to_go_on = True
        else:
            self._go_on_later()

    def _go_on_later(self) -> None:
        pause, self._pause = self._pause, 0.0
        reactor.callLater(pause, self._go_on)

    def _go_on(self) -> None:
        if self._over:
            return
        if self._waitingForTransport:
            self._waits_to_go_on = True
        elif self.answered is not None:
            self._stop_waiting()
            self.transport.unregisterProducer()
            self.transport.resumeProducing()
            self.answered(b"".join([*self._dataBuffer, self._buffer]))
        else:
            self._handlingRequest = False
            if self._savedTimeOut:
                self.setTimeout(self._savedTimeOut)
            self._networkProducer.resumeProducing()
            data = b"".join(self._dataBuffer)
            self._dataBuffer = []
            self.setLineMode(data)

    def pauseProducing(self) -> None:
        """The client does not take its answers: see HTTPChannel, which goes on reading."""
        super().pauseProducing()
        self._networkProducer.pauseProducing()
        if self._full_since is None:
            self._full_since = reactor.seconds()
        if self._patience is None:
            left = self._full_since + WHOLE * self.site.settings.idle_timeout - reactor.seconds()
            self._patience = reactor.callLater(
                max(min(left, self.site.settings.idle_timeout), 0), self.transport.abortConnection
            )

    def resumeProducing(self) -> None:
        self._stop_waiting()
        super().resumeProducing()
        self._send_slice()
        if self._waitingForTransport:  # what has been let go on has filled it again
            return
        if sum(map(len, self._dataBuffer)) <= self._optimisticEagerReadSize:
            self._networkProducer.resumeProducing()
        if self._waits_to_go_on:
            self._waits_to_go_on = False
            self._go_on_later()

    def _stop_waiting(self) -> None:
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._patience = None

    def loseConnection(self) -> None:
        """See HTTPChannel: what has been written is sent, to a client that takes it in time."""
        super().loseConnection()
        self._stop_waiting()
        self._patience = reactor.callLater(self.site.settings.idle_timeout, self.transport.abortConnection)

    def give_up(self) -> None:
        """The connection is no longer one of HTTP."""
        self._stop_waiting()
        if self.place is not None:
            self.place.leave()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.answered = None
        self._over = True
        self._rest = memoryview(b"")
        self.give_up()
        super().connectionLost(reason)
