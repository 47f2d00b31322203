"""HTTP/1.1 as the Site reads it: what twisted.web leaves open of RFC 9110 and 9112 is decided here, from the head.

A request is judged by its head, before a byte of its body is kept: who waits for ``100 Continue`` is told the refusal
instead. Every refusal has the body of an error (docs/protocol.rst, "Errors"); one of a request whose end is not known
for sure ends the connection, too.
"""

import re
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, datetimeToString
from twisted.web.http_headers import Headers
from twisted.web.server import Request

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
    UpgradeRequired,
    UriTooLong,
    VersionNotSupported,
    reason_phrase,
)
from justchat.handshake import UPGRADE
from justchat.http.dispatch import Answer, error_answer
from justchat.http.headers import EVERY_ANSWER, PREFLIGHT, is_host, of_answer, of_origin, options_of
from justchat.http.spool import SpoolFile
from justchat.websockets import end_sending

DISCARDED = 8
"""A body may be this many times too large and still be read to its end, unkept, so that the 413 is heard."""
LINGER = 2.0
"""Seconds in which what a client still sends is read and dropped."""
WHOLE = 10
"""A request must be whole within this many times the seconds that a connection may be silent."""
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])\Z")
_ABSOLUTE = re.compile(rb"(?:https?|wss?)://([^/?#]*)(.*)\Z", re.IGNORECASE | re.DOTALL)

Judge = Callable[["JustChatRequest"], Awaitable[None]]
"""Looks at a request that has a head and no body yet. Raises ApiError to refuse it."""


def write_answer(request: Any, answer: Answer) -> bytes:
    """Set what goes before the body, and return that."""
    request.setResponseCode(answer.status, reason_phrase(answer.status).encode())
    length = (b"Content-Length", b"%d" % len(answer.body))
    for name, value in (*EVERY_ANSWER, length, *of_answer(answer)):
        request.setHeader(name, value)
    return b"" if request.method == b"HEAD" else answer.body


def write_refusal(request: Any, error: ApiError) -> bytes:
    """The same with an error, and the fields that go with it."""
    for name, value in fields_of(error):
        request.setHeader(name, value)
    return write_answer(request, error_answer(error))


class JustChatRequest(Request):
    """A request whose body is not kept beyond the site's limit, nor at all where its head is refused."""

    channel: Any
    refusal: ApiError | None = None
    """What its head, or the length of its body, is refused for."""
    spool: SpoolFile | None = None
    """Where its body goes, if it was judged by its head; whoever takes it from here closes it."""
    _kept = 0

    @property
    def _limit(self) -> int:
        # Request.site and .path are set only when the body has come.
        site, path = self.channel.site, self.channel.path_of_request
        limit: int = site.upload_limit if path == b"/upload" else site.body_limit
        return limit

    def gotLength(self, length: int | None) -> None:
        if self.refusal is not None:
            self.content = BytesIO()
            return
        if self.spool is not None:
            self.content = self.spool
            return
        super().gotLength(min(length or 0, self._limit))

    def handleContentChunk(self, data: bytes) -> None:
        self._kept += len(data)
        limit = self._limit
        if self._kept > limit and self.refusal is None:
            self._refuse(TooLarge())
        if self._kept > limit * DISCARDED:
            self.channel.refuse(self.refusal)
        elif self.refusal is None:
            try:
                super().handleContentChunk(data)
            except ApiError as error:
                self._refuse(error)

    def _refuse(self, error: ApiError) -> None:
        """What comes of its body from now on is dropped."""
        self.refusal = error
        self.content = BytesIO()
        self._drop_spool()

    def _drop_spool(self) -> None:
        if self.spool is not None:
            self.spool.close()
            self.spool = None

    def connectionLost(self, reason: Failure) -> None:
        """See Request."""
        self._drop_spool()
        super().connectionLost(reason)

    def finish(self) -> None:
        """See Request."""
        self._drop_spool()
        super().finish()

    def process(self) -> None:
        # Socket.IO clients of version 2 ask with credentials.
        credentials = self.path.startswith(b"/socket.io")
        for name, value in of_origin(self.channel.site.settings, self.getHeader(b"origin"), credentials=credentials):
            self.setHeader(name, value)
        if self.refusal is not None:
            self.write(write_refusal(self, self.refusal))
            self.finish()
        elif self.method == b"OPTIONS":
            for name, value in PREFLIGHT:
                self.setHeader(name, value)
            self.setResponseCode(204)
            self.finish()
        else:
            super().process()

    def processingFailed(self, reason: Failure) -> Failure:
        """See Request: a fault of ours, told as every other."""
        answer = self.channel.site.incident(reason)
        if not self.startedWriting:
            self.write(write_answer(self, answer))
        self.finish()
        return reason


def kept(error: ApiError) -> ApiError:
    """An error that outlives its handling: its traceback, and those of what it came from, lead back to the request,
    which would then be there until a search for garbage.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def fields_of(error: ApiError) -> list[tuple[bytes, bytes]]:
    """The fields that the answer to a refused head has to have."""
    if isinstance(error, MethodNotAllowed):
        return [(b"Allow", ", ".join(error.allow).encode())]
    if isinstance(error, UpgradeRequired):
        return UPGRADE
    # RFC 9110, section 12.5.3
    return [(b"Accept-Encoding", b"identity")] if isinstance(error, EncodingNotSupported) else []


def origin_form(method: bytes, target: bytes) -> bytes:
    """The path and query of a request's target (RFC 9112, section 3.2). Raises BadRequest, MethodNotAllowed."""
    if method == b"CONNECT":
        raise MethodNotAllowed("this is no proxy")
    if target == b"*" and method == b"OPTIONS":
        return target
    if not target.startswith(b"/"):
        absolute = _ABSOLUTE.match(target)
        if absolute is None or not absolute[1] or not is_host(absolute[1]):
            raise BadRequest("the request's target is no path, and no http: URI")
        target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    if b"#" in target:
        raise BadRequest("the request's target has a fragment")
    return target


class SiteChannel(HTTPChannel):
    """twisted.web's channel, which can give the connection away once its request is answered."""

    transport: Any
    site: Any
    answered: Callable[[bytes], None] | None = None
    """Takes the connection, and what has come in since the request."""
    _since: float | None = None
    """When the request that comes in began."""
    _over = False
    """The last answer is given: what else comes is dropped."""
    _command: bytes
    _path: bytes
    _version: bytes

    @property
    def path_of_request(self) -> bytes:
        """The path of the request that is coming in, without its query."""
        return self._path.partition(b"?")[0]

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
            self._judge_host(request)
        except ApiError as error:
            self.refuse(error)
            return
        try:
            self._judge_head(request)
        except ApiError as error:
            request.refusal = kept(error)
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

    def _judge_host(self, request: JustChatRequest) -> None:
        hosts = request.requestHeaders.getRawHeaders(b"host", ())
        if len(hosts) > 1 or (not hosts and self._version == b"HTTP/1.1"):
            raise BadRequest("a request has one Host field")
        if hosts and not is_host(hosts[0]):
            raise BadRequest("the Host field is no host")

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
        if self._expectations(request) - {b"100-continue"}:
            raise ExpectationFailed
        if self.length != 0 and self._command == b"POST":
            self.site.check_call(path)

    def _expectations(self, request: JustChatRequest) -> set[bytes]:
        if self._version != b"HTTP/1.1":
            return set()
        return options_of(request.requestHeaders.getRawHeaders(b"expect", ()))

    def _take_body(self, request: JustChatRequest) -> None:
        """Let the body come, or refuse it to a client that asks before it sends it, or would send too much in vain."""
        waits = b"100-continue" in self._expectations(request) and self.length != 0
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
        headers = Headers()
        for name, value in (
            *EVERY_ANSWER,
            (b"Content-Length", b"%d" % len(answer.body)),
            (b"Connection", b"close"),
            *of_answer(answer),
            *fields,
            *self._of_origin(),
        ):
            headers.addRawHeader(name, value)
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

    def requestDone(self, request: Any) -> None:
        self._since = None
        # A connection that is to end, or that is full, stays here.
        if self.answered is None or not self.persistent or self._waitingForTransport:
            super().requestDone(request)
            return
        self.requests.remove(request)
        # In the next turn: what follows the request may still be on its way into the buffer.
        reactor.callLater(0, self._give_away)

    def _give_away(self) -> None:
        if self.answered is not None:
            self.transport.unregisterProducer()
            self.transport.resumeProducing()
            self.answered(b"".join([*self._dataBuffer, self._buffer]))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.answered = None
        self._over = True
        super().connectionLost(reason)
