"""The daemon refuses what the reference servers refuse and accepts what they accept."""

import json
import re
from typing import Any
from urllib.parse import urlencode

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.web.client import RequestTransmissionFailed, ResponseNeverReceived

from tests.support.chat import ChatTestCase
from tests.support.socketio.by_hand import a_session, ask
from tests.support.socketio.clients import HERE, MISSING, NODE, install
from tests.support.waiting import quietly, slowness


def framed(*packets: str | bytes) -> bytes:
    """Packets in the binary form of Engine.IO 3."""

    def one(packet: str | bytes) -> bytes:
        body = packet if isinstance(packet, bytes) else packet.encode()
        return bytes([isinstance(packet, bytes), *map(int, str(len(body))), 255]) + body

    return b"".join(map(one, packets))


BOUND = 16 * 1024
"""Bytes of a payload: the daemon's default."""
ATTEMPTS = 20
"""Times that a body is sent to the other server, until it is read before the connection is closed."""
Case = tuple[int, bytes]
MALFORMED: list[Case] = [
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
    (3, b"1:21:"),
    (3, b"5:4\xf0\x9f\x8e\x88xyz"),
    (3, b"5:b4AAA"),
]
WELL_FORMED: list[Case] = [
    (4, b"3"),
    (4, b"40"),
    (4, b"3\x1e3"),
    (4, b"6"),
    (4, b"\x1e".join([b"3"] * 100)),
    (3, b"1:2"),
    (3, b"1:21:21:6"),
    (3, b"1:2" * 100),
    (3, b"0:"),
    (3, b"0:1:2"),
    (3, "7:2я🎈abc".encode()),
    (3, b"6:b2AAAA"),
    (4, b"4" * (BOUND + 1)),
    (4, b"4" * 1_000_000),
]
"""Those over the bound are not parsed."""
MALFORMED_OCTETS: list[Case] = [
    (3, body) for body in (framed("7"), framed(b"\4\0\1"), framed("2", b"\4x"), framed("2", "4x"), framed("2", ""))
]
WELL_FORMED_OCTETS: list[Case] = [
    (3, body)
    for body in (
        framed("2"),
        framed("2", "2", "6"),
        framed(*["2"] * 100),
        framed("2" + "x" * 1000),
        framed("2я🎈"),
        framed(b"\2"),
        framed("2", b"\2\0\xff", "6", b"\6"),
        framed("b2AAAA"),
        b"",
    )
]
"""Bodies in the binary form of Engine.IO 3, as Android's client posts them."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OCTETS = {"Content-Type": "application/octet-stream"}


class Server(ProcessProtocol):
    """The reference server; ``port`` fires when it listens."""

    def __init__(self, version: int = 4) -> None:
        install()
        self.port: Deferred[int] = Deferred()
        self.ended: Deferred[None] = Deferred()
        assert NODE is not None
        reactor.spawnProcess(self, NODE, [NODE, "reference.js", str(BOUND), str(version)], path=str(HERE), env=None)

    def outReceived(self, data: bytes) -> None:
        self.port.callback(int(data))

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(None)

    async def leave(self) -> None:
        self.transport.closeStdin()
        await self.ended


class Compared(ChatTestCase):
    """Tests that send the daemon and a reference server the same requests."""

    skip = MISSING
    version = 4

    async def setUp(self) -> None:
        await super().setUp()
        server = Server(self.version)
        self.addCleanup(server.leave)
        self.ports = (await server.port, self.daemon.http)

    async def compare(self, malformed: list[Case], well_formed: list[Case], headers: dict[str, str]) -> None:
        for version, payload in [*malformed, *well_formed]:
            theirs, ours = [await self.after(port, version, payload, headers) for port in self.ports]

            self.assertEqual(theirs, ours, payload[:20])
            self.assertEqual((version, payload) in well_formed, ours[1], payload[:20])

    async def after(self, port: int, version: int, payload: bytes, headers: dict[str, str]) -> tuple[int, bool]:
        """The status of the answer to a payload, and whether the session goes on."""
        query, status = await self.posted(port, version, payload, headers)
        # Another namespace is refused by name, by a session that goes on.
        await ask(port, query, "POST", b"40/other," if version == 4 else b"9:40/other,")
        while (answer := await ask(port, query)).code == 200:
            if b"44/other" in answer.body:
                return status, True
        self.assertEqual(1, json.loads(answer.body)["code"])
        return status, False

    async def posted(self, port: int, version: int, payload: bytes, headers: dict[str, str]) -> tuple[str, int]:
        """The query of a new session, and the status of the answer to a payload."""
        attempts = ATTEMPTS if port != self.daemon.http else 1
        for left in reversed(range(attempts)):
            query = await a_session(port, version)
            try:
                return query, (await ask(port, query, "POST", payload, headers)).code
            except (RequestTransmissionFailed, ResponseNeverReceived):
                # The other server refuses a body by its length, and closes while it is still being sent.
                if not left:
                    raise
        raise AssertionError("no attempt")

    async def jsonp(self, version: int, packet: str, expected: str) -> None:
        """The same answers, in calls of the page's function; forms are taken, with their escaped line ends."""
        for port in self.ports:
            query = f"EIO={version}&transport=polling&j=3x"
            handshake = await ask(port, query)
            self.assertRegex(handshake.body, rb'^___eio\[3\]\("(\d+:)?0\{.*"\);$')
            sid = re.findall(r'\\"sid\\":\\"([\w-]+)', handshake.body.decode())[0]
            query += f"&sid={sid}"
            text = f"{len(expected)}:{packet}" if version == 3 else packet

            for form in ("", "x=1", urlencode({"d": text})):
                posted = await ask(port, query, "POST", form.encode(), FORM)
                self.assertEqual((200, b"ok"), (posted.code, posted.body))

            said = ""
            while "44/o" not in said:
                answer = (await ask(port, query)).body.decode()
                found = re.fullmatch(r'___eio\[3\]\(("[^\u2028]*")\);', answer)
                assert found, answer
                said = json.loads(found[1])
            self.assertIn(expected, said.replace("\\u2028", "\u2028"))


class Reference(Compared):
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
        """A payload gets the same status, and ends the session of both servers or of neither."""
        await self.compare(MALFORMED, WELL_FORMED, {})

    async def test_octets(self) -> None:
        """The same in the binary form of Engine.IO 3."""
        await self.compare(MALFORMED_OCTETS, WELL_FORMED_OCTETS, OCTETS)

    async def test_jsonp(self) -> None:
        """Pages that poll by script elements get the same events."""
        await self.jsonp(4, "40/o\\\\n\\n\u2028,", "44/o\\n\n\u2028,")

    async def test_two_polls(self) -> None:
        """The second of two polls at once is refused, the first ends, and so does the session."""
        for port in self.ports:
            query = await a_session(port)
            first = Deferred.fromCoroutine(ask(port, query))
            await quietly(0.2 * slowness())  # nothing shows that a poll waits

            second = await ask(port, query)

            self.assertEqual((400, b""), (second.code, second.body))
            answer = await first
            self.assertEqual((200, b"1"), (answer.code, answer.body))
            self.assertEqual(1, json.loads((await ask(port, query)).body)["code"])


class ReferenceOfItsTime(Compared):
    """The same with the server of Engine.IO 3's time."""

    version = 2

    async def test_payloads(self) -> None:
        """The same requests end the session of both servers."""
        malformed, well_formed = [[case for case in cases if case[0] == 3] for cases in (MALFORMED, WELL_FORMED)]
        await self.compare(malformed, well_formed, {})

    async def test_octets(self) -> None:
        """The same in the binary form."""
        # It ignores what is not a Socket.IO packet.
        await self.compare([case for case in MALFORMED_OCTETS if b"x" not in case[1]], WELL_FORMED_OCTETS, OCTETS)

    async def test_jsonp(self) -> None:
        """Pages that poll by script elements get the same events."""
        await self.jsonp(3, "40/o\u2028,", "44/o\u2028,")
