"""Pipelined requests whose answers are never read, for everything that needs no session."""

import contextlib
import socket
import threading
import time

from twisted.internet.threads import deferToThread

from tests.support.attack import SECONDS, AttackCase, connect, post
from tests.support.bystanders import LARGE

CONNECTIONS = 8
REQUESTS = 20_000 if LARGE else 3_000
HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
NOBODY = b"GET /uploads/0123456789abcdef0123456789abcdef.png" + HOST
ASKED = {
    "/openapi.json": b"GET /openapi.json" + HOST + b"\r\n",
    "404": b"GET /nothing" + HOST + b"\r\n",
    "405": b"PUT /livez" + HOST + b"\r\n",
    "OPTIONS": b"OPTIONS /init/auth" + HOST + b"Origin: http://page.example\r\n\r\n",
    "HEAD": b"HEAD /openapi.json" + HOST + b"\r\n",
    "a thousand ranges": NOBODY + b"Range: bytes=" + b",".join(b"%d-%d" % (n, n) for n in range(999)) + b"\r\n\r\n",
    "errors of calls": post("/init/auth", b"[]"),
    "errors of sessions": post("/init/getUser", b'{"session_key": "x"}'),
    "a call the Site reads": post("/init/auth", b"[]", "Content-Encoding: identity"),
    "Socket.IO": b"GET /socket.io/?EIO=9&transport=polling" + HOST + b"\r\n",
}


def pour(port: int, said: bytes, number: int, seconds: float) -> None:
    """Send it over and over, for some seconds or so many requests, and read nothing."""
    end = time.monotonic() + seconds
    left = memoryview(said * REQUESTS)
    with contextlib.suppress(OSError), connect(port, number, receive=4096) as one:
        one.settimeout(0.1)
        while left and time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                left = left[one.send(left[: 64 * 1024]) :]
        time.sleep(max(end - time.monotonic(), 0))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def poured(port: int, kinds: list[bytes], seconds: float = SECONDS) -> None:
    """Every kind over a share of the connections."""
    threads = [
        threading.Thread(target=pour, args=(port, kinds[number % len(kinds)], number, seconds), daemon=True)
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    await deferToThread(lambda: [thread.join() for thread in threads])


class Unread(AttackCase):
    async def test_document(self) -> None:
        """The largest answer that there is for the shortest request."""
        await self.assert_unharmed("unread GETs", lambda: poured(self.daemon.http, [ASKED["/openapi.json"]]))

    async def test_errors(self) -> None:
        """Nothing, over and over."""
        await self.assert_unharmed("unread 404s", lambda: poured(self.daemon.http, [ASKED["404"]]))

    async def test_all_kinds(self) -> None:
        """All that can be asked for without a session, at once."""
        kinds = [*ASKED.values()]

        await self.assert_unharmed("unread answers", lambda: poured(self.daemon.http, kinds[: len(kinds) // 2]))
        await self.assert_unharmed("unread answers, 2", lambda: poured(self.daemon.http, kinds[len(kinds) // 2 :]))

    async def test_socket_port(self) -> None:
        """The same at the socket's own port."""
        await self.assert_unharmed(
            "unread 426s", lambda: poured(self.daemon.websocket, [ASKED["404"], ASKED["Socket.IO"]])
        )
