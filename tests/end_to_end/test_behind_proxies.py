"""The proxies of etc/ in front of two daemons: limits, sizes, sockets, TLS, and a daemon that is gone."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from attrs import frozen
from docutils import nodes
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest

from tests.support import proxies
from tests.support.certificates import Authority
from tests.support.chat import a_phone
from tests.support.clients.scenario import Place, missing, walk
from tests.support.daemon import Daemon
from tests.support.docs import PROJECT, parsed
from tests.support.kept import Kept
from tests.support.mongo import fresh_uri
from tests.support.picture_files import picture
from tests.support.proxies import Front, Proxy
from tests.support.redis_server import RedisServer
from tests.support.servers import a_key
from tests.support.starting import StartCase, free_port
from tests.support.waiting import PATIENCE, at_once
from tests.support.wire import RawAnswer, a_request, exchange

EXTRA = """
[payments]
secret_key = "a key"
[bus]
uri = "{bus}"
[limits]
wrong_keys_per_address = ["3/hour"]
"""
LARGEST = 5 * 1024 * 1024
"""``[limits] image``."""


def readme_settings() -> str:
    """The README's settings for a daemon behind a proxy."""
    (text,) = (
        block.astext()
        for block in parsed(PROJECT / "README.rst").findall(nodes.literal_block)
        if "toml" in block["classes"] and "proxies" in block.astext()
    )
    return str(text)


@frozen
class Pair:
    """Two daemons that are set up as the README says, on one MongoDB and one Redis, with one data directory."""

    daemons: tuple[Daemon, Daemon]
    redis: RedisServer
    authority: Authority
    certificate: Path

    @property
    def data(self) -> Path:
        """The directory that has the SMS of both."""
        return self.daemons[0].data

    def end(self) -> None:
        for daemon in self.daemons:
            daemon.remove()
        self.redis.end()


async def a_pair() -> Pair:
    settings = readme_settings()
    for port in (4000, 8000):
        assert settings.count(f"tcp:{port}:interface=127.0.0.1") == 1, port
        settings = settings.replace(f"tcp:{port}:", "tcp:0:")
    daemons = Daemon(), Daemon()
    uri, redis = fresh_uri(), RedisServer()
    for daemon in daemons:
        config = daemon.folder / "justchat.toml"
        config.write_text(settings + EXTRA.format(bus=redis.uri()))
        daemon.options = ("--config", str(config), "--mongo", uri)
        daemon.data = daemons[0].data
        await daemon.start()
    authority = Authority(daemons[0].folder)
    return Pair(daemons, redis, authority, authority.issue("localhost"))


_pairs = Kept[Pair](Pair.end)


class Behind:
    """What holds behind each of the proxies."""

    name: ClassVar[str]
    command: ClassVar[Callable[[Front], list[str]]]
    network: ClassVar[str]
    """Where its clients are: the first three numbers of an address of loopback."""

    async def setUp(self) -> None:
        if proxies.program(self.name) is None:
            raise SkipTest(f"{self.name} is not installed")
        super().setUp()
        self.pair = await _pairs.get(None, a_pair)
        self.front = await self.a_proxy(*(daemon.http for daemon in self.pair.daemons))

    async def a_proxy(self, *ports: int) -> Front:
        """A proxy in front of these ports."""
        folder = self.folder / f"proxy{next(self.numbers)}"
        folder.mkdir()
        front = Front(
            folder=folder, tls=free_port(), plain=free_port(), daemons=ports, certificate=self.pair.certificate
        )
        proxy = Proxy(type(self).command(front), front)
        self.addCleanup(proxy.end)
        await proxy.start()
        return front

    async def one(self, line: str, *fields: str, body: bytes | None = None, client: int = 1) -> RawAnswer:
        """The answer to a request over TLS, of a client with an address of its own."""
        authority = Certificate.loadPEM(self.pair.authority.certificate.read_bytes())
        address = (f"{self.network}.{client}", 0)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.front.tls, bindAddress=address)
        trust = optionsForClientTLS("localhost", trustRootFromCertificates([authority]))
        request = a_request(line, *fields, body=body, last=True)
        (answer,) = await exchange(self.front.tls, request, wrapClientTLS(trust, endpoint))
        return answer

    async def test_server_keys(self) -> None:
        """A server key passes, and its networks are those of the client, whatever that writes."""
        bound = f"{self.network}.21/32"
        key = await a_key(self.pair.daemons[0], f"behind {self.name}", "--scope", "users", "--network", bound)
        fields = f"Authorization: Bearer {key}", f"X-Forwarded-For: {self.network}.21"
        body = json.dumps({"user": "0" * 24}).encode()

        answers = [await self.one("POST /server/users/get", *fields, body=body, client=client) for client in (21, 22)]

        self.assertEqual([404, 401], [answer.status for answer in answers])

    async def test_limits(self) -> None:
        """Each client has separate limits, by the address that the proxy passes on, and nobody is warned of."""
        phone = a_phone()
        await self.one("POST /init/reg", body=json.dumps({"phone": phone}).encode())

        body = json.dumps({"phone": phone, "key": "1"}).encode()
        answers = [
            await self.one("POST /init/auth", f"X-Forwarded-For: 192.0.2.{n}", body=body, client=2) for n in range(4)
        ]
        other = await self.one("POST /init/auth", body=body, client=3)

        # What is counted is shared by both daemons.
        self.assertEqual([401, 401, 401, 429], [answer.status for answer in answers])
        self.assertEqual(401, other.status)
        for daemon in self.pair.daemons:
            self.assertNotIn("#warn]", daemon.log)

    async def test_sizes(self) -> None:
        """An image as large as may be comes through; a larger one, and a larger body, are 413 with an error's body."""
        image = picture("PNG")
        largest = image + b"\0" * (LARGEST - len(image))
        kind = "Content-Type: image/png"

        self.assertEqual(201, (await self.one("POST /upload", kind, body=largest)).status)
        for line, size, is_sent in (
            ("POST /upload", LARGEST + 1, True),
            ("POST /user/messages", 100_000, True),
            # A proxy refuses these by their heads, and may close while a client still sends.
            ("POST /upload", 7 * 1024 * 1024, False),
            ("POST /user/messages", 200_000, False),
        ):
            answer = await (
                self.one(line, kind, body=b"x" * size) if is_sent else self.one(line, kind, f"Content-Length: {size}")
            )
            self.assertEqual((413, "too-large"), (answer.status, answer.json["code"]), (line, size))

    async def test_tls(self) -> None:
        """Plain HTTP is sent to TLS, and browsers stay there, also after an error."""
        (plain,) = await exchange(self.front.plain, a_request("GET /room/get?x=1", last=True))

        self.assertEqual(301, plain.status)
        self.assertRegex(plain.headers["location"], r"^https://[^/]+/room/get\?x=1$")
        for path in ("/", "/nothing"):
            answer = await self.one(f"GET {path}")
            self.assertIn("max-age=31536000", answer.headers["strict-transport-security"], path)

    async def test_not_public(self) -> None:
        """What is for those who watch the daemons is not there."""
        for path in ("/metrics", "/livez", "/readyz", "/%72eadyz"):
            answer = await self.one(f"GET {path}")
            self.assertEqual((404, "not-found"), (answer.status, answer.json["code"]), path)

    async def test_polling(self) -> None:
        """The requests of a polling session come to one daemon, the sessions of all clients to both."""

        async def poll(client: int) -> str:
            opened = await self.one("GET /socket.io/?EIO=4&transport=polling", client=client)
            sid = json.loads(opened.body[1:])["sid"]
            path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
            self.assertEqual((200, b"ok"), _told(await self.one(f"POST {path}", body=b"40", client=client)))
            answer = await self.one(f"GET {path}", client=client)
            self.assertEqual((200, b'40{"sid"'), (answer.status, answer.body[:8]))
            return path

        paths = await at_once(poll(client) for client in range(10, 34))

        # Who knows a session closes it.
        for daemon in self.pair.daemons:
            closing = [a_request(f"POST {path}", body=b"1", last=True) for path in paths]
            answers = await at_once(exchange(daemon.http, request) for request in closing)
            self.assertEqual({200, 400}, {answer.status for (answer,) in answers})

    async def test_one_gone(self) -> None:
        """Without one daemon the other serves all; without both the answer is an error's."""
        there, gone = self.pair.daemons[0].http, free_port()
        for ports, status in (((there, gone), 200), ((gone, there), 200), ((gone, free_port()), 503)):
            self.front = await self.a_proxy(*ports)
            for path in ("/", "/socket.io/?EIO=4&transport=polling"):
                answers = [await self.one(f"GET {path}", client=client) for client in range(1, 6)]
                self.assertEqual({status}, {answer.status for answer in answers}, (ports, path))

        self.assertEqual(("unavailable", "1"), (answers[0].json["code"], answers[0].headers["retry-after"]))

    async def test_no_answer(self) -> None:
        """A daemon that dies with a call is no 503, which says that nothing was done."""
        with socket.create_server(("127.0.0.1", 0)) as dying:
            dying.settimeout(PATIENCE)
            self.front = await self.a_proxy(*[dying.getsockname()[1]] * 2)

            def die() -> None:
                while True:  # HAProxy's checks come, too
                    connection, _ = dying.accept()
                    with connection:
                        if b"POST" in connection.recv(4096):
                            return

            dead = deferToThread(die)
            answer = await self.one("POST /room/sendMessage", body=b"{}")
            await dead

        self.assertEqual((502, "no-answer", "1"), (answer.status, answer.json["code"], answer.headers["retry-after"]))


def _told(answer: RawAnswer) -> tuple[int, bytes]:
    return answer.status, answer.body


def walks(case: type[Behind], *kinds: str) -> None:
    """Add a test of each of these kinds of clients."""
    for kind in kinds:
        name = "test_" + "".join(letter if letter.isalnum() else "_" for letter in kind)
        setattr(case, name, _walk(kind))


def _walk(kind: str) -> object:
    async def test(self: Behind) -> None:
        if (why := missing(kind)) is not None:
            raise SkipTest(why)
        http, socket = f"https://localhost:{self.front.tls}", f"wss://localhost:{self.front.tls}/ws"
        authority = self.pair.authority.certificate
        # The proxies do speak HTTP/2, to a client that offers it.
        place = Place(http=http, socket=socket, data=self.pair.data, authority=authority, alpn=("http/1.1",))
        await walk(kind, place)

    test.__doc__ = f"{kind} signs in, receives events, sends init again, and resumes after a disconnect."
    return test


class BehindNginx(Behind, StartCase):
    name = "nginx"
    command = proxies.nginx
    network = "127.0.1"


class BehindHaproxy(Behind, StartCase):
    name = "haproxy"
    command = proxies.haproxy
    network = "127.0.2"


walks(BehindNginx, "websockets", "python-socketio 5", "socket.io-client 4", "Chromium")
walks(BehindHaproxy, "aiohttp", "curl", "socket.io-client 2", "Chromium")
