"""Frames that break RFC 6455 or a limit: the socket is closed, and the daemon keeps serving."""

import json
import struct

from twisted.internet.threads import deferToThread

from tests.support.chat import ChatTestCase
from tests.support.client import request
from tests.support.frames import PING, TEXT, closed_with, frame

MALFORMED, TOO_MANY = 4400, 4429


INIT = json.dumps({"event": "init", "data": {"session_key": "x"}}).encode()
FRAMES = {
    "unmasked": (frame(TEXT, INIT, masked=False), 1002),
    "first reserved bit": (frame(TEXT | 0x40, INIT), 1002),
    "second reserved bit": (frame(TEXT | 0x20, INIT), 1002),
    "third reserved bit": (frame(TEXT | 0x10, INIT), 1002),
    "reserved opcode": (frame(0x83, b""), 1002),
    "reserved control opcode": (frame(0x8B, b""), 1002),
    "continuation of nothing": (frame(0x80, INIT), 1002),
    "text within a message": (frame(0x01, b"{") + frame(TEXT, INIT), 1002),
    "fragmented ping": (frame(0x09, b""), 1002),
    "long ping": (frame(PING, bytes(126)), 1002),
    "close with half a code": (frame(0x88, b"\x03"), 1002),
    "close with a code that none may send": (frame(0x88, struct.pack("!H", 1006)), 1002),
    "not UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "surrogates in UTF-8": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "claims 2**62 bytes": (frame(TEXT, b"", length=2**62), 1009),
    "claims 2**63 bytes": (frame(TEXT, b"", length=2**63), 1002),
    "deep nesting": (frame(TEXT, b"[" * 4000), 4400),
    "lone surrogate": (frame(TEXT, INIT.replace(b'"x"', rb'"\ud800"')), 4400),
    "NaN": (frame(TEXT, INIT.replace(b'"x"', b"NaN")), 4400),
}


class Frames(ChatTestCase):
    async def test_broken(self) -> None:
        """A frame that breaks the protocol closes the socket, on both ports, with the code for that."""
        wrong = []
        for port, path in ((self.daemon.websocket, b"/"), (self.daemon.http, b"/ws")):
            for name, (said, code) in FRAMES.items():
                found = await deferToThread(closed_with, port, path, said)
                if found != code:
                    wrong.append((name, path, found, code))

        self.assertEqual([], wrong)
        self.assertEqual(200, (await request(self.daemon.http, "GET", "/livez")).status)

    async def test_many_pings(self) -> None:
        """Ten thousand pings are answered up to a socket's limit for a minute; then it is closed 4429."""
        pings = frame(PING, b"x") * 10_000

        self.assertEqual(TOO_MANY, await deferToThread(closed_with, self.daemon.websocket, b"/", pings))
