"""The fast lane and the Site: one connection may use both, and their answers do not differ."""

import socket
import ssl
from typing import Any

from twisted.internet.threads import deferToThread

from tests.support.certificates import Authority
from tests.support.chat import ChatTestCase
from tests.support.client import request
from tests.support.waiting import PATIENCE
from tests.support.wire import OwnDaemonCase, RawAnswer, a_request, exchange

CALL = b'{"phone": "79223438450", "key": "1"}'
"""Of /init/auth; its answer is 401."""


def a_call(*headers: str, last: bool = False, body: bytes = CALL, path: str = "/init/auth") -> bytes:
    return a_request(f"POST {path}", *headers, body=body, last=last)


def chunked(body: bytes, *headers: str) -> bytes:
    """The same call in a form that is not plain, so that the Site reads it."""
    head = a_request("POST /init/auth", "Transfer-Encoding: chunked", *headers)
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def plain(answer: RawAnswer) -> tuple[Any, ...]:
    """An answer without what differs from one to the next."""
    return answer.line, {name: value for name, value in answer.headers.items() if name != "date"}, answer.body


class BothWays(ChatTestCase):
    async def test_same_answer(self) -> None:
        """Both answer a call the same, byte for byte except for the order of the headers."""
        for body in (CALL, b"{}", b"[", b'{"phone": 1}'):
            for headers in ((), ("Origin: http://somewhere.example",), ("Authorization: Bearer x",)):
                ours, sites = await exchange(
                    self.daemon.http,
                    a_call(*headers, body=body) + chunked(body, *headers, "Connection: close"),
                )
                sites.headers.pop("connection", None)
                self.assertEqual(plain(ours), plain(sites), (body, headers))
                self.assertIn("date", ours.headers)

    async def test_back_and_forth(self) -> None:
        """Calls and other requests in one go on one connection are answered in order."""
        live = a_request("GET /livez")
        preflight = a_request("OPTIONS /init/auth", "Origin: http://somewhere.example")
        nowhere = a_call(path="/nowhere")
        said = a_call() + live + a_call() + chunked(CALL) + a_call() + preflight + nowhere + a_call() + live
        said += a_call(last=True)

        answers = await exchange(self.daemon.http, said)

        self.assertEqual(
            [401, 200, 401, 401, 401, 204, 404, 401, 200, 401], [answer.status for answer in answers], answers
        )

    async def test_comes_back(self) -> None:
        """After a request of the Site's, a connection that went on calling is not closed."""
        said = b"".join(a_request("GET /livez") + a_call() for _ in range(50))

        answers = await exchange(self.daemon.http, said + a_call(last=True))

        self.assertEqual([200, 401] * 50 + [401], [answer.status for answer in answers])

    async def test_byte_by_byte(self) -> None:
        """Requests that come a byte at a time."""
        said = a_call() + a_request("GET /livez") + a_call() + chunked(CALL) + a_call(last=True)

        received = await deferToThread(_drip, self.daemon.http, said)

        self.assertEqual(5, received.count(b"HTTP/1.1 "))
        self.assertEqual(4, received.count(b"HTTP/1.1 401 "))

    async def test_any_method_in_pieces(self) -> None:
        """The rest of a method whose start has come is awaited."""
        for method in ("P", "PO", "POST", "PUT", "GET", "X"):
            received = await deferToThread(
                _drip, self.daemon.http, a_request(f"{method} /init/auth", body=b"{}", last=True)
            )
            self.assertEqual(1, received.count(b"HTTP/1.1 "), received)

    async def test_disconnect(self) -> None:
        """A client that disconnects during a head, a body or an answer affects no other."""
        for cut in (1, 10, 60, len(a_call()) - 5, len(a_call())):
            await deferToThread(_leave, self.daemon.http, a_call()[:cut])

        self.assertEqual(200, (await request(self.daemon.http, "GET", "/livez")).status)

    async def test_many_in_one_go(self) -> None:
        """Thousands of requests that arrive together are answered one by one."""
        answers = await exchange(self.daemon.http, a_call(body=b"[") * 5000 + a_call(body=b"{}", last=True))

        self.assertEqual({400}, {answer.status for answer in answers})
        self.assertEqual(5001, len(answers))

    async def test_nothing_after_the_last(self) -> None:
        """Requests after one with Connection: close are not carried out."""
        answers = await exchange(self.daemon.http, a_call(body=b"{}", last=True) + a_call(body=b"{}") * 10)

        self.assertEqual([400], [answer.status for answer in answers])

    async def test_never_reads(self) -> None:
        """A client that sends requests and reads nothing is not served without end: its unread answers are bounded."""
        sent = await deferToThread(_ask_without_reading, self.daemon.http, a_call(), 40_000_000)

        self.assertLess(sent, 40_000_000)
        self.assertEqual(200, (await request(self.daemon.http, "GET", "/livez")).status)

    async def test_smuggling(self) -> None:
        """An ambiguous head is refused, and nothing after it is read as a request."""
        hidden = a_request("GET /livez")
        for headers in (
            ("Content-Length: 0", f"Content-Length: {len(hidden)}"),
            ("Content-Length: 5", "Transfer-Encoding: chunked"),
            ("Transfer-Encoding: chunked, identity",),
            ("Transfer-Encoding : chunked",),
            ("Content-Length: +2",),
            ("Content-Length: 0x2",),
            ("Content-Length: 2, 2",),
        ):
            answers = await exchange(self.daemon.http, a_request("POST /init/auth", *headers) + hidden)
            self.assertEqual([400], [answer.status for answer in answers], headers)

    async def test_twice_the_same_length(self) -> None:
        """A head with two Content-Lengths is not a plain call, even if they agree."""
        answers = await exchange(
            self.daemon.http, a_request("POST /init/auth", "Content-Length: 2", "Content-Length: 2") + b"{}"
        )

        self.assertEqual([400], [answer.status for answer in answers])

    async def test_asking_for_another_protocol(self) -> None:
        """A call that offers an upgrade is answered as any other (RFC 9110, section 7.8)."""
        answers = await exchange(self.daemon.http, a_call("Upgrade: h2c", "Connection: Upgrade") + a_call(last=True))

        self.assertEqual([401, 401], [answer.status for answer in answers])

    async def test_heads_alike(self) -> None:
        """Equal and similar heads are each answered by their own content."""
        other = b'{"phone": "79223438450", "kex": "1"}'
        page, bearer = "Origin: http://somewhere.example", "Authorization: Bearer x"
        said = [a_call(), a_call(body=other), a_call(page), a_call(), a_call(bearer), a_call(path="/gifts")]
        said += [a_call(bearer, path="/gifts"), a_call(last=True), a_call()]

        answers = await exchange(self.daemon.http, b"".join(said))

        self.assertEqual([401, 400, 401, 401, 401, 440, 440, 401], [answer.status for answer in answers])
        allowed = ["access-control-allow-origin" in answer.headers for answer in answers]
        self.assertEqual([False, False, True, *[False] * 5], allowed)
        closed = [answer.headers.get("connection") for answer in answers]
        self.assertEqual([*[None] * 7, "close"], closed)

    async def test_many_headers(self) -> None:
        """Ten thousand headers are refused, before they have all been read."""
        answers = await exchange(self.daemon.http, a_call(*(f"X-{n}: {n}" for n in range(10_000))))

        self.assertEqual([431], [answer.status for answer in answers])


class OverTls(OwnDaemonCase):
    async def test_both_ways(self) -> None:
        """The same over TLS, by Twisted's endpoint string."""
        file = Authority(self.daemon.folder).issue("localhost")
        self.daemon.options = ("--http", f"ssl:0:interface=127.0.0.1:privateKey={file}:certKey={file}")
        await self.daemon.start()
        said = a_call() + a_request("GET /livez") + a_call() + chunked(CALL) + a_call(last=True)

        received = await deferToThread(_over_tls, self.daemon.http, said)

        self.assertEqual((5, 4), (received.count(b"HTTP/1.1 "), received.count(b"HTTP/1.1 401 ")))


def _drip(port: int, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(said)):
            connection.sendall(said[at : at + 1])
        received = b""
        while some := connection.recv(65536):
            received += some
        return received


def _leave(port: int, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(said)


def _ask_without_reading(port: int, said: bytes, most: int) -> int:
    sent = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(1)
        try:
            while sent < most:
                sent += connection.send(said * 200)
        except TimeoutError:
            pass
    return sent


def _over_tls(port: int, said: bytes) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(said)
        received = b""
        while some := connection.recv(65536):
            received += some
        return received
