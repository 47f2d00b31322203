"""The ports behind a proxy that speaks the PROXY protocol. (``test_tls`` has those behind TLS.)"""

import json
from types import SimpleNamespace

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from justchat.runtime.endpoints import is_exposed
from tests.support.attack import connect
from tests.support.chat import ChatTestCase
from tests.support.daemon import Daemon
from tests.support.frames import UPGRADE
from tests.support.kept import Kept
from tests.support.mongo import fresh_uri
from tests.support.wire import a_request, exchange

ANNA, OTHER = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n", b"PROXY TCP4 192.0.2.8 127.0.0.1 4711 443\r\n"


_shared = Kept[Daemon](Daemon.remove)


class ProxyProtocol(ChatTestCase):
    """Endpoints of the form ``haproxy:tcp:…``."""

    async def its_daemon(self) -> Daemon:
        return await _shared.get(None, self.a_daemon)

    async def a_daemon(self) -> Daemon:
        daemon, endpoint = Daemon(), "haproxy:tcp:0:interface=127.0.0.1"
        config = daemon.folder / "justchat.toml"
        config.write_text("[limits]\nsockets_per_address = 1\nconnections_per_address = 1")
        daemon.options = ("--config", str(config), "--http", endpoint, "--websocket", endpoint, "--mongo", fresh_uri())
        return await daemon.start()

    async def test_call(self) -> None:
        """Calls are answered, by the fast lane and by the site."""
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
        """Sockets are counted by the address that the proxy names, on both ports."""
        for port in (self.daemon.http, self.daemon.websocket):
            polling = "GET /socket.io/?EIO=4&transport=polling"
            first = await exchange(port, ANNA + a_request(polling, last=True))
            again = await exchange(port, ANNA + a_request("GET /ws", *UPGRADE))
            other = await exchange(port, OTHER + a_request(polling, last=True))

            expected = [200, 429, 200] if port == self.daemon.http else [429, 429, 429]
            self.assertEqual(expected, [answers[0].status for answers in (first, again, other)])

    async def test_connections(self) -> None:
        """The proxy's own connections are not those of one address."""
        for port in (self.daemon.http, self.daemon.websocket):
            with connect(port) as held:
                held.sendall(ANNA + a_request("GET /livez"))
                held.recv(1)
                answers = await exchange(port, ANNA + a_request("GET /livez", last=True))

            self.assertIn(answers[0].status, (200, 426))

    async def test_no_proxy(self) -> None:
        """A peer that does not speak the protocol is disconnected."""
        self.assertEqual([], await exchange(self.daemon.http, a_request("GET /livez")))


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
