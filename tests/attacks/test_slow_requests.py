"""Clients that send a request byte by byte to hold a connection: the connection is closed."""

import socket
import time

from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from tests.support.client import request
from tests.support.waiting import PATIENCE
from tests.support.wire import OwnDaemonCase

IDLE = 0.5
HEAD = b"POST /init/auth HTTP/1.1\r\nHost: localhost\r\n"
SLOW = {
    "a head, byte by byte": (b"", [bytes((byte,)) for byte in HEAD * 20]),
    "a head, line by line": (b"GET /livez HTTP/1.1\r\n", [b"X-Line: 1\r\n"] * 400),
    "a call's body": (HEAD + b"Content-Length: 400\r\n\r\n", [b" "] * 400),
    "a body for the site": (HEAD + b"Content-Encoding: identity\r\nContent-Length: 400\r\n\r\n", [b" "] * 400),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", [b"1\r\n \r\n"] * 400),
    "nothing at all": (b"", []),
}


def held(port: int, start: bytes, bits: list[bytes]) -> float:
    """Seconds until the daemon closes the connection, at most PATIENCE."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(IDLE / 5)
        connection.sendall(start)
        bits = list(bits)
        while time.monotonic() - began < PATIENCE:
            try:
                if bits:
                    connection.sendall(bits.pop(0))
                if not connection.recv(4096):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    return time.monotonic() - began


class Slow(OwnDaemonCase):
    async def test_disconnected(self) -> None:
        """However slowly a request comes, its connection ends, on both ports; others are served meanwhile."""
        await self.start(f"[http]\nidle_timeout = {IDLE}\n")
        cases = [(port, name) for port in (self.daemon.http, self.daemon.websocket) for name in SLOW]
        holding = [deferToThread(held, port, *SLOW[name]) for port, name in cases[: len(SLOW)]]

        self.assertEqual(200, (await request(self.daemon.http, "GET", "/livez")).status)
        times = await gatherResults(holding)
        times += await gatherResults([deferToThread(held, port, *SLOW[name]) for port, name in cases[len(SLOW) :]])

        for (_, name), seconds in zip(cases, times, strict=True):
            self.assertLess(seconds, PATIENCE, name)
