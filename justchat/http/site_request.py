"""A request of the Site's: the limit on its body, refusals, and the fields that all of its answers have."""

import re
from collections.abc import Awaitable, Callable
from io import BytesIO
from time import monotonic
from typing import Any

from twisted.python.failure import Failure
from twisted.web.http import CACHED, NOT_MODIFIED, _MalformedChunkedDataError
from twisted.web.server import Request

from justchat.errors import ApiError, BadRequest, RangeNotSatisfiable, TooLarge, reason_phrase
from justchat.http.answer import Answer, error_answer
from justchat.http.headers import answer_fields, common_fields, cors_fields, error_fields, preflight_fields
from justchat.http.spool import SpoolFile
from justchat.runtime.logs.call_context import CallContext

DISCARDED = 8
"""A body up to this many times its limit is read to its end and dropped, so that the client reads the 413."""

MOST_CHUNKS, LEAST_CHUNK = 1000, 32
"""A body may come in this many chunks of any size. Of more, each has this many bytes on average: a byte in a chunk of
its own costs as much as thousands in one.
"""

_TAG = re.compile(rb'(?:W/)?("[^"]*")')
"""An entity tag. They are compared weakly: a proxy that compresses an answer makes its tag a weak one."""

HeadCheck = Callable[["SiteRequest"], Awaitable[None]]
"""Checks a request whose head has come and whose body has not. Raises ApiError to refuse it."""


def write_answer(request: Any, answer: Answer) -> bytes:
    """Set the status and fields of an answer; returns its body, empty for HEAD."""
    request.setResponseCode(answer.status, reason_phrase(answer.status).encode())
    length = (b"Content-Length", b"%d" % len(answer.body))
    for name, value in (*common_fields(answer.status), length, *answer_fields(answer)):
        request.setHeader(name, value)
    return b"" if request.method == b"HEAD" else answer.body


def write_error(request: Any, error: ApiError) -> bytes:
    """Set the status and fields of an error; returns its body."""
    for name, value in error_fields(error):
        request.setHeader(name, value)
    return write_answer(request, error_answer(error))


def without_traceback(error: ApiError) -> ApiError:
    """The error without its traceback and causes, whose frames would keep the request alive until a full collection."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


class SiteRequest(Request):
    """A request whose body is kept up to the site's limit, and not at all if its head is refused."""

    channel: Any
    refusal: ApiError | None = None
    """Why its head, or the length of its body, is refused."""
    spool: SpoolFile | None = None
    """The file for its body, if a HeadCheck opened one. Whoever takes it from here closes it."""
    call: CallContext | None = None
    """What is known of a call."""
    began = 0.0
    """When its head was complete, by ``time.monotonic``; 0 without an access log."""
    received = 0
    """Bytes of its body so far."""
    _chunks = 0
    """Parts in which they came, as the client cut them."""

    @property
    def body_limit(self) -> int:
        """Bytes that its body may have."""
        # Request.site and .path are set only when the body has come.
        site, path = self.channel.site, self.channel.path_of_request
        limit: int = site.upload_limit if path == b"/upload" else site.body_limit
        return limit

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._gathered: list[bytes] = []
        """Parts of its body that are not in ``content`` yet."""

    def gotLength(self, length: int | None) -> None:
        """See Request: the head is complete."""
        if self.channel.site.access is not None:
            self.began = monotonic()
        if self.refusal is not None:
            self.content = BytesIO()
            return
        if self.spool is not None:
            self.content = self.spool
            return
        super().gotLength(min(length or 0, self.body_limit))

    def handleContentChunk(self, data: bytes) -> None:
        """See Request: a part of the body."""
        self.received += len(data)
        limit = self.body_limit
        if self.received > limit and self.refusal is None:
            self._refuse(TooLarge())
        if self.received > limit * DISCARDED:
            self.channel.site.count_refusal(self.channel.path_of_request, self.refusal)
            self.channel.refuse(self.refusal)
        elif self.channel.length is None and self._is_in_crumbs():
            self.channel.refuse(self.refusal or BadRequest("the body is in very many, very small chunks"))
            raise _MalformedChunkedDataError  # Twisted's channel reads on otherwise
        elif self.refusal is None:
            self._gathered.append(data)

    def _is_in_crumbs(self) -> bool:
        self._chunks += 1
        return self._chunks > MOST_CHUNKS + self.received // LEAST_CHUNK

    def keep_gathered(self) -> None:
        """Put the parts that one read of the connection brought into ``content``, which may be a file."""
        gathered, self._gathered = self._gathered, []
        if not gathered or self.refusal is not None:
            return
        try:
            super().handleContentChunk(b"".join(gathered))
        except ApiError as error:
            self._refuse(error)

    def _refuse(self, error: ApiError) -> None:
        """Drop the rest of the body and answer with an error after it."""
        self.refusal = error
        self.content = BytesIO()
        self._close_spool()

    def _close_spool(self) -> None:
        if self.spool is not None:
            self.spool.close()
            self.spool = None

    def connectionLost(self, reason: Failure) -> None:
        """See Request."""
        self._close_spool()
        super().connectionLost(reason)

    def finish(self) -> None:
        """See Request."""
        self._close_spool()
        if self.code == RangeNotSatisfiable.status and not self.startedWriting:  # twisted.web's 416 has no body
            self.write(write_answer(self, error_answer(RangeNotSatisfiable())))
        super().finish()

    def getRequestHostname(self) -> bytes:
        """See Request. No path depends on the host, and Klein's router fails on hosts that RFC 9110 allows."""
        return b"localhost"

    def setETag(self, etag: bytes) -> Any:
        """See Request, which finds no tag in a list of several, and no weak one (RFC 9110, section 13.1.2)."""
        self.etag = etag
        fields = self.requestHeaders.getRawHeaders(b"if-none-match", ())
        if any(field.strip() == b"*" or etag in _TAG.findall(field) for field in fields):
            self.setResponseCode(NOT_MODIFIED)
            return CACHED
        # A range of something else is of no use to who has a part already (section 13.1.5).
        if self.getHeader(b"if-range") not in (None, etag):
            self.requestHeaders.removeHeader(b"range")
        return None

    def process(self) -> None:
        """See Request: the request is complete."""
        if self.method != b"GET" or b"," in (self.getHeader(b"range") or b""):
            # Many ranges could ask for a picture a thousand times. A Range may be ignored (RFC 9110, section 14.2).
            self.requestHeaders.removeHeader(b"range")
        if self.requestHeaders.hasHeader(b"if-none-match"):  # which alone counts (section 13.1.3)
            self.requestHeaders.removeHeader(b"if-modified-since")
        # Socket.IO clients of version 2 send credentials.
        credentials = self.path.startswith(b"/socket.io")
        for name, value in cors_fields(self.channel.site.settings, self.getHeader(b"origin"), credentials=credentials):
            self.setHeader(name, value)
        if self.refusal is not None:
            self.channel.site.count_refusal(self.path, self.refusal)
            self.write(write_error(self, self.refusal))
            self.finish()
        elif self.method == b"OPTIONS":
            for name, value in preflight_fields(self.getHeader(b"access-control-request-headers")):
                self.setHeader(name, value)
            self.setResponseCode(204)
            self.finish()
        else:
            super().process()

    def processingFailed(self, reason: Failure) -> Failure:
        """See Request: answers an unexpected exception with the API's 500."""
        answer = self.channel.site.incident(reason)
        if not self.startedWriting:
            self.write(write_answer(self, answer))
        self.finish()
        return reason
