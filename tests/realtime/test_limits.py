"""Limits on sockets: how many, how many frames, and how large."""

import itertools
import json
from typing import Any

from tests.support.client import Listener, listen_as
from tests.support.frames import UPGRADE
from tests.support.waiting import eventually
from tests.support.wire import RawAnswer, SettingsCase, a_request, exchange

LIMITS = """
[http]
proxies = ["127.0.0.1"]

[limits]
sockets_per_address = 3
sockets_per_session = 2
frames_per_minute = 20
frame = 500
get = "60/day"
"""
POLLING, WEBSOCKET = "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket"


class Ignoring(Listener):
    """Ignores what it receives, as packets of Socket.IO."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        pass


_addresses = (f"192.0.2.{n}" for n in itertools.count(1))


class LimitsCase(SettingsCase):
    """Tests of a daemon with small limits behind a proxy: each test has another client address."""

    settings = LIMITS

    async def setUp(self) -> None:
        await super().setUp()
        self.address = next(_addresses)

    async def a_socket(self, path: str | None = None, **more: Any) -> Listener:
        port = self.daemon.websocket if path is None else self.daemon.http
        kind = Listener if path in (None, "/ws") else Ignoring
        more.setdefault("headers", {"X-Forwarded-For": self.address})
        socket = await listen_as(kind, port, path or "/", **more)
        self._listeners.append(socket)
        return socket

    async def ask(self, line: str, *headers: str, port: int = 0, body: bytes | None = None) -> RawAnswer:
        """One request, for the address of this test."""
        said = a_request(line, f"X-Forwarded-For: {self.address}", *headers, body=body, last=not headers)
        (answer,) = await exchange(port or self.daemon.http, said)
        return answer

    async def a_polling_session(self) -> str:
        """The path of a new session."""
        answer = await self.ask(f"GET {POLLING}")
        self.assertEqual(200, answer.status, answer.body)
        return f"{POLLING}&sid={json.loads(answer.body[1:])['sid']}"

    async def refusals(self) -> list[RawAnswer]:
        """The answers to every way of opening a socket."""
        return [
            await self.ask("GET /", *UPGRADE, port=self.daemon.websocket),
            await self.ask("GET /ws", *UPGRADE),
            await self.ask(f"GET {POLLING}"),
            await self.ask(f"GET {WEBSOCKET}", *UPGRADE),
        ]


class ClientAddresses(LimitsCase):
    async def test_too_many(self) -> None:
        """An address with all its sockets, of any kind, gets 429 with Retry-After for one more."""
        await self.a_socket()
        await self.a_socket("/ws")
        await self.a_polling_session()

        refusals = await self.refusals()

        self.assertEqual([429] * 4, [answer.status for answer in refusals])
        # Clients are refused as often as they like, so that is nothing for the log.
        self.assertNotIn("WebSocket", self.daemon.log)
        self.assertEqual(["60"] * 4, [answer.headers["retry-after"] for answer in refusals])

    async def test_others(self) -> None:
        """Other addresses are not affected."""
        for _ in range(3):
            await self.a_socket()

        await self.a_socket(headers={"X-Forwarded-For": next(_addresses)})

        with self.assertRaises(ConnectionError):
            await self.a_socket(headers={"X-Forwarded-For": f"198.51.100.9, {self.address}"})

    async def test_place_is_given_back(self) -> None:
        """A closed socket makes room for another; so does a polling session."""
        sockets = [await self.a_socket(), await self.a_socket("/ws"), await self.a_socket(WEBSOCKET)]

        for socket in sockets:
            await socket.leave()
        polling = [await self.a_polling_session() for _ in range(3)]
        for path in polling:
            await self.ask(f"POST {path}", body=b"1")
            await self.ask(f"GET {path}")

        for _ in range(3):
            await self.a_socket()

    async def test_upgrade_is_no_other(self) -> None:
        """A polling session that upgrades to a WebSocket is counted once."""
        path = (await self.a_polling_session()).replace("polling", "websocket")
        await self.a_socket()
        await self.a_socket()

        upgraded = await self.a_socket(path)

        self.assertFalse(upgraded.gone.called)

    async def test_requests(self) -> None:
        """Requests that are of no session that polls, refused ones too, are counted by address; polls are not."""
        path = await self.a_polling_session()
        wrong = (f"GET {POLLING}&sid=nobody", f"GET {WEBSOCKET}", f"OPTIONS {POLLING}", "GET /socket.iox")
        said = [a_request(wrong[n % 4], f"X-Forwarded-For: {self.address}", last=n == 59) for n in range(60)]

        answers = await exchange(self.daemon.http, b"".join(said))

        self.assertEqual([*([400, 400, 204, 404] * 15)[:59], 429], [answer.status for answer in answers])
        refused = await self.ask(f"GET {POLLING}")
        self.assertEqual((429, True), (refused.status, "retry-after" in refused.headers))
        for method in ("POST", "GET"):
            self.assertEqual(200, (await self.ask(f"{method} {path}", body=b"40")).status)

    async def test_refused_take_no_place(self) -> None:
        """A refused socket is not counted."""
        sockets = [await self.a_socket() for _ in range(3)]
        await self.refusals()

        await sockets[0].leave()

        await self.a_socket()


class Sessions(LimitsCase):
    async def test_too_many(self) -> None:
        """One socket too many for a session is closed 4429; the others go on, and may say ``init`` again."""
        anna = await self.a_person()
        first, second = await self.a_listener(anna), await self.a_listener(anna)
        third = await self.a_socket("/ws")

        third.say({"event": "init", "data": {"session_key": anna.session_key}})

        self.assertEqual(4429, await third.closed())
        self.assertEqual(anna.id, (await first.bind(anna.session_key))["user"])
        self.assertFalse(second.gone.called)

    async def test_place_is_given_back(self) -> None:
        """A closed socket makes room for another."""
        anna = await self.a_person()
        first, _ = await self.a_listener(anna), await self.a_listener(anna)

        await first.leave()
        await eventually(lambda: first.gone.called, "it to be gone")
        third = await self.a_socket()

        self.assertEqual(anna.id, (await third.bind(anna.session_key))["user"])


class Frames(LimitsCase):
    async def test_pings(self) -> None:
        """More frames in a minute than a socket may send, of any kind, close it 4429."""
        for path in (None, "/ws", WEBSOCKET):
            socket = await self.a_socket(path)
            for _ in range(21):
                socket.sendPing(b"")

            self.assertEqual(4429, await socket.closed(), path)

    async def test_as_many_as_allowed(self) -> None:
        """As many frames as allowed do not close it."""
        socket = await self.a_socket()
        for _ in range(20):
            socket.sendPing(b"")

        self.assertEqual([], await socket.silence())
        self.assertFalse(socket.gone.called)

    async def test_parts(self) -> None:
        """Fragments of an endless message count as frames."""
        socket = await self.a_socket()
        socket.beginMessage()
        for _ in range(21):
            socket.sendMessageFrame(b"x")

        self.assertEqual(4429, await socket.closed())

    async def test_packets(self) -> None:
        """Packets by polling count as frames: the session gets the code and ends."""
        path = await self.a_polling_session()
        await self.ask(f"POST {path}", body=b"40")

        for _ in range(3):
            await self.ask(f"POST {path}", body=b"\x1e".join([b"40"] * 10))

        self.assertIn(b'"code":4429', (await self.ask(f"GET {path}")).body)

    async def test_size(self) -> None:
        """A frame that is larger than allowed ends the connection; a payload is answered 413."""
        socket = await self.a_socket()
        path = await self.a_polling_session()

        socket.sendMessage(b"x" * 501)

        self.assertEqual(413, (await self.ask(f"POST {path}", body=b"4" * 501)).status)
        self.assertNotEqual(4400, await socket.closed())


class SwitchedOff(LimitsCase):
    settings = LIMITS + "enabled = false\n"

    async def test_counts(self) -> None:
        """Nothing is counted; a frame's size is still bounded."""
        anna = await self.a_person()
        for _ in range(5):
            await self.a_listener(anna)
        last = await self.a_listener(anna)
        for _ in range(40):
            last.sendPing(b"")

        self.assertEqual([], await last.silence())
        self.assertFalse(last.gone.called)
        last.sendMessage(b"x" * 501)
        await last.closed()


class Subprotocols(LimitsCase):
    async def test_offered(self) -> None:
        """The first offered subprotocol is accepted: browsers close a connection if none is."""
        for path in (None, "/ws", WEBSOCKET):
            socket = await self.a_socket(path, protocols=["chat", "superchat"])

            self.assertEqual("chat", socket.websocket_protocol_in_use, path)
