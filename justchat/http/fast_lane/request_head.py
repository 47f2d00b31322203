"""The heads of requests: which of them are plain calls, and what those ask for."""

from collections.abc import Mapping

import httptools
from attrs import frozen

from justchat.http.endpoint import Endpoint
from justchat.http.fields import ImageBody
from justchat.http.headers import Field, bearer_of, is_host, of_origin, options_of
from justchat.http.site import JustChatSite

HEAD = 8 * 1024
"""Bytes. A call's head is a fraction of this; a longer one the Site may judge."""
KNOWN_HEAD, KNOWN_HEADS = 1024, 2048
"""Bytes of a head, and number of heads, that are remembered."""
NOT_OURS = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"content-encoding"})
PROXY_PROTOCOL = (b"PROXY TCP", b"PROXY UNKNOWN", b"\r\n\r\n\0\r\nQUIT\n")
"""How a connection begins whose proxy speaks that protocol, in its first and its second version."""
WANTED = frozenset(
    {b"content-length", b"authorization", b"content-type", b"origin", b"host", b"connection", b"idempotency-key"}
)


@frozen
class RequestHead:
    """The head of a plain call, with all that follows from it."""

    endpoint: Endpoint
    length: int
    bearer: str | None
    content_type: str
    idempotency_key: str | None
    extra: tuple[Field, ...]
    """What goes before the answer's body because of it."""
    forwarded: tuple[bytes, ...]
    """What a proxy says of the client's address."""
    last: bool
    """The connection ends with the answer."""


class _Reader:
    """What httptools tells of a head: the wanted fields, and whether it is plain."""

    def __init__(self, wanted: frozenset[bytes]) -> None:
        self._wanted = wanted
        self.path = b""
        self.fields: dict[bytes, bytes] = {}
        self.plain = True
        self.whole = False

    def on_url(self, url: bytes) -> None:
        self.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in self._wanted:
            self.plain = self.plain and name not in self.fields
            self.fields[name] = value
        elif name in NOT_OURS:
            self.plain = False

    def on_headers_complete(self) -> None:
        self.whole = True


class RequestHeadReader:
    """Reads heads; what is not plainly a call, it leaves to the Site to judge."""

    def __init__(self, endpoints: list[Endpoint], site: JustChatSite) -> None:
        # A picture is long, and is read by the Site.
        self._calls: Mapping[bytes, Endpoint] = {
            endpoint.path.encode(): endpoint for endpoint in endpoints if endpoint.body is not ImageBody
        }
        self._site = site
        self._forwarded = site.addresses.header
        self._addresses = site.addresses
        self._wanted = WANTED | {self._forwarded, self._addresses.other_header}
        self._known: dict[bytes, RequestHead] = {}

    def may_become_ours(self, start: bytes) -> bool:
        """Whether the start of a head can be that of a call."""
        method, _, rest = start[:128].partition(b" ")
        path, ended, _ = rest.partition(b" ")
        return b"POST".startswith(method) and (not ended or path in self._calls)

    def look_at_stranger(self, start: bytes) -> None:
        """Warn of a proxy that speaks its protocol where none is expected: the Site answers it with 400."""
        if start.startswith(PROXY_PROTOCOL):
            self._addresses.saw_proxy_protocol()

    def read(self, data: bytes) -> RequestHead | None:
        """What a whole head asks for; None where that is for the Site to judge.

        An app's calls have the same few heads, so they are remembered; but for those with a key in them.
        """
        head = self._known.get(data)
        if head is None:
            head = self._parse(data)
            if head is not None and len(data) <= KNOWN_HEAD and head.bearer is head.idempotency_key is None:
                if len(self._known) >= KNOWN_HEADS:
                    self._known.clear()
                self._known[data] = head
        return head

    def _parse(self, data: bytes) -> RequestHead | None:
        reader = _Reader(self._wanted)
        parser = httptools.HttpRequestParser(reader)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        endpoint = self._calls.get(reader.path)
        if endpoint is None or parser.get_method() != b"POST" or parser.get_http_version() != "1.1":
            return None
        fields = reader.fields
        length = int(fields.get(b"content-length", b"0"))
        if not reader.plain or not reader.whole or length > self._site.body_limit:
            return None
        if not is_host(fields.get(b"host", b"/")):
            return None
        if self._addresses.other_header in fields:
            self._addresses.saw_other_header()
        idempotency_key = fields.get(b"idempotency-key")
        forwarded = fields.get(self._forwarded)
        return RequestHead(
            endpoint,
            length,
            bearer_of(fields.get(b"authorization")),
            fields.get(b"content-type", b"").decode("latin-1"),
            None if idempotency_key is None else idempotency_key.decode("latin-1"),
            tuple(of_origin(self._site.settings, fields.get(b"origin"))),
            () if forwarded is None else (forwarded,),
            b"connection" in fields and b"close" in options_of((fields[b"connection"],)),
        )
