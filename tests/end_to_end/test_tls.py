"""Both ports behind TLS, as clients of every kind meet them: by ALPN (RFC 7301), SNI and version.

The clients are curl, Python's ``ssl`` and Twisted's own, which offers no ALPN.
"""

import socket
import ssl
import subprocess
import tempfile
from itertools import product
from pathlib import Path

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.threads import deferToThread

from tests.support.certificates import Authority
from tests.support.chat import ChatTestCase
from tests.support.client import Listener
from tests.support.daemon import Daemon
from tests.support.frames import HANDSHAKE
from tests.support.kept import Kept
from tests.support.mongo import fresh_uri
from tests.support.waiting import PATIENCE
from tests.support.wire import a_request, exchange

OFFERS: dict[tuple[str, ...], str | None] = {
    (): None,
    ("http/1.1",): "http/1.1",
    ("h2", "http/1.1"): "http/1.1",
    ("http/1.1", "h2"): "http/1.1",
    ("h3", "h2", "http/1.1", "http/1.0"): "http/1.1",
    ("http/1.0",): "http/1.0",
}
"""What a client offers by ALPN, and the protocol that must be chosen."""
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
NAMES = ("localhost", None, "chat.example.org")


_shared = Kept[Daemon](Daemon.remove)


class Tls(ChatTestCase):
    """Endpoints of the form ``ssl:…``."""

    authority: Authority

    async def its_daemon(self) -> Daemon:
        return await _shared.get(None, self.a_daemon)

    async def a_daemon(self) -> Daemon:
        folder = Path(tempfile.mkdtemp(prefix="jc-"))
        Tls.authority = Authority(folder)
        pair = Tls.authority.issue("localhost")
        endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pair}:certKey={pair}"
        return await Daemon("--http", endpoint, "--websocket", endpoint, "--mongo", fresh_uri(), folder=folder).start()

    def endpoint(self, port: int) -> IStreamClientEndpoint:
        """One that verifies the daemon's certificate."""
        trust = trustRootFromCertificates([Certificate.loadPEM(self.authority.certificate.read_bytes())])
        plain = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        return wrapClientTLS(optionsForClientTLS("localhost", trustRoot=trust), plain)

    def say(
        self, port: int, said: bytes, offer: tuple[str, ...], name: str | None, version: ssl.TLSVersion
    ) -> tuple[str | None, bytes]:
        """The protocol that is negotiated, and the first line of the answer."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.check_hostname = name == "localhost"
        context.minimum_version = context.maximum_version = version
        if offer:
            context.set_alpn_protocols(list(offer))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            connection.sendall(said)
            return connection.selected_alpn_protocol(), connection.recv(4096).partition(b"\r\n")[0]

    async def test_alpn(self) -> None:
        """On both ports a client gets HTTP/1.1, with any other offers, names and versions."""
        says = (
            (self.daemon.http, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", b"HTTP/1.1 200 OK"),
            (self.daemon.http, HANDSHAKE % b"/ws", b"HTTP/1.1 101 Switching Protocols"),
            (self.daemon.websocket, HANDSHAKE % b"/", b"HTTP/1.1 101 Switching Protocols"),
        )
        wrong = []
        for (port, said, line), offer, name, version in product(says, OFFERS, NAMES, VERSIONS):
            try:
                result: object = await deferToThread(self.say, port, said, offer, name, version)
            except OSError as error:
                result = error
            if result != (OFFERS[offer], line):
                wrong.append((port == self.daemon.http, offer, name, version.name, result))

        self.assertEqual([], wrong)

    async def test_no_common_protocol(self) -> None:
        """A client that offers other protocols alone is told so (RFC 7301, section 3.2), and nothing is logged."""
        said = a_request("GET /livez", last=True)
        for port, version in product((self.daemon.http, self.daemon.websocket), VERSIONS):
            with self.assertRaises(ssl.SSLError) as refused:
                await deferToThread(self.say, port, said, ("h2", "acme-tls/1"), "localhost", version)

            self.assertRegex(str(refused.exception), "(?i)no.application.protocol")
        self.assertNotIn("no application protocol", self.daemon.log)

    async def test_curl(self) -> None:
        """curl is served, which offers h2 and http/1.1 by default."""
        url = f"https://localhost:{self.daemon.http}"
        ca = str(self.authority.certificate)

        for options in ((), ("--http1.1",), ("--http2",), ("--no-alpn",), ("--tls-max", "1.2"), ("--http1.0",)):
            command = ["curl", "-sS", "--cacert", ca, "-w", " %{http_code}", *options]
            ended = await deferToThread(
                subprocess.run, [*command, f"{url}/livez"], capture_output=True, timeout=PATIENCE
            )

            self.assertEqual((b'{"status":"ok"} 200', b""), (ended.stdout, ended.stderr), options)

    async def test_calls(self) -> None:
        """A client without ALPN gets answers, by the fast lane and by the site."""
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
