"""Request heads: recognises those of plain calls and reads them with httptools."""

from collections.abc import Mapping

import httptools
from attrs import frozen

from justchat.http.endpoint import Endpoint
from justchat.http.fields import ImageBody
from justchat.http.headers import (
    TRACEPARENT,
    CallFields,
    Field,
    call_fields,
    cors_fields,
    is_host,
    list_elements,
    trace_of,
)
from justchat.http.site import JustChatSite
from justchat.limits.bounded_cache import BoundedCache
from justchat.model.trace_context import TraceContext

MAX_HEAD = 8 * 1024
"""Bytes of a head. A call's head is a fraction of this; the Site reads longer ones."""
CACHED_HEAD, CACHED_HEADS = 1024, 2048
"""Bytes of a head, and number of heads, that are cached."""
SITE_FIELDS = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"content-encoding"})
"""A request with one of these fields is left to the Site."""
CALL_FIELDS = frozenset(
    {b"content-length", b"authorization", b"content-type", b"origin", b"host", b"connection", b"idempotency-key"}
) | {TRACEPARENT}


@frozen
class RequestHead:
    """The head of a plain call."""

    endpoint: Endpoint
    length: int
    """Bytes of the body."""
    fields: CallFields
    answer_fields: tuple[Field, ...]
    """The fields that the answer has because of this head."""
    forwarded: tuple[bytes, ...]
    """The values of the header in which a proxy names the client's address."""
    close: bool
    """Whether the connection ends with the answer."""
    trace: TraceContext | None
    """The trace that the call belongs to."""


class _HeadParser:
    """Callbacks of httptools: collects the fields of a call and notes whether the head is plain."""

    def __init__(self, wanted: frozenset[bytes]) -> None:
        self._wanted = wanted
        self.path = b""
        self.fields: dict[bytes, bytes] = {}
        self.plain = True
        """No field of a call comes twice, and none is left to the Site."""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in self._wanted:
            self.plain = self.plain and name not in self.fields
            self.fields[name] = value.rstrip()  # the parser leaves spaces at the end (RFC 9112, section 5.1)
        elif name in SITE_FIELDS:
            self.plain = False

    def on_headers_complete(self) -> None:
        self.complete = True


class RequestHeadReader:
    """Reads the heads of plain calls. Every other head is left to the Site."""

    def __init__(self, endpoints: list[Endpoint], site: JustChatSite) -> None:
        # Uploads are long: the Site reads them.
        self._endpoints: Mapping[bytes, Endpoint] = {
            endpoint.path.encode(): endpoint for endpoint in endpoints if endpoint.body is not ImageBody
        }
        self._site = site
        self._addresses = site.addresses
        self._wanted = CALL_FIELDS | {self._addresses.header, self._addresses.other_header}
        self._cache: BoundedCache[bytes, RequestHead] = BoundedCache(CACHED_HEADS)

    def forget(self) -> None:
        """Forget the heads that were read: what is plain depends on limits, which have changed."""
        self._cache = BoundedCache(CACHED_HEADS)

    def may_be_call(self, start: bytes) -> bool:
        """Whether the start of a head can be that of a plain call."""
        line, ended, _ = start.partition(b"\n")
        if ended and not line.endswith(b"\r"):
            return False
        method, _, rest = start[:128].partition(b" ")
        path, ended, _ = rest.partition(b" ")
        return b"POST".startswith(method) and (not ended or path in self._endpoints)

    def read(self, data: bytes) -> RequestHead | None:
        """Read a complete head; None leaves it to the Site.

        An app's calls have the same few heads, so heads are cached, except those that contain a key.
        """
        head = self._cache.get(data)
        if head is None:
            head = self._parse(data)
            if (
                head is not None
                and len(data) <= CACHED_HEAD
                and head.fields.bearer is head.fields.idempotency_key is None
                and head.trace is None
            ):
                self._cache.put(data, head)
        return head

    def _parse(self, data: bytes) -> RequestHead | None:
        parsed = _HeadParser(self._wanted)
        parser = httptools.HttpRequestParser(parsed)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        endpoint = self._endpoints.get(parsed.path)
        if endpoint is None or parser.get_method() != b"POST" or parser.get_http_version() != "1.1":
            return None
        fields = parsed.fields
        length = int(fields.get(b"content-length", b"0"))
        if not parsed.plain or not parsed.complete or length > self._site.body_limit:
            return None
        if not is_host(fields.get(b"host", b"/")):
            return None
        if self._addresses.other_header in fields:
            self._addresses.saw_other_header()
        forwarded = fields.get(self._addresses.header)
        return RequestHead(
            endpoint,
            length,
            call_fields(fields.get),
            tuple(cors_fields(self._site.settings, fields.get(b"origin"))),
            () if forwarded is None else (forwarded,),
            b"connection" in fields and b"close" in list_elements((fields[b"connection"],)),
            trace_of(fields.get(TRACEPARENT)),
        )
