"""What the reference server, run beside the daemon, refuses is refused alike."""

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

from tests.socketio.clients import HERE, MISSING, NODE, install
from tests.socketio.plain import a_session, ask
from tests.support.chat import ChatTestCase

BOUND = 16 * 1024
"""Bytes of a payload: the daemon's default."""
MALFORMED = [
    (4, b"x"),
    (4, b"\xff\xfe"),
    (4, b""),
    (4, b"7"),
    (4, b"2\x1e"),
    (4, b"2"),
    (4, b"4x"),
    (4, b"b////"),
    (4, b'42["init",{}]'),
    (4, b'40\x1e42{"a":1}'),
    (3, b"40"),
    (3, b"5:4"),
    (3, b"1:7"),
    (3, b""),
]
WELL_FORMED = [(4, b"3"), (4, b"40"), (4, b"3\x1e3"), (3, b"1:2"), (4, b"4" * (BOUND + 1)), (4, b"4" * 1_000_000)]
"""Those over the bound are not looked at."""


class Server(ProcessProtocol):
    """The reference server; ``port`` fires when it listens."""

    def __init__(self) -> None:
        install()
        self.port: Deferred[int] = Deferred()
        self.ended: Deferred[None] = Deferred()
        assert NODE is not None
        reactor.spawnProcess(self, NODE, [NODE, "reference.js", str(BOUND)], path=str(HERE), env=None)

    def outReceived(self, data: bytes) -> None:
        self.port.callback(int(data))

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(None)

    async def leave(self) -> None:
        self.transport.closeStdin()
        await self.ended


class Reference(ChatTestCase):
    skip = MISSING

    async def setUp(self) -> None:
        await super().setUp()
        server = Server()
        self.addCleanup(server.leave)
        self.ports = (await server.port, self.daemon.http)

    async def test_requests(self) -> None:
        """Wrong requests get the same status, number and words."""
        for query, method, body in (
            ("", "GET", None),
            ("EIO=4&transport=pigeon", "GET", None),
            ("EIO=4&transport=websocket", "GET", None),
            ("EIO=4&transport=polling&sid=nobody", "GET", None),
            ("EIO=4&transport=polling&sid=nobody", "POST", b"2"),
            ("EIO=4&transport=polling", "POST", b"40"),
            ("EIO=4&transport=polling", "PUT", b"40"),
        ):
            theirs, ours = [await ask(port, query, method, body) for port in self.ports]

            self.assertEqual((theirs.code, json.loads(theirs.body)), (ours.code, json.loads(ours.body)), query)

    async def test_payloads(self) -> None:
        """A payload gets the same status; what ends the session there ends it here, and nothing else does."""
        for version, payload in [*MALFORMED, *WELL_FORMED]:
            theirs, ours = [await self.after(port, version, payload) for port in self.ports]

            self.assertEqual(theirs, ours, payload[:20])
            self.assertEqual((version, payload) in WELL_FORMED, ours[1], payload[:20])

    async def after(self, port: int, version: int, payload: bytes) -> tuple[int, bool]:
        """The status of the answer to a payload, and whether the session goes on."""
        query = await a_session(port, version)
        status = (await ask(port, query, "POST", payload)).code
        # Another namespace is refused by name, by a session that goes on.
        await ask(port, query, "POST", b"40/other," if version == 4 else b"9:40/other,")
        while (answer := await ask(port, query)).code == 200:
            if b"44/other" in answer.body:
                return status, True
        self.assertEqual(1, json.loads(answer.body)["code"])
        return status, False

    async def test_two_polls(self) -> None:
        """The second of two polls at once is refused, the first ends, and so does the session."""
        for port in self.ports:
            query = await a_session(port)
            first = Deferred.fromCoroutine(ask(port, query))
            await deferLater(reactor, 0.2)  # whether a poll waits, nobody tells

            second = await ask(port, query)

            self.assertEqual((400, b""), (second.code, second.body))
            answer = await first
            self.assertEqual((200, b"1"), (answer.code, answer.body))
            self.assertEqual(1, json.loads((await ask(port, query)).body)["code"])
