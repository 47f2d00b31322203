"""Several workers on endpoints of every kind. Long polling reaches its session on each of them."""

import json
import re
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

from tests.support.certificates import Authority
from tests.support.daemon import Daemon
from tests.support.frames import HANDSHAKE, TEXT, frame
from tests.support.starting import StartCase
from tests.support.waiting import eventually
from tests.support.wire import RawAnswer, a_request, exchange
from tests.support.workers import NUMBER

WORKERS = range(1, NUMBER + 1)
REQUESTS = 8
SESSIONS = 60
"""So many that each worker has some, on sockets that workers share, too."""
PROXY = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n"
ACTIVATE = """
import os, socket, sys
listening = socket.create_server(("127.0.0.1", 0))
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
print("activated on", listening.getsockname()[1], flush=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="chat")
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Place:
    """A port as a client reaches it; ``greeting`` is what a proxy sends first."""

    def __init__(self, endpoint: IStreamClientEndpoint, greeting: bytes = b"") -> None:
        self._endpoint = endpoint
        self._greeting = greeting

    async def ask(self, said: bytes) -> list[RawAnswer]:
        """The answers to these bytes, on a connection of their own."""
        return await exchange(0, self._greeting + said, self._endpoint)

    async def sessions(self) -> dict[int, str]:
        """The query of a session of each worker."""
        found: dict[int, str] = {}
        for _ in range(SESSIONS):
            (answer,) = await self.ask(a_request("GET /socket.io/?EIO=4&transport=polling", last=True))
            sid = json.loads(answer.body[1:])["sid"]
            found[int(sid.partition(".")[0])] = f"EIO=4&transport=polling&sid={sid}"
            if len(found) == NUMBER:
                break
        return found


class Endpoints(StartCase):
    async def a_group(
        self, http: str, websocket: str, *options: str, prefix: list[str] | None = None, settings: str = ""
    ) -> Daemon:
        # On a busy machine sessions outlast the usual 30 s, in which a client is to say who it is.
        config = self.a_config(f"[websocket]\ninit_timeout = 300\n{settings}")
        ports = ("--http", http, "--websocket", websocket)
        daemon = self.a_daemon("--workers", str(NUMBER), *ports, "--config", config, *options)
        daemon.prefix = prefix or []
        daemon.spawn()

        def is_up() -> bool:
            assert daemon.process is not None and daemon.process.poll() is None, daemon.log
            return "is up" in daemon.log

        await eventually(is_up, lambda: f"the start: {daemon.log}", 60)
        return daemon

    def port(self, daemon: Daemon, pattern: str) -> Any:
        found = re.search(rf"{pattern}\D*(?:127\.0\.0\.1:)?(\d+)", daemon.log)
        assert found is not None, daemon.log
        return TCP4ClientEndpoint(reactor, "127.0.0.1", int(found[1]))

    async def assert_polls(self, place: Place) -> None:
        """Sessions are reached by every connection, by polling and by an upgrade; and a call after that."""
        sessions = await place.sessions()
        self.assertEqual(set(WORKERS), set(sessions))
        for query in sessions.values():
            said = a_request(f"POST /socket.io/?{query}", body=b"40/a,") + a_request(f"GET /socket.io/?{query}")
            for _ in range(REQUESTS):
                answers = await place.ask(said + a_request("GET /livez", last=True))
                self.assertEqual([200, 200], [answer.status for answer in answers[:2]])
                self.assertIn(answers[2].status, (200, 426))  # 426 on the socket's own port
                self.assertIn(b"44/a,", answers[1].body)
            for _ in range(2):
                path = f"/socket.io/?{query.replace('polling', 'websocket')}".encode()
                said = HANDSHAKE % path + frame(TEXT, b"2probe") + frame(0x88, b"\x03\xe8")
                switched, frames, *_ = await place.ask(said)
                self.assertEqual(101, switched.status)
                self.assertIn("3probe", frames.line)

    async def test_tls(self) -> None:
        """TLS in the daemon, and the PROXY protocol."""
        authority = Authority(self.folder)
        pair = authority.issue("localhost")
        trust = trustRootFromCertificates([Certificate.loadPEM(authority.certificate.read_bytes())])
        daemon = await self.a_group(
            f"ssl:0:interface=127.0.0.1:privateKey={pair}:certKey={pair}", "haproxy:tcp:0:interface=127.0.0.1"
        )

        plain = self.port(daemon, "http listens on")
        await self.assert_polls(Place(wrapClientTLS(optionsForClientTLS("localhost", trustRoot=trust), plain)))
        await self.assert_polls(Place(self.port(daemon, "websocket listens on"), PROXY))

    async def test_unix(self) -> None:
        """A Unix socket behind a proxy, and one that systemd has bound. Its file goes with the daemon."""
        path = self.folder / "http.sock"
        activate = [sys.executable, "-c", ACTIVATE]
        daemon = await self.a_group(f"haproxy:unix:{path}:mode=660", "systemd:domain=INET:name=chat", prefix=activate)

        self.assertEqual(0o660, path.stat().st_mode & 0o777)
        await self.assert_polls(Place(UNIXClientEndpoint(reactor, str(path)), PROXY))
        await self.assert_polls(Place(self.port(daemon, "activated on")))

        await daemon.stop()
        self.assertFalse(path.exists())

    async def test_klein(self) -> None:
        """Without the fast lane; on a plain Unix socket; and in a data directory whose path is too long for sockets."""
        path = self.folder / "ws.sock"
        long = self.folder / ("long" * 30)
        settings = "[http]\nfast_lane = false\n[limits]\nenabled = false\n"
        data_dir = ("--data-dir", str(long))
        daemon = await self.a_group("tcp:0:interface=127.0.0.1", f"unix:{path}", *data_dir, settings=settings)

        place = Place(self.port(daemon, "http listens on"))
        await self.assert_polls(place)
        await self.assert_polls(Place(UNIXClientEndpoint(reactor, str(path))))
        (answer,) = await place.ask(a_request("GET /readyz", last=True))
        self.assertEqual("up", answer.json["bus"])
        self.assertTrue((long / "bus").is_symlink())

        await daemon.stop()
        self.assertFalse((long / "bus").is_symlink())
