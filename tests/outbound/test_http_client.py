"""The client of other servers: what it connects to, and the connections that it keeps."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase
from twisted.web.http import Request
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from justchat.model.reach import Reach
from justchat.outbound.http_client import HttpClient, NoAnswer
from tests.support.gateway import FakeGateway, never, with_status


@implementer(IHostnameResolver)
class Names:
    """A resolver: each name has its addresses, and a list of them changes with every look."""

    def __init__(self, **names: list[list[str]]) -> None:
        self._names = names
        self.looked_up: list[str] = []

    def resolveHostName(self, receiver: IResolutionReceiver, name: str, port: int = 0, *_: Any, **__: Any) -> None:
        self.looked_up.append(name)
        answers = self._names[name.partition(".")[0]]
        for host in answers.pop(0) if len(answers) > 1 else answers[0]:
            receiver.addressResolved(IPv4Address("TCP", host, port))
        receiver.resolutionComplete()


class WithNames:
    """The reactor, with these names."""

    def __init__(self, names: Names) -> None:
        self.nameResolver = names

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class ClientCase(TestCase):
    def setUp(self) -> None:
        self.server = FakeGateway()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.stop()))
        self.port = self.server.address.rpartition(":")[2]

    def client(self, names: Names | None = None, **options: Any) -> HttpClient:
        made = HttpClient("the server", 10.0, reactor if names is None else WithNames(names), **options)
        self.addCleanup(lambda: Deferred.fromCoroutine(made.close()))
        return made

    async def get(self, client: HttpClient, host: str, path: str = "/") -> tuple[int, bytes]:
        return await client.request("GET", f"http://{host}:{self.port}{path}", {}, b"")

    async def assert_refused(self, client: HttpClient, host: str) -> None:
        before = len(self.server.sent)
        with self.assertRaises(NoAnswer, msg=host) as caught:
            await self.get(client, host)
        self.assertEqual(
            ("the server is in a private network", True), (str(caught.exception), caught.exception.unreachable)
        )
        self.assertEqual(before, len(self.server.sent))


class Reaching(ClientCase):
    async def test_private(self) -> None:
        """In every notation, a private address is not connected to."""
        client = self.client(reach=Reach.PUBLIC)
        for host in ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "[::1]", "[::ffff:127.0.0.1]"):
            await self.assert_refused(client, host)

    async def test_allowed(self) -> None:
        for reach in (Reach.ANY, Reach.LOOPBACK):
            self.assertEqual((200, b""), await self.get(self.client(reach=reach), "127.0.0.1"))

    async def test_name(self) -> None:
        """A name that leads into a private network is not connected to."""
        await self.assert_refused(
            self.client(Names(inside=[["127.0.0.1", "10.0.0.1"]]), reach=Reach.PUBLIC), "inside.example"
        )

    async def test_mixed(self) -> None:
        """Of a name's addresses only those within the reach are connected to."""
        names = Names(mixed=[["8.8.8.8", "127.0.0.1"]])

        self.assertEqual((200, b""), await self.get(self.client(names, reach=Reach.LOOPBACK), "mixed.example"))

    async def test_rebinding(self) -> None:
        """A name is resolved once a connection, and what was resolved is connected to. A name that leads elsewhere
        later is refused then.
        """
        names = Names(changing=[["127.0.0.1"], ["10.0.0.1"]])
        client = self.client(names, reach=Reach.LOOPBACK)

        self.assertEqual((200, b""), await self.get(client, "changing.example"))
        self.assertEqual(["changing.example"], names.looked_up)
        await self.assert_refused(client, "changing.example")

    async def test_redirect(self) -> None:
        """Redirects are not followed."""

        def redirect(request: Request) -> bytes:
            request.setResponseCode(302)
            request.setHeader("Location", f"{self.server.address}/elsewhere")
            return b""

        self.server.answer = redirect

        self.assertEqual((302, b""), await self.get(self.client(), "127.0.0.1"))
        self.assertEqual(1, len(self.server.sent))


class OldServer(Protocol):
    """Answers each request by HTTP/1.0, and leaves it to the client to close the connection."""

    made = 0

    def connectionMade(self) -> None:
        type(self).made += 1
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(b"hello"):
            self.received = b""
            self.transport.write(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Keeping(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.ports: list[int] = []

        def answer(request: Request) -> bytes:
            self.ports.append(request.getClientAddress().port)
            return b"yes"

        self.server.answer = answer

    async def test_kept(self) -> None:
        """Requests one after the other use one connection; without ``keep_alive`` each has its own."""
        kept, not_kept = self.client(keep_alive=2), self.client()

        for client in (kept, not_kept):
            for _ in range(3):
                self.assertEqual((200, b"yes"), await self.get(client, "127.0.0.1"))

        self.assertEqual((1, 3), (len(set(self.ports[:3])), len(set(self.ports[3:]))))

    async def test_http_1_0(self) -> None:
        """The connection of an HTTP/1.0 server, which closes it after each answer, is not kept."""
        factory = Factory.forProtocol(OldServer)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        client = self.client(keep_alive=2)
        before = OldServer.made

        for _ in range(3):
            answer = await client.request("POST", f"http://127.0.0.1:{port.getHost().port}/", {}, b"hello")

            self.assertEqual((200, b"ok"), answer)

        self.assertEqual(before + 3, OldServer.made)

    async def test_aborted(self) -> None:
        """A connection whose exchange failed is closed, and not kept."""
        client = self.client(keep_alive=2, answer_limit=10)
        await self.get(client, "127.0.0.1")
        self.server.answer = with_status(200, b"x" * 100)

        with self.assertRaises(NoAnswer):
            await self.get(client, "127.0.0.1")

        await self.server.abandoned()

    async def test_time(self) -> None:
        """A slow drip ends with the time."""
        client = HttpClient("the server", 0.2, reactor, keep_alive=1)
        self.server.answer = never
        with self.assertRaisesRegex(NoAnswer, "within 0.2 s"):
            await self.get(client, "127.0.0.1")

        def drip(request: Request) -> int:
            request.write(b"a")
            return NOT_DONE_YET

        self.server.answer = drip
        with self.assertRaisesRegex(NoAnswer, "within 0.2 s"):
            await self.get(client, "127.0.0.1")

        await self.server.abandoned()
