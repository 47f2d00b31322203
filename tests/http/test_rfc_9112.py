# ruff: noqa: E501
"""What RFC 9110 and RFC 9112 require of a server, one row a MUST.

A row is the bytes of a request and what must come back. Every row runs on the HTTP port of a daemon with the fast lane
and of one without, and on the socket's port.
"""

import json
from collections.abc import Callable

from attrs import frozen

from tests.support.chat import ChatTestCase
from tests.support.wire import RawAnswer, exchange

BODY = b'{"phone": "79223438450", "key": "1"}'
"""Of /init/auth; its answer is 401."""
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
HOST = b"Host: localhost\r\n"
CLOSE = b"Connection: close\r\n"
NEXT = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""What follows a request, to see whether its end was found and the connection goes on: 200."""


def post(
    *fields: bytes, target: bytes = b"/init/auth", version: bytes = b"1.1", body: bytes = BODY, host: bytes = HOST
) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    head = b"".join(field + b"\r\n" for field in fields)
    return b"POST %b HTTP/%b\r\n%b%b%b\r\n%b" % (target, version, host, head, length, body)


def chunked(
    *fields: bytes, chunks: bytes = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), target: bytes = b"/init/auth"
) -> bytes:
    head = b"".join(field + b"\r\n" for field in fields)
    return b"POST %b HTTP/1.1\r\n%b%bTransfer-Encoding: chunked\r\n\r\n%b" % (target, HOST, head, chunks)


def get(
    target: bytes = b"/livez", *fields: bytes, version: bytes = b"1.1", method: bytes = b"GET", host: bytes = HOST
) -> bytes:
    return b"%b %b HTTP/%b\r\n%b%b\r\n" % (method, target, version, host, b"".join(field + b"\r\n" for field in fields))


@frozen
class Must:
    section: str
    says: str
    said: bytes
    statuses: tuple[int, ...]
    """Of all the answers that come, NEXT's among them where the connection has to go on."""
    fields: dict[str, str | None] = {}
    """Of the first one; None is one that must not be there."""


ON = (200,)
"""NEXT is answered."""
MUSTS = (
    # RFC 9112: the request line
    Must("9112 2.2", "an empty line before the request line is ignored", b"\r\n" + post() + NEXT, (401, *ON)),
    Must("9112 2.2", "space before the first field is refused, or its line ignored", b"GET /livez HTTP/1.1\r\n X: 1\r\n" + HOST + CLOSE + b"\r\n", (400,)),
    Must("9112 2.2", "a bare CR is no end of a line", b"GET /livez HTTP/1.1\rHost: localhost\r\n\r\n", (400,)),
    Must("9112 2.2", "lines that end with LF are taken, or refused at once", b"GET /livez HTTP/1.1\nHost: localhost\n\n", (400,)),
    Must("9112 2.2", "those of a call, too", post().replace(b"\r\n", b"\n"), (400,)),
    Must("9112 2.2", "what is no HTTP is refused at once, such as TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
    Must("9112 3", "a request line has three parts", b"GET /livez\r\n" + HOST + b"\r\n", (400,)),
    Must("9112 3", "they are separated by one space", b"GET  /livez HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    Must("9112 3", "a target has no space", b"GET /li vez HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    Must("9112 3", "a target that is too long is 414", get(b"/" + b"x" * 20_000), (414,)),
    Must("9112 3", "so is one of very many segments", get(b"/" + b"x/" * 4_000), (414,)),
    Must("9112 3", "so is one of very many encoded bytes", get(b"/" + b"%2f" * 2_000), (414,)),
    Must("9112 3", "so is one of very many parameters", get(b"/livez?" + b"a=&" * 4_000), (414,)),
    Must("9110 4.1", "a query of 8,000 bytes is taken", get(b"/livez?a=" + b"%20" * 2_600) + NEXT, (200, *ON)),
    Must("9110 4.1", "a target of 8,000 bytes is not", get(b"/" + b"x" * 8_000) + NEXT, (404, *ON)),
    Must("9112 3.1", "a method is a token", get(method=b"G@T"), (400,)),
    Must("9110 9.1", "a method's case counts", get(method=b"get") + NEXT, (405, *ON)),
    Must("9112 2.3", "a later minor version is read as 1.1", get(version=b"1.9") + NEXT, (200, *ON)),
    Must("9110 15.6.6", "another major version is 505", get(version=b"2.0"), (505,)),
    Must("9112 2.3", "a version is HTTP/ and two digits", b"GET /livez HTTX/1.1\r\n" + HOST + b"\r\n", (400,)),
    Must("9112 2.3", "HTTP is written so", b"GET /livez http/1.1\r\n" + HOST + b"\r\n", (400,)),
    # RFC 9112: targets
    Must("9112 3.2.1", "a path with a query is that path", post(target=b"/init/auth?x=1&y=%20") + NEXT, (401, *ON)),
    Must("9110 4.2.3", "escaped letters are the same path", post(target=b"/init/%61uth") + NEXT, (401, *ON)),
    Must("9110 4.2.3", "a call by absolute form is taken", post(target=b"http://localhost/init/auth") + NEXT, (401, *ON)),
    Must("9112 3.2.2", "with any scheme of ours, in any case", post(target=b"HTTPS://chat.example:443/init/auth?x") + NEXT, (401, *ON)),
    Must("9112 3.2.2", "whose Host counts for nothing", post(target=b"http://localhost/init/auth", host=b"Host: other.example\r\n") + NEXT, (401, *ON)),
    Must("9112 3.2.2", "a GET by absolute form is taken", get(b"http://localhost:4000/livez") + NEXT, (200, *ON)),
    Must("9112 3.2.2", "an empty path is /", get(b"http://localhost?x=1", method=b"OPTIONS") + NEXT, (204, *ON)),
    Must("9110 4.2.1", "an http URI has a host", get(b"http:///livez"), (400,)),
    Must("9110 4.2.4", "an http URI has no user", get(b"http://me:secret@localhost/livez"), (400,)),
    Must("9112 3.2", "another scheme is no target", get(b"ftp://localhost/livez"), (400,)),
    Must("9112 3.2", "a target is no fragment", get(b"/livez#top"), (400,)),
    Must("9112 3.2", "a target begins with a slash", get(b"livez"), (400,)),
    Must("9112 3.2.3", "authority form is for CONNECT", get(b"localhost:80"), (400,)),
    Must("9110 9.3.6", "CONNECT is not allowed", get(b"localhost:80", method=b"CONNECT"), (405,), {"allow": "GET, HEAD, OPTIONS, POST"}),
    Must("9112 3.2.4", "OPTIONS * asks about the server", get(b"*", method=b"OPTIONS") + NEXT, (204, *ON)),
    Must("9112 3.2.4", "asterisk form is for OPTIONS", get(b"*"), (400,)),
    # RFC 9112: Host
    Must("9112 3.2", "1.1 has a Host", get(host=b""), (400,)),
    Must("9112 3.2", "a call, too", post(host=b""), (400,)),
    Must("9112 3.2", "one Host alone", get(host=HOST + HOST), (400,)),
    Must("9112 3.2", "one alone of a call", post(host=HOST + b"Host: other.example\r\n"), (400,)),
    Must("9112 3.2", "one alone under 1.0", get(host=HOST + HOST, version=b"1.0"), (400,)),
    *(
        Must("9112 3.2", f"Host is a host: {host!r}", said, (400,))
        for host in (b"a b", b"http://localhost", b"localhost/x", b"me@localhost", b"localhost:port", b"[::1", b"a,b", b"\xff\xfe")
        if host != b"a,b"
        for said in (post(host=b"Host: %b\r\n" % host), get(host=b"Host: %b\r\n" % host))
    ),
    *(
        Must("9110 7.2", f"so is {host!r}", said + NEXT, (status, *ON))
        for host in (
            *(b"", b"[::1]:4000", b"a_b.example", b"localhost:", b"xn--80ak6aa92e.example:80", b"%41.example"),
            *(b"x" * 64 + b".example", b"a..example", b".", b"xn--\x61", b"localhost:99999999"),
        )
        for said, status in ((post(host=b"Host: %b\r\n" % host), 401), (get(host=b"Host:  %b \r\n" % host), 200))
    ),
    Must("9112 3.2", "1.0 needs none", get(host=b"", version=b"1.0"), (200,)),
    # RFC 9112, RFC 9110: fields
    Must("9112 5.1", "no space before a colon", post(b"X : 1"), (400,)),
    Must("9112 5.2", "a folded field is refused, or read as one", post(b"Content-Type: application/json;\r\n charset=utf-8") + NEXT, (401, *ON)),
    Must("9110 5.1", "a name is a token", post(b"X(y): 1"), (400,)),
    Must("9110 5.1", "a field has a name", post(b": 1"), (400,)),
    Must("9112 5", "a field has a colon", post(b"X-Field"), (400,)),
    Must("9110 5.5", "a value has no NUL", post(b"X: a\0b"), (400,)),
    Must("9110 5.5", "a value has no bare CR", post(b"X: a\rb"), (400,)),
    Must("9110 5.4", "fields that are too large are 4xx", post(b"X: " + b"x" * 30_000), (431,)),
    Must("9110 5.4", "fields that are too many are 4xx", post(*(b"X: 1" for _ in range(2_000))), (431,)),
    Must("9110 5.1", "a name's case counts for nothing", b"POST /init/auth HTTP/1.1\r\nhOST: localhost\r\ncOnTeNt-LeNgTh: %d\r\n\r\n%b" % (len(BODY), BODY) + NEXT, (401, *ON)),
    # RFC 9112: bodies
    Must("9112 6.1", "what chunked does not end is 400", b"POST /init/auth HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", (400,)),
    Must("9112 6.3", "so is chunked before another", b"POST /init/auth HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n", (400,)),
    Must("9112 7", "so is chunked twice", b"POST /init/auth HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", (400,)),
    Must("9112 6.1", "a coding that is not known is 501", b"POST /init/auth HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", (501,)),
    Must("9112 7.1", "chunked's case counts for nothing", b"POST /init/auth HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: CHUNKED\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) + NEXT, (401, *ON)),
    Must("9112 6.1", "1.0 has no transfer coding", b"POST /init/auth HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
    Must("9112 6.3", "a length and a coding are not read as two requests", chunked(LENGTH.strip()), (400,)),
    Must("9112 6.3", "two lengths are refused", post(b"Content-Length: 1"), (400,)),
    Must("9112 6.3", "a length is a number", b"POST /init/auth HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n", (400,)),
    Must("9112 6.3", "without length and coding there is no body", b"POST /livez HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT, (405, *ON)),
    Must("9112 7.1", "chunks are read", chunked() + NEXT, (401, *ON)),
    Must("9112 7.1.1", "extensions of chunks are ignored", chunked(chunks=b'%x;a=b;c="d"\r\n%b\r\n0;e\r\n\r\n' % (len(BODY), BODY)) + NEXT, (401, *ON)),
    Must("9112 7.1.2", "trailers are dropped", chunked(b"Trailer: X", chunks=b"%x\r\n%b\r\n0\r\nX: 1\r\nContent-Length: 5\r\n\r\n" % (len(BODY), BODY)) + NEXT, (401, *ON)),
    Must("9112 7.1", "a chunk that claims more than a body may have is refused at once", chunked(chunks=b"10001\r\n"), (413,), {"connection": "close"}),
    Must("9112 7.1", "so is one that claims more digits than there are bytes", chunked(chunks=b"%b\r\n" % (b"f" * 30)), (413,), {"connection": "close"}),
    Must("9112 7.1", "so are chunks that claim too much together", chunked(chunks=b"8000\r\n%b\r\n8001\r\n" % (b"x" * 0x8000)), (413,), {"connection": "close"}),
    Must("9112 7.1", "a chunk's size is hexadecimal", chunked(chunks=b"x\r\n"), (400,)),
    # RFC 9112: connections
    Must("9112 9.3", "1.1 goes on", post() + post() + NEXT, (401, 401, *ON)),
    *(
        Must("9112 9.6", f"{fields!r} ends it", said + NEXT, (status,), {"connection": "close"})
        for fields in ((b"Connection: close",), (b"Connection: keep-alive, Close",), (b"Connection: x,close",), (b"Connection: x", b"Connection: close"))
        for said, status in ((post(*fields), 401), (get(b"/livez", *fields), 200), (chunked(*fields), 401))
    ),
    Must("9110 7.6.1", "closed is no close", post(b"Connection: closed") + NEXT, (401, *ON)),
    Must("9112 9.3", "1.0 ends, or is answered keep-alive", get(version=b"1.0") + NEXT, (200,)),
    Must("9110 7.8", "an upgrade to what is not spoken is ignored", post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: x") + NEXT, (401, *ON)),
    # RFC 9110: Expect
    Must("9110 10.1.1", "a client that waits gets 100", post(b"Expect: 100-continue") + NEXT, (100, 401, *ON)),
    Must("9110 10.1.1", "in any case", post(b"expect: 100-Continue") + NEXT, (100, 401, *ON)),
    Must("9110 10.1.1", "1.0 does not wait", post(b"Expect: 100-continue", version=b"1.0"), (401,)),
    Must("9110 10.1.1", "no 100 without a body", get(b"/livez", b"Expect: 100-continue") + NEXT, (200, *ON)),
    Must("9110 10.1.1", "another expectation is 417", post(b"Expect: 200-ok") + NEXT, (417, *ON)),
    *(
        Must("9110 10.1.1", f"a head that is refused gets {status} and not 100", said, (status,), {"connection": "close"})
        for said, status in (
            (b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", 404),
            (b"POST /livez HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", 405),
            (b"POST /init/auth HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n", 413),
            (b"POST /upload HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413),
            (b"POST /init/auth HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n", 415),
            (b"POST /init/auth HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", 400),
        )
    ),
    # RFC 9110: methods, and what goes with answers
    Must("9110 9.3.2", "HEAD has no body", get(method=b"HEAD") + NEXT, (200, *ON)),
    Must("9110 9.3.2", "HEAD of nothing has none, either", get(b"/nowhere", method=b"HEAD") + NEXT, (404, *ON)),
    Must("9110 9.3.2", "HEAD of a call has none, either", get(b"/init/auth", method=b"HEAD") + NEXT, (405, *ON)),
    Must("9110 15.5.6", "405 has Allow", get(b"/init/auth") + NEXT, (405, *ON), {"allow": "OPTIONS, POST"}),
    Must("9110 15.5.6", "405 of GET's has Allow", get(method=b"DELETE") + NEXT, (405, *ON), {"allow": "GET, HEAD, OPTIONS"}),
    Must("9110 15.5.2", "401 has a challenge", post() + NEXT, (401, *ON), {"www-authenticate": 'Bearer realm="JustChat"'}),
    Must("9110 15.5.2", "and nothing else has", get(b"/nowhere") + NEXT, (404, *ON), {"www-authenticate": None}),
    Must("9110 9.3.8", "TRACE returns nothing of the request", get(b"/livez", b"Cookie: secret", method=b"TRACE") + NEXT, (405, *ON)),
    Must("9110 8.6", "204 has no length", get(method=b"OPTIONS") + NEXT, (204, *ON), {"content-length": None, "transfer-encoding": None}),
    Must("9110 12.5.3", "a coded body is 415, with what is taken", post(b"Content-Encoding: gzip") + NEXT, (415, *ON), {"accept-encoding": "identity"}),
    Must("9110 8.4", "of any coding", post(b"Content-Encoding: identity, br") + NEXT, (415, *ON)),
    Must("9110 8.4", "identity is none", post(b"Content-Encoding: identity") + NEXT, (401, *ON)),
    Must("9110 12.5.1", "what is accepted may be disregarded", post(b"Accept: text/html;q=1", b"Accept-Charset: koi8-r", b"Accept-Encoding: *;q=0") + NEXT, (401, *ON)),
    Must("9110 8.3", "a body's type is no matter of a call", post(b"Content-Type: text/plain; charset=koi8-r") + NEXT, (401, *ON)),
    Must("9110 14.2", "a Range of what has none is ignored", get(b"/openapi.json", b"Range: bytes=0-9,5-6") + NEXT, (200, *ON)),
    Must("9110 13.1.2", "If-None-Match: * of what is there is 304", get(b"/openapi.json", b"If-None-Match: *") + NEXT, (304, *ON), {"content-length": None}),
    Must("9112 6.3", "a body too large is read to its end", post(body=b"x" * 70_000) + NEXT, (413, *ON)),
)  # fmt: skip


class MustCase(ChatTestCase):
    def assert_well_formed(self, answer: RawAnswer, must: Must) -> None:
        """What all answers have (RFC 9110, sections 6.6.1, 8.6 and 15; CONTRACT section 1)."""
        self.assertRegex(answer.line, r"\AHTTP/1\.[01] \d{3} [A-Z]", must.says)
        if answer.status == 100:
            return
        self.assertEqual("JustChat", answer.headers.get("server"), must.says)
        self.assertRegex(answer.headers.get("date", ""), r"\A\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\Z", must.says)
        if answer.status >= 400 and answer.body:
            self.assertEqual("application/json; charset=utf-8", answer.headers["content-type"], must.says)
            self.assertEqual(answer.line.partition(" ")[2].partition(" ")[2], json.loads(answer.body)["error"])
            self.assertLessEqual({"error", "code", "detail"}, set(answer.json))

    async def assert_musts(
        self, port: int, expected: Callable[[Must], tuple[tuple[int, ...], dict[str, str | None]]]
    ) -> None:
        """Every row has the statuses and fields that are expected of this port."""
        wrong = []
        for must in MUSTS:
            statuses, fields = expected(must)
            answers = await exchange(port, must.said)
            found = {name: answers[0].headers.get(name) for name in fields} if answers else {}
            if (tuple(answer.status for answer in answers), found) != (statuses, fields):
                wrong.append((must.section, must.says, [answer.line for answer in answers], found))
            else:
                for answer in answers:
                    self.assert_well_formed(answer, must)

        self.assertEqual([], wrong)


class HttpMusts(MustCase):
    async def test_http_port(self) -> None:
        """Every row is answered as its RFC asks, on the HTTP port."""
        await self.assert_musts(self.daemon.http, lambda must: (must.statuses, must.fields))

    async def test_socket_port(self) -> None:
        """On the socket's port, what is well formed is 426; what is malformed is answered as on the HTTP port."""
        await self.assert_musts(self.daemon.websocket, lambda must: (_at_socket_port(must), {}))


class SiteMusts(MustCase):
    fast_lane = False

    async def test_http_port(self) -> None:
        """Without the fast lane, every row is answered the same."""
        await self.assert_musts(self.daemon.http, lambda must: (must.statuses, must.fields))


def _at_socket_port(must: Must) -> tuple[int, ...]:
    """The statuses of a row on the socket's port, which has nothing but WebSockets."""
    statuses = tuple(426 if status in (401, 404, 405, 200, 304) else status for status in must.statuses)
    # No path there takes a body, so that none is asked for or read.
    if statuses[0] == 100 or (statuses[0] == 413 and b"chunked" in must.said):
        return (426,)
    if must.said.startswith((b"CONNECT", b"get")):  # refused whatever the port
        return (405, *statuses[1:])
    return statuses
