# ruff: noqa: E501
"""The cases of Autobahn's test suite, by its numbers, as a table of our own: that suite needs Python 2.7. Its server echoes; JustChat accepts one message. A right case is answered as a message: 4440 where it is an ``init`` with a
key that nobody has, 4400 where it is another. A protocol error is answered with its code. Sections 12 and
13 compress, which ours declines: each of their offers is followed by messages as they are.
"""

import json
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence

from attrs import frozen
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from tests.support.chat import ChatTestCase
from tests.support.frames import HANDSHAKE, frame
from tests.support.waiting import PATIENCE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN = 0x80
PROTOCOL, NOT_UTF8, TOO_LARGE, NOT_KNOWN, NO_SESSION, NORMAL = 1002, 1007, 1009, 4400, 4440, 1000
TAKEN = (NOT_KNOWN, NO_SESSION)
"""A message of a valid form."""


@frozen
class Case:
    """Bytes after the handshake, in pieces of ``chop`` bytes; the pongs and the close code that must come."""

    number: str
    said: bytes
    codes: tuple[int, ...]
    pongs: tuple[bytes, ...] = ()
    chop: int | None = None
    offer: str = ""


def text(payload: bytes, *, first: int = FIN | TEXT) -> bytes:
    return frame(first, payload)


def init(key: bytes | str) -> bytes:
    """An ``init`` whose key this is; bytes stand in it as they are."""
    raw = key if isinstance(key, bytes) else json.dumps(key, ensure_ascii=False)[1:-1].encode()
    return b'{"event": "init", "data": {"session_key": "' + raw + b'"}}'


def fragments(payload: bytes, size: int, opcode: int = TEXT, between: bytes = b"") -> bytes:
    """A message in frames of this size, with what comes between them."""
    pieces = [payload[start : start + size] for start in range(0, len(payload), size)]
    last = len(pieces) - 1
    frames = [
        frame((FIN if number == last else 0) | (CONTINUATION if number else opcode), piece)
        for number, piece in enumerate(pieces)
    ]
    return between.join(frames)


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(FIN | CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


INIT = init("x")
END = text(INIT)
"""Frames that are answered 4440, which shows that everything before them was accepted."""


def framing() -> Iterator[Case]:
    """Sections 1 and 2: sizes, and pings."""
    for kind, opcode in ((1, TEXT), (2, BINARY)):
        for number, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
            codes = (TOO_LARGE,) if size > 2**14 else (NOT_KNOWN,)
            yield Case(f"1.{kind}.{number}", frame(FIN | opcode, b"*" * size), codes)
        yield Case(f"1.{kind}.8", frame(FIN | opcode, b"*" * 9000), (NOT_KNOWN,), chop=997)
    ping = frame(FIN | PING, b"")
    yield Case("2.1", ping + END, (NO_SESSION,), (b"",))
    for number, payload in (
        ("2.2", b"Hello, world!"),
        ("2.3", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
        ("2.4", b"\xfe" * 125),
    ):
        yield Case(number, frame(FIN | PING, payload) + END, (NO_SESSION,), (payload,))
    yield Case("2.5", frame(FIN | PING, b"\xfe" * 126), (PROTOCOL,))
    yield Case("2.6", frame(FIN | PING, b"\xfe" * 125) + END, (NO_SESSION,), (b"\xfe" * 125,), chop=1)
    pong = frame(FIN | PONG, b"unsolicited")
    yield Case("2.7", frame(FIN | PONG, b"") + END, (NO_SESSION,))
    yield Case("2.8", pong + END, (NO_SESSION,))
    yield Case("2.9", pong + frame(FIN | PING, b"after") + END, (NO_SESSION,), (b"after",))
    ten = tuple(b"payload-%d" % number for number in range(10))
    pings = b"".join(frame(FIN | PING, payload) for payload in ten)
    yield Case("2.10", pings + END, (NO_SESSION,), ten)
    yield Case("2.11", pings + END, (NO_SESSION,), ten, chop=1)


def reserved() -> Iterator[Case]:
    """Sections 3 and 4: reserved bits and opcodes."""
    for number, (opcode, bits) in enumerate(((1, 1), (1, 2), (1, 3), (1, 4), (2, 5), (9, 6), (8, 7)), 1):
        said = frame(FIN | opcode | bits << 4, b"*")
        yield Case(f"3.{number}", said, (PROTOCOL,), chop=1 if number == 4 else None)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        section, number = (1, opcode - 2) if opcode < 8 else (2, opcode - 10)
        yield Case(f"4.{section}.{number}", frame(FIN | opcode, b"x" * (number % 2)) + END, (PROTOCOL,))


def fragmented() -> Iterator[Case]:
    """Section 5: messages in several frames."""
    yield Case("5.1", frame(PING, b"x") + frame(FIN | CONTINUATION, b"y"), (PROTOCOL,))
    yield Case("5.2", frame(PONG, b"x") + frame(FIN | CONTINUATION, b"y"), (PROTOCOL,))
    yield Case("5.3", fragments(INIT, 30), (NO_SESSION,))
    yield Case("5.4", fragments(INIT, 30), (NO_SESSION,), chop=30)
    yield Case("5.5", fragments(INIT, 30), (NO_SESSION,), chop=1)
    pinged = fragments(INIT, 30, between=frame(FIN | PING, b"within"))
    within = (b"within",) * (len(range(0, len(INIT), 30)) - 1)
    for number, chop in enumerate((None, 50, 1)):
        yield Case(f"5.{6 + number}", pinged, (NO_SESSION,), within, chop)
    for number, first in enumerate((FIN, FIN, FIN, 0, 0, 0)):
        alone = frame(first | CONTINUATION, b"no beginning") + END
        yield Case(f"5.{9 + number}", alone, (PROTOCOL,), chop=(None, 50, 1)[number % 3])
    yield Case("5.15", fragments(INIT, 30) + frame(FIN | CONTINUATION, b"more"), (NO_SESSION, PROTOCOL))
    for number, first in ((16, 0), (17, FIN)):
        yield Case(f"5.{number}", frame(first | CONTINUATION, b"x") + frame(TEXT, b"y"), (PROTOCOL,))
    yield Case("5.18", frame(TEXT, b"x") + frame(FIN | TEXT, b"y"), (PROTOCOL,))
    yield Case("5.19", fragments(INIT, 15, between=frame(FIN | PING, b"")), (NO_SESSION,), (b"",) * 3)
    yield Case("5.20", fragments(INIT, 15, between=frame(FIN | PING, b"")), (NO_SESSION,), (b"",) * 3, chop=7)


RIGHT = {
    "6.2": ["Hello-µ@ßöäüàá-UTF-8!!".encode()],
    "6.5": ["κόσμε".encode()],
    "6.7": [b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
    "6.9": [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
    "6.11": [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"],
    "6.22": [
        struct.pack(">I", plane << 16 | low).decode("utf-32-be").encode() for plane in range(17) for low in (0xFFFE, 0xFFFF)
    ],
    "6.23": [chr(code).encode() for code in range(0xFFF9, 0x10000)],
}  # fmt: skip
WRONG = {
    "6.3": ["κόσμε".encode() + b"\xed\xa0\x80" + b"edited", "κόσμε".encode() + b"\xf4\x90\x80\x80" + b"edited"],
    "6.6": [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"[:size] for size in (1, 3, 4, 6, 8, 10)],
    "6.8": [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
    "6.10": [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
    "6.11": [b"\xf4\x90\x80\x80"],
    "6.12": [b"\x80", b"\xbf", *(b"\x80\xbf" * pairs + b"\x80" for pairs in range(1, 4)), bytes(range(0x80, 0xC0))],
    "6.13": [b" ".join(bytes((byte,)) for byte in bytes_) for bytes_ in (range(0xC0, 0xE0), range(0xE0, 0xF0), range(0xF0, 0xF8), range(0xF8, 0xFC), (0xFC, 0xFD))],
    "6.14": [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"],
    "6.15": [b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"],
    "6.16": [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"],
    "6.17": [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"],
    "6.18": [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"],
    "6.19": [b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"],
    "6.20": [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"],
    "6.21": [high + low for high in (b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf") for low in (b"\xed\xb0\x80", b"\xed\xbf\xbf")],
}  # fmt: skip


def utf8() -> Iterator[Case]:
    """Section 6: text that is UTF-8, and text that is not, whole and byte by byte."""
    yield Case("6.1.1", text(b""), (NOT_KNOWN,))
    yield Case("6.1.2", frame(TEXT, b"") + frame(CONTINUATION, b"") + frame(FIN | CONTINUATION, b""), (NOT_KNOWN,))
    yield Case("6.1.3", frame(TEXT, b"") + frame(CONTINUATION, INIT) + frame(FIN | CONTINUATION, b""), (NO_SESSION,))
    for kinds, codes in ((RIGHT, TAKEN), (WRONG, (NOT_UTF8,))):
        for number, found in kinds.items():
            for index, raw in enumerate(found):
                yield Case(f"{number}.{index} whole", text(init(raw)), codes)
                yield Case(f"{number}.{index} in frames", fragments(init(raw), 1), codes)
    # At the first byte that is wrong, not at the message's end, which does not come.
    for index, raw in enumerate((b"\xf4\x90", b"\xed\xa0\x80", b"\xc0\xaf")):
        yield Case(f"6.4.{index + 1}", frame(TEXT, "κόσμε".encode()) + frame(CONTINUATION, raw), (NOT_UTF8,))
        yield Case(f"6.4.{index + 1} in a frame", frame(TEXT, "κόσμε".encode() + raw, length=100), (NOT_UTF8,))


def closing() -> Iterator[Case]:
    """Section 7: how a connection ends."""
    yield Case("7.1.1", END + close(), (NO_SESSION, NORMAL))
    yield Case("7.1.2", close() + close(), (NORMAL,))
    yield Case("7.1.3", close() + frame(FIN | PING, b"late"), (NORMAL,))
    yield Case("7.1.4", close() + END, (NORMAL,))
    yield Case("7.1.5", frame(TEXT, b"x") + close() + frame(FIN | CONTINUATION, b"y"), (NORMAL,))
    yield Case("7.1.6", close() + text(b"x" * 10_000), (NORMAL,))
    yield Case("7.3.1", close(None), (NORMAL,))
    yield Case("7.3.2", frame(FIN | CLOSE, b"a"), (PROTOCOL,))
    yield Case("7.3.3", close(), (NORMAL,))
    yield Case("7.3.4", close(1000, b"bye"), (NORMAL,))
    yield Case("7.3.5", close(1000, b"*" * 123), (NORMAL,))
    yield Case("7.3.6", close(1000, b"*" * 124), (PROTOCOL,))
    yield Case("7.5.1", close(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), (NOT_UTF8,))
    for number, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
        yield Case(f"7.7.{number}", close(code), (code,))
    for number, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield Case(f"7.9.{number}", close(code), (PROTOCOL,))
    for number, code in enumerate((5000, 65535), 1):
        yield Case(f"7.13.{number}", close(code), (PROTOCOL,))


def limits() -> Iterator[Case]:
    """Sections 9 and 10: large messages, and many small pieces of one."""
    for number, size in enumerate((2**16, 2**18, 2**20, 2**22), 1):
        for kind, opcode in ((1, TEXT), (2, BINARY)):
            yield Case(f"9.{kind}.{number}", frame(FIN | opcode, b"*" * size), (TOO_LARGE,))
    large = init("x" * 16_000)
    for number, size in enumerate((64, 256, 1024, 4096), 1):
        yield Case(f"9.3.{number}", fragments(large, size), (NO_SESSION,))
        yield Case(f"9.4.{number}", fragments(b"*" * 16_000, size, BINARY), (NOT_KNOWN,))
        yield Case(f"9.5.{number}", text(large), (NO_SESSION,), chop=size)
    yield Case("10.1.1", fragments(large, 1300), (NO_SESSION,))


OFFERS = (
    *("permessage-deflate", "permessage-deflate; client_no_context_takeover; client_max_window_bits"),
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    *(f"permessage-deflate; server_max_window_bits={bits}" for bits in (9, 15)),
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
    "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9",
)


def compressing() -> Iterator[Case]:
    """Sections 12 and 13: an offer is declined, so that a compressed frame is none, and others are as they are."""
    for section, offer in enumerate(OFFERS):
        for number, size in enumerate((16, 64, 256, 1024, 4096, 8192), 1):
            yield Case(f"13.{section + 1}.{number}", text(init("x" * size)), (NO_SESSION,), offer=offer)
        yield Case(f"13.{section + 1}.18", text(os.urandom(64), first=FIN | 0x40 | TEXT), (PROTOCOL,), offer=offer)


CASES = [case for section in (framing, reserved, fragmented, utf8, closing, limits, compressing) for case in section()]


def carry_out(port: int, path: bytes, case: Case) -> str | None:
    """The fault of a case, or None."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.settimeout(PATIENCE)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        offered = f"Sec-WebSocket-Extensions: {case.offer}\r\n\r\n".encode() if case.offer else b"\r\n"
        one.sendall((HANDSHAKE % path).removesuffix(b"\r\n") + offered)
        received = b""
        while b"\r\n\r\n" not in received:
            received += one.recv(65536)
        head, _, rest = received.partition(b"\r\n\r\n")
        try:
            for start in range(0, len(case.said), case.chop or len(case.said)):
                one.sendall(case.said[start : start + (case.chop or len(case.said))])
        except ConnectionError:
            pass
        try:
            while not any(opcode == CLOSE for opcode, _ in frames(rest)) and (some := one.recv(65536)):
                rest += some
        except ConnectionError:
            pass
    code = next((struct.unpack("!H", body[:2])[0] for opcode, body in frames(rest) if opcode == CLOSE and body), None)
    pongs = tuple(body for opcode, body in frames(rest) if opcode == PONG)
    if b"sec-websocket-extensions" in head.lower():
        return f"{case.number}: an extension is taken"
    if code not in case.codes or pongs != case.pongs or time.monotonic() - began > PATIENCE:
        return f"{case.number}: {code}, not {case.codes}; {len(pongs)} pongs"
    return None


def frames(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The whole frames that a server has sent."""
    while len(raw) >= 2:
        size, head = raw[1] & 0x7F, 2
        if size == 126:
            size, head = struct.unpack("!H", raw[2:4].ljust(2, b"\0"))[0], 4
        if len(raw) < head + size:
            return
        yield raw[0] & 0xF, raw[head : head + size]
        raw = raw[head + size :]


class AutobahnCases(ChatTestCase):
    async def carry_out(self, cases: Sequence[Case]) -> None:
        wrong: list[str | None] = []
        for port, path in ((self.daemon.websocket, b"/"), (self.daemon.http, b"/ws")):
            for start in range(0, len(cases), 8):
                some = cases[start : start + 8]
                wrong += await gatherResults([deferToThread(carry_out, port, path, case) for case in some])

        self.assertEqual([], [each for each in wrong if each])

    async def test_cases(self) -> None:
        """Every case ends as it should, on both ports."""
        await self.carry_out(CASES)
