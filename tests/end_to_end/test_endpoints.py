"""The ports behind TLS, and behind a proxy that speaks the PROXY protocol."""

import json
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.trial.unittest import SynchronousTestCase

from justchat.listening import is_exposed
from tests.http.wire import a_request, exchange
from tests.support.certificates import Authority
from tests.support.chat import ChatTestCase
from tests.support.client import Listener
from tests.support.daemon import Daemon
from tests.ws.test_limits import UPGRADE

ANNA, OTHER = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n", b"PROXY TCP4 192.0.2.8 127.0.0.1 4711 443\r\n"


class ProxyProtocol(ChatTestCase):
    """Endpoints of the form ``haproxy:tcp:…``."""

    _one: Daemon | None = None

    async def setUp(self) -> None:
        await super().setUp()
        if ProxyProtocol._one is None:
            config = Path(tempfile.mkdtemp(prefix="jc-")) / "justchat.toml"
            config.write_text("[limits]\nsockets_per_address = 1")
            endpoint = "haproxy:tcp:0:interface=127.0.0.1"
            ProxyProtocol._one = Daemon("--config", str(config), "--http", endpoint, "--websocket", endpoint)
            await ProxyProtocol._one.start()
            shutil.rmtree(config.parent)
        self.daemon = ProxyProtocol._one

    async def test_call(self) -> None:
        """Calls are answered, both those that go the short way and those that twisted.web reads."""
        body = json.dumps({"phone": "no phone"}).encode()
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)

        answers = await exchange(
            self.daemon.http,
            ANNA
            + a_request("POST /init/reg", body=body)
            + a_request("POST /init/reg", "Transfer-Encoding: chunked")
            + chunked
            + a_request("POST /init/reg", body=body, last=True),
        )

        self.assertEqual([400] * 3, [answer.status for answer in answers])

    async def test_address(self) -> None:
        """Sockets are counted by the address that the proxy tells, on both ports."""
        for port in (self.daemon.http, self.daemon.websocket):
            polling = "GET /socket.io/?EIO=4&transport=polling"
            first = await exchange(port, ANNA + a_request(polling, last=True))
            again = await exchange(port, ANNA + a_request("GET /ws", *UPGRADE))
            other = await exchange(port, OTHER + a_request(polling, last=True))

            expected = [200, 429, 200] if port == self.daemon.http else [429, 429, 429]
            self.assertEqual(expected, [answers[0].status for answers in (first, again, other)])

    async def test_no_proxy(self) -> None:
        """Who does not speak the protocol is hung up on."""
        self.assertEqual([], await exchange(self.daemon.http, a_request("GET /livez")))


class Tls(ChatTestCase):
    """Endpoints of the form ``ssl:…``."""

    async def setUp(self) -> None:
        await super().setUp()
        folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.addCleanup(shutil.rmtree, folder)
        authority = Authority(folder)
        pair = authority.issue("localhost")
        endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pair}:certKey={pair}"
        self.daemon = Daemon("--http", endpoint, "--websocket", endpoint)
        self._logged = 0
        await self.daemon.start()
        self.trust = trustRootFromCertificates([Certificate.loadPEM(authority.certificate.read_bytes())])

    async def tearDown(self) -> None:
        await super().tearDown()
        self.daemon.remove()

    def endpoint(self, port: int) -> IStreamClientEndpoint:
        """One that verifies the daemon's certificate."""
        plain = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        return wrapClientTLS(optionsForClientTLS("localhost", trustRoot=self.trust), plain)

    async def test_calls(self) -> None:
        """Calls are answered, by the short way and by twisted.web's."""
        said = a_request("POST /init/reg", body=b'{"phone": "none"}') + a_request("GET /livez", last=True)

        answers = await exchange(self.daemon.http, said, self.endpoint(self.daemon.http))

        self.assertEqual([400, 200], [answer.status for answer in answers])
        self.assertNotIn("plain HTTP", self.daemon.log)

    async def test_sockets(self) -> None:
        """Sockets open on both ports."""
        for port in (self.daemon.http, self.daemon.websocket):
            factory = WebSocketClientFactory(f"wss://localhost:{port}/ws", reactor=reactor)
            factory.protocol = Listener
            socket = await self.endpoint(port).connect(factory)
            self._listeners.append(socket)
            await socket.opened

            socket.say({"event": "init", "data": {"session_key": "nobody's"}})

            self.assertEqual(4440, await socket.closed())

    async def test_plain(self) -> None:
        """Plain HTTP gets no answer there."""
        answers = await exchange(self.daemon.http, a_request("GET /livez", last=True))

        self.assertNotIn("HTTP", "".join(answer.line for answer in answers))


class Exposed(SynchronousTestCase):
    """Which ports are warned of at the start."""

    def exposed(self, endpoint: str, host: str, *proxies: str) -> bool:
        return is_exposed(endpoint, SimpleNamespace(getHost=lambda: IPv4Address("TCP", host, 4000)), proxies)

    def test_plain(self) -> None:
        """Plain ones that others can reach."""
        for host in ("0.0.0.0", "192.0.2.1", "::", "2001:db8::1"):
            self.assertTrue(self.exposed("tcp:4000", host), host)

    def test_others(self) -> None:
        """None that is for this machine, speaks TLS, or stands behind a proxy."""
        self.assertFalse(self.exposed("tcp:4000:interface=127.0.0.1", "127.0.0.1"))
        self.assertFalse(self.exposed("tcp6:4000:interface=::1", "::1"))
        self.assertFalse(self.exposed("ssl:443", "0.0.0.0"))
        self.assertFalse(self.exposed("haproxy:tcp:4000", "0.0.0.0"))
        self.assertFalse(self.exposed("tcp:4000", "0.0.0.0", "10.0.0.0/8"))
        self.assertFalse(is_exposed("unix:/run/x", SimpleNamespace(getHost=lambda: UNIXAddress(b"/run/x")), ()))
