"""HTTP/1.1 as the Site reads it: what twisted.web leaves open of RFC 9110 and 9112 is decided here, from the head.

A request is judged by its head, before a byte of its body is kept: who waits for ``100 Continue`` is told the refusal
instead. Every refusal has the body of an error (docs/protocol.rst, "Errors"); one of a request whose end is not known
for sure ends the connection, too.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from io import BytesIO
from typing import Any

from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from justchat.errors import (
    ApiError,
    BadRequest,
    EncodingNotSupported,
    MethodNotAllowed,
    RangeNotSatisfiable,
    TooLarge,
    UpgradeRequired,
    reason_phrase,
)
from justchat.http.dispatcher import Answer, error_answer
from justchat.http.headers import EVERY_ANSWER, PREFLIGHT, Field, is_host, of_answer, of_origin, options_of
from justchat.http.spool import SpoolFile
from justchat.protocol.handshake import UPGRADE

DISCARDED = 8
"""A body may be this many times too large and still be read to its end, unkept, so that the 413 is heard."""
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
        if self.code == RangeNotSatisfiable.status and not self.startedWriting:  # twisted's has no body
            self.write(write_answer(self, error_answer(RangeNotSatisfiable())))
        super().finish()

    def process(self) -> None:
        if b"," in (self.getHeader(b"range") or b""):
            # Of many ranges a thousand pictures could be made. A Range may be ignored (RFC 9110, section 14.2).
            self.requestHeaders.removeHeader(b"range")
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


def check_host(hosts: Sequence[bytes], version: bytes) -> None:
    """Whether a request's Host fields are as RFC 9112, section 3.2, wants them. Raises BadRequest."""
    if len(hosts) > 1 or (not hosts and version == b"HTTP/1.1"):
        raise BadRequest("a request has one Host field")
    if hosts and not is_host(hosts[0]):
        raise BadRequest("the Host field is no host")


def expectations(request: Any, version: bytes) -> set[bytes]:
    """What a request expects; under HTTP/1.0 nothing (RFC 9110, section 10.1.1)."""
    return options_of(request.requestHeaders.getRawHeaders(b"expect", ())) if version == b"HTTP/1.1" else set()


def last_headers(answer: Answer, more: Iterable[Field]) -> Headers:
    """The fields of an answer that ends its connection."""
    headers = Headers()
    length = (b"Content-Length", b"%d" % len(answer.body))
    for name, value in (*EVERY_ANSWER, length, (b"Connection", b"close"), *of_answer(answer), *more):
        headers.addRawHeader(name, value)
    return headers
