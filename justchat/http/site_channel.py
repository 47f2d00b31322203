"""The Site's HTTP/1.1 channel: reads and checks requests where twisted.web leaves RFC 9110 and RFC 9112 open.

A request is checked by its head before a byte of its body is kept, and a client that waits for ``100 Continue`` gets
the refusal instead. Every refusal has the body of an error (docs/protocol.rst, "Errors"). A refusal also ends the
connection if the end of the request is not certain.
"""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
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
)
from justchat.http.answer import Answer, error_answer
from justchat.http.headers import Field, cors_fields, error_fields, list_elements
from justchat.http.paced_channel import TOTAL_TIMEOUT_FACTOR, PacedChannel
from justchat.http.request_checks import check_host, expectations, origin_form
from justchat.http.site_request import DISCARDED, HeadCheck, SiteRequest, without_traceback
from justchat.runtime.endpoints import end_sending

LINGER = 2.0
"""Seconds in which the rest of a refused request is read and dropped."""
RATE_LIMIT_PAUSE = 1.0
"""Seconds in which a connection that exceeded its rate is not read."""
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])\Z")
_PROXY_PROTOCOL = (b"PROXY TCP", b"PROXY UNKNOWN", b"\r\n\r\n\0\r\nQUIT\n")
"""The first bytes of a connection whose proxy speaks the PROXY protocol, version 1 or 2."""
_TLS = b"\x16\x03"
"""The first bytes of a connection whose client speaks TLS."""


def _is_endless(start: bytes) -> bool:
    """Whether the end of a request that begins so would never be found. Its client would wait for the time-out."""
    line, ended, _ = start.partition(b"\n")
    return start.startswith(_TLS) or (bool(ended) and not line.endswith(b"\r"))


class SiteChannel(PacedChannel):
    """twisted.web's channel with stricter reading. One connection; its requests are SiteRequests."""

    _command: bytes
    _path: bytes
    _version: bytes

    @property
    def path_of_request(self) -> bytes:
        """The path of the request that is being read, decoded and without its query."""
        return unquote_to_bytes(self._path.partition(b"?")[0])

    def connectionMade(self) -> None:
        """See HTTPChannel."""
        super().connectionMade()
        if self.slot is not None:  # the fast lane has counted the connection
            return
        try:
            self.slot = self.site.connections.add(self.transport)
        except TooManyConnections as error:
            self.refuse(error)
            self.loseConnection()  # at once, whatever the client sends

    def dataReceived(self, data: bytes) -> None:
        """See HTTPChannel."""
        if self._ended:
            return
        # Each line and each part of a body renews the time-out of HTTPChannel. This one bounds the whole request.
        if self._request_began is None:
            self._request_began = reactor.seconds()
            if data.startswith(_PROXY_PROTOCOL):
                self.site.addresses.saw_proxy_protocol()
            if not (self._handlingRequest or self._in_head or self._buffer) and _is_endless(data):
                self._respondToBadRequestAndDisconnect()
                return
        elif reactor.seconds() - self._request_began > TOTAL_TIMEOUT_FACTOR * self.site.settings.idle_timeout:
            self.transport.abortConnection()
            return
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """See LineReceiver."""
        if self._ended:
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
            if found is not None and found[2] not in b"01":  # a later minor version is read as 1.1
                line = method + b" HTTP/1.1"
        super().lineReceived(line)

    @property
    def _in_head(self) -> bool:
        """Whether the request line has come."""
        return hasattr(self, "_command")

    def allContentReceived(self) -> None:
        """See HTTPChannel."""
        if not self._ended:  # a refusal in the middle of the body has answered the request
            self.requests[-1].keep_gathered()
            super().allContentReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """See HTTPChannel: a part of a body, or of what follows it."""
        if self._ended:
            return
        super().rawDataReceived(data)
        if not self._ended:
            if self.requests:
                self.requests[-1].keep_gathered()
            self._check_chunk_size()

    def _check_chunk_size(self) -> None:
        """Refuse a chunk whose size makes the body too large, before it has come: it may never come."""
        chunks: Any = self._transferDecoder
        if getattr(chunks, "state", None) == "BODY":
            request = self.requests[-1]
            if request.received + chunks.length > request.body_limit:
                self.refuse(request.refusal or TooLarge())

    def lineLengthExceeded(self, line: bytes) -> None:
        """See LineReceiver."""
        self.refuse(HeadTooLarge() if self._in_head else UriTooLong())

    def headerReceived(self, line: bytes) -> bool:
        """See HTTPChannel."""
        if self._ended:
            return False
        if self._receivedHeaderCount >= self.maxHeaders:
            self.refuse(HeadTooLarge())
            return False
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length with more digits than int() takes
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
        """See HTTPChannel, which reads only the first Connection field and splits it at spaces."""
        options = list_elements(request.requestHeaders.getRawHeaders(b"connection", ()))
        if version == b"HTTP/1.1" and b"close" not in options:
            return True
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def allHeadersReceived(self) -> None:
        """See HTTPChannel: the head is complete."""
        if self._ended:
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
            self._check_head(request)
        except ApiError as error:
            request.refusal = without_traceback(error)
        try:
            if request.refusal is not None or not self._has_other_rate():
                self.hit(request)
        except TooManyRequests as error:
            request.refusal = without_traceback(error)
        check = self.site.head_checks.get(self.path_of_request)
        if check is None or request.refusal is not None or self.length == 0:
            self._accept_body(request)
            return
        # Reads neither the body nor lines until the check is done; this method is called while lines are read.
        self.paused = True
        self._networkProducer.pauseProducing()
        Deferred.fromCoroutine(self._check_and_accept(request, check)).addErrback(self._check_failed)

    def hit(self, request: SiteRequest) -> None:
        """Count a request that is not a call. Raises TooManyRequests; then the next one is read after a pause."""
        try:
            self.site.hit(request)
        except TooManyRequests:
            self._pause = RATE_LIMIT_PAUSE
            raise

    async def _check_and_accept(self, request: SiteRequest, check: HeadCheck) -> None:
        try:
            await check(request)
        except ApiError as error:
            request.refusal = without_traceback(error)
        if self._ended or request not in self.requests:
            return  # the connection is lost
        self._accept_body(request)
        self.paused = False
        if not self._ended:
            self._networkProducer.resumeProducing()
            super().dataReceived(b"")

    def _check_failed(self, failure: Failure) -> None:
        self._answer_and_end(self.site.incident(failure), [])

    def _has_other_rate(self) -> bool:
        """Whether the rate ``get`` does not apply here: calls have their own rates, and Socket.IO counts requests
        itself, except those of a session that polls.
        """
        path = self.path_of_request
        if self._command == b"POST" and path in self.site.paths:
            return True
        return self._command in (b"GET", b"POST") and (path + b"/").startswith(b"/socket.io/")

    def _check_head(self, request: SiteRequest) -> None:
        """Raises ApiError if the head alone decides that the request is refused."""
        path, fields = self.path_of_request, request.requestHeaders
        if self._command != self._command.upper():  # werkzeug ignores the case of methods
            raise MethodNotAllowed
        try:
            path.decode()
        except UnicodeDecodeError:
            raise NotFound("there is no such path") from None
        if self.length is not None and self.length > request.body_limit:
            raise TooLarge
        encodings = list_elements(fields.getRawHeaders(b"content-encoding", ()))
        if self.length != 0 and encodings - {b"identity"}:
            raise EncodingNotSupported
        if self._expectations(request) - {b"100-continue"}:
            raise ExpectationFailed
        if self.length != 0 and self._command == b"POST":
            self.site.check_takes_body(path)

    def _expectations(self, request: SiteRequest) -> set[bytes]:
        return expectations(request.requestHeaders.getRawHeaders(b"expect", ()), self._version)

    def _accept_body(self, request: SiteRequest) -> None:
        """Let the body come, or refuse it to a client that waits for 100 or has announced far too much."""
        waits = b"100-continue" in self._expectations(request) and self.length != 0
        endless = self.length is not None and self.length > request.body_limit * DISCARDED
        if request.refusal is not None and (waits or endless):
            self.site.count_refusal(self.path_of_request, request.refusal)
            self.refuse(request.refusal)
            return
        request.gotLength(self.length)
        if waits:
            self._send100Continue()

    def refuse(self, error: ApiError) -> None:
        """Answer in the middle of a request and end the connection.

        Reads on for LINGER seconds: a client whose sending fails may never read the answer (RFC 9112, section 9.6).
        """
        self._answer_and_end(error_answer(error), error_fields(error))

    def _answer_and_end(self, answer: Answer, fields: list[Field]) -> None:
        if self._ended:
            return
        self._ended = True
        self.setTimeout(None)
        origin = self.requests[-1].getHeader(b"origin") if self.requests else None
        fields = [*fields, *cors_fields(self.site.settings, origin)]
        has_body = getattr(self, "_command", b"") != b"HEAD"
        self.transport.write(self.site.writer.encode(answer, fields, close=True, body=has_body))
        transport = self.transport
        transport.unregisterProducer()
        self._networkProducer.resumeProducing()
        end_sending(transport)
        reactor.callLater(LINGER, transport.abortConnection)

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(BadRequest("this is no HTTP/1.1 request"))

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """See HTTPChannel. Answers of twisted.web's own resources get the common fields Server and Date."""
        headers.setRawHeaders(b"Server", [b"JustChat"])
        if not headers.hasHeader(b"Date"):
            headers.setRawHeaders(b"Date", [datetimeToString()])
        super().writeHeaders(version, code, reason, headers)
