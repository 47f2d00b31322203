"""Connections that are opened and held without sending, sending slowly, or without reading."""

import socket

from tests.support.attack import AttackCase, connect, hold, post
from tests.support.bystanders import LARGE
from tests.support.chat import a_room
from tests.support.crowd import allow_sockets, stalled
from tests.support.frames import HANDSHAKE

HELD = 1000 if LARGE else 150
MOST = 10_000 if LARGE else 400


class Held(AttackCase):
    async def test_half_open(self) -> None:
        """Connections that never send anything, on both ports."""
        await self.assert_unharmed("half-open connections", lambda: hold(lambda: self.opened(HELD)))

    async def test_ten_thousand(self) -> None:
        """Ten thousand connections, WebSockets that never bind and keep-alive ones, from a hundred addresses."""
        allow_sockets(MOST)

        await self.assert_unharmed("10,000 connections", lambda: hold(lambda: self.opened(MOST, HANDSHAKE % b"/ws")))

    async def test_unfinished_bodies(self) -> None:
        """Bodies of which all but the last byte has come."""
        body = post("/init/reg", b'{"phone": "' + b"7" * 60_000 + b'"}')[:-1]

        await self.assert_unharmed("memory held", lambda: hold(lambda: self.opened(HELD, body)))

    async def test_slow_writers(self) -> None:
        """Calls and frames that come byte by byte."""
        start = post("/init/auth", b'{"phone": "79223438450", "key": "1"}')[:60]

        await self.assert_unharmed(
            "slow writers",
            lambda: hold(lambda: self.opened(HELD, start), lambda one: one.send(b"x", socket.MSG_DONTWAIT)),
        )

    async def test_slow_readers(self) -> None:
        """Sockets in a room that never read its events, and pages of its chat that are never read."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        for _ in range(50):
            await anna.say(room, "x" * 4000)
        page = post("/room/chat", b'{"room": "%b"}' % room.encode(), f"Authorization: Bearer {anna.session_key}")
        binding = [{"session_key": anna.session_key}] * (50 if LARGE else 10)

        def opened() -> list[socket.socket]:
            return [*stalled(self.daemon.websocket, binding), *self.opened(HELD // 5, page * 20, receive=4096)]

        await self.assert_unharmed("slow readers", lambda: hold(opened))

    async def test_unpolled(self) -> None:
        """Socket.IO sessions that are opened and never polled."""
        opening = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n"

        await self.assert_unharmed("polling sessions", lambda: hold(lambda: self.opened(HELD, opening)))

    def opened(self, number: int, said: bytes = b"", *, receive: int | None = None) -> list[socket.socket]:
        """Connections on both ports in turn, over which something was sent."""
        ports = (self.daemon.http, self.daemon.websocket) if not said.startswith(b"POST") else (self.daemon.http,)
        held = []
        for index in range(number):
            try:
                one = connect(ports[index % len(ports)], index % 200, receive=receive)
                held.append(one)
                one.setblocking(False)
                one.send(said)
            except OSError:  # refused, or full, as it should be
                continue
        return held
