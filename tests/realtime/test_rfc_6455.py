# ruff: noqa: E501
"""What RFC 6455 and RFC 7692 require of a server, one row a MUST: raw on both ports, and Socket.IO."""

import base64
import hashlib
import json
import struct

from attrs import frozen
from twisted.internet.threads import deferToThread

from tests.support.chat import ChatTestCase
from tests.support.frames import closed_with, frame
from tests.support.wire import RawAnswer, exchange

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
SWITCHED = 101
PMD = "permessage-deflate"


@frozen
class Must:
    """A sentence of an RFC: its handshake, and the required answer."""

    section: str
    says: str
    status: int
    fields: dict[str, str | list[str] | None]
    """Fields that differ from HANDSHAKE; None leaves one out, a list sends it several times."""
    line: str = "GET {path} HTTP/1.1"
    answer: dict[str, str | None] = {}
    """Fields of the answer; None is one that must not be there."""


def offer(*offers: str) -> dict[str, str | list[str] | None]:
    return {"Sec-WebSocket-Extensions": list(offers)}


DECLINED: dict[str, str | None] = {"sec-websocket-extensions": None}
HANDSHAKES = (
    Must("4.2.2", "Sec-WebSocket-Accept is made of the key", SWITCHED, {}),
    Must("4.1 1", "the method is GET", 405, {}, "POST {path} HTTP/1.1", {"allow": "GET"}),
    Must("4.2.1 1", "the version is at least 1.1", 426, {}, "GET {path} HTTP/1.0"),
    Must("4.2.1 2", "there is a Host", 400, {"Host": None}),
    Must("4.2.1 3", "Upgrade has websocket, in any case", SWITCHED, {"Upgrade": "WebSocket"}),
    Must("4.2.1 3", "among others, too", SWITCHED, {"Upgrade": "h2c, websocket"}),
    Must("4.2.1 3", "in a second field, too", SWITCHED, {"Upgrade": ["h2c", "websocket"]}),
    Must("4.2.1 4", "Connection has Upgrade, in any case", SWITCHED, {"Connection": "keep-alive, UPGRADE"}),
    Must("4.2.1 4", "Connection has Upgrade", 400, {"Connection": "keep-alive"}),
    Must("4.2.1 4", "there is a Connection", 400, {"Connection": None}),
    Must("4.2.1 5", "there is a key", 400, {"Sec-WebSocket-Key": None}),
    Must("4.2.1 5", "the key is base64", 400, {"Sec-WebSocket-Key": "no base64, but 24 chars."}),
    Must("4.2.1 5", "the key is of 16 bytes", 400, {"Sec-WebSocket-Key": "c2hvcnQ="}),
    Must("11.3.1", "the key is one", 400, {"Sec-WebSocket-Key": [KEY, KEY]}),
    Must("4.2.2 4", "another version gets ours", 426, {"Sec-WebSocket-Version": "8"}, answer={"sec-websocket-version": "13"}),
    Must("4.4", "so is a later one", 426, {"Sec-WebSocket-Version": "25"}, answer={"sec-websocket-version": "13"}),
    Must("4.2.1 6", "there is a version", 426, {"Sec-WebSocket-Version": None}),
    Must("11.3.5", "the version is one", 426, {"Sec-WebSocket-Version": ["13", "13"]}),
    *(
        Must("4.2.2 4", f"an origin is no reason to fail by its form: {origin}", SWITCHED, {"Origin": origin})
        for origin in (
            *("https://chat.example", "http://localhost:3000", "http://[::1]:8080", "null", "qrc://", "file://"),
            *("capacitor://localhost", "ionic://localhost", "app://-", "tauri://localhost", "moz-extension://0f2a-77"),
            *("chrome-extension://abcdefghijklmnop", "https://xn--80ak6aa92e.example", "https://чат.example", "x"),
        )
    ),
    Must("RFC 6454 7.3", "the origin is one", 400, {"Origin": ["http://a.example", "http://b.example"]}),
    Must("4.2.2 5", "a subprotocol is one that was offered", SWITCHED, {"Sec-WebSocket-Protocol": "chat, x"},
         answer={"sec-websocket-protocol": "chat"}),
    Must("4.2.2 5", "none is answered where none is offered", SWITCHED, {}, answer={"sec-websocket-protocol": None}),
    Must("11.3.4", "offers may stand in several fields", SWITCHED, {"Sec-WebSocket-Protocol": ["chat", "x"]},
         answer={"sec-websocket-protocol": "chat"}),
    Must("4.1 10", "a subprotocol is offered once", 400, {"Sec-WebSocket-Protocol": "chat, chat"}),
    Must("4.1 10", "a subprotocol is a token", 400, {"Sec-WebSocket-Protocol": "a b"}),
    Must("9.1", "an extension that is not known is declined", SWITCHED, offer("x-foo; bar=1"), answer=DECLINED),
    Must("9.1", "offers may stand in several fields", SWITCHED, offer(PMD, f"{PMD}; client_max_window_bits"), answer=DECLINED),
    Must("9.1", "what is no list of extensions fails", 400, offer(f"{PMD}; =10")),
    Must("9.1", "a parameter's value is a token, quoted too", 400, offer(f'{PMD}; server_max_window_bits="1 0"')),
    *(
        Must(f"RFC 7692 {section}", f"{says} is declined", SWITCHED, offer(f"{PMD}; {parameters}"), answer=DECLINED)
        for section, says, parameters in (
            ("7.1", "an unknown parameter", "foo"),
            ("7.1", "a parameter with a wrong value", "server_no_context_takeover=1"),
            ("7.1", "a parameter that stands twice", "client_no_context_takeover; client_no_context_takeover"),
            ("7.1.2.1", "a window that is too large", "server_max_window_bits=16"),
            ("7.1.2.1", "a window that is too small", "server_max_window_bits=7"),
            ("7.1.2.1", "a window with leading zeros", "server_max_window_bits=010"),
            ("7.1.2.1", "a window without a number", "server_max_window_bits"),
            ("7.1.2.2", "a window of no number", "client_max_window_bits=x"),
            ("7.1.2.2", "a quoted window", 'client_max_window_bits="10"'),
        )
    ),
    Must("RFC 7692 5.1", "a list with one that cannot be taken is declined", SWITCHED,
         offer(f"{PMD}; foo, {PMD}; server_max_window_bits=99, {PMD}"), answer=DECLINED),
)  # fmt: skip

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
INIT = json.dumps({"event": "init", "data": {"session_key": "x"}}).encode()


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


FRAMES = (
    ("5.1", "a client's frame is masked", frame(TEXT, INIT, masked=False), 1002),
    ("5.2", "RSV1 is 0 where no extension says otherwise", frame(TEXT | 0x40, INIT), 1002),
    ("5.2", "RSV2 is 0", frame(TEXT | 0x20, INIT), 1002),
    ("5.2", "RSV3 is 0", frame(PING | 0x10, b""), 1002),
    *(("5.2", f"opcode {opcode} is reserved", frame(0x80 | opcode, b""), 1002) for opcode in (*range(3, 8), *range(11, 16))),
    ("5.2", "a length takes the fewest bytes: 16 bits", b"\x81\xfe\x00\x05" + bytes(4) + b"hello", 1002),
    ("5.2", "a length takes the fewest bytes: 64 bits", b"\x81\xff" + struct.pack("!Q", 300) + bytes(4), 1002),
    ("5.2", "the first bit of 64 is 0", frame(TEXT, b"", length=2**63), 1002),
    ("5.4", "a message begins with no continuation", frame(0x80, INIT), 1002),
    ("5.4", "messages are not interleaved", frame(0x01, b"{") + frame(TEXT, INIT), 1002),
    ("5.5", "a control frame has at most 125 bytes", frame(PING, bytes(126)), 1002),
    ("5.5", "a control frame is whole", frame(0x09, b""), 1002),
    ("5.5.1", "a close frame's body begins with a code", frame(CLOSE, b"\x03"), 1002),
    ("5.5.1", "a close frame's reason is UTF-8", close(1000, b"\xff"), 1007),
    *(("7.4", f"{code} is no code to send", close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)),
    ("5.5.1", "a close frame is answered by one with its code", close(1000), 1000),
    ("5.5.1", "one with a reason, too", close(1001, b"bye"), 1001),
    ("5.5.1", "one without a code is answered with 1000", frame(CLOSE, b""), 1000),
    ("7.4.2", "codes of libraries are echoed", close(3000), 3000),
    ("7.4.2", "codes of applications are echoed", close(4999), 4999),
    ("8.1", "text is UTF-8", frame(TEXT, b"\xff\xfe"), 1007),
    ("8.1", "text has no surrogates", frame(TEXT, b"\xed\xa0\x80"), 1007),
    ("8.1", "text has no overlong forms", frame(TEXT, b"\xc0\xaf"), 1007),
    ("8.1", "text ends with a whole character", frame(TEXT, b"\xd0"), 1007),
    ("8.1", "text is UTF-8 over its fragments", frame(0x01, b"\xd0") + frame(0x80, b"\x20"), 1007),
    ("10.4", "a frame that is too large", frame(TEXT, b"", length=2**20), 1009),
    ("10.4", "a frame that claims 2**62 bytes", frame(TEXT, b"", length=2**62), 1009),
    ("10.4", "a message whose fragments are too large", frame(0x01, b"x" * 9_000) + frame(0x80, b"x" * 9_000), 1009),
    ("10.4", "a binary one", frame(BINARY, b"x" * 20_000), 1009),
)  # fmt: skip
"""Section, what it says, the bytes after the handshake, and the code of the close frame that must come back."""
SOCKET_IO = "/socket.io/?EIO=4&transport=websocket"


class WebSocketMusts(ChatTestCase):
    def paths(self) -> list[tuple[int, str]]:
        return [(self.daemon.websocket, "/"), (self.daemon.websocket, "/some/where?x=1"), (self.daemon.http, "/ws")]

    async def ask(self, port: int, path: str, must: Must) -> RawAnswer:
        lines = [must.line.format(path=path)]
        for name, value in {**HANDSHAKE, **must.fields}.items():
            lines += [f"{name}: {one}" for one in ([value] if isinstance(value, str) else value or ())]
        head = "\r\n".join([*lines, "", ""]).encode()
        # A close frame ends those that are opened.
        rest = close(1000) if must.status == SWITCHED else b""
        wait = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        said = head + rest if rest else head[:-2] + wait
        return (await exchange(port, said))[0]

    async def test_handshakes(self) -> None:
        """Every handshake is answered as its RFC asks, on both ports; what is refused has the body of every error."""
        accept = base64.b64encode(hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        wrong = []
        for port, path in self.paths():
            for must in HANDSHAKES:
                answer = await self.ask(port, path, must)
                expected = {**must.answer}
                status = must.status
                if status == SWITCHED:
                    expected["sec-websocket-accept"] = accept
                elif port == self.daemon.http and must.line.endswith("1.0"):
                    status = 404  # without an upgrade, there is nothing at /ws
                else:
                    self.assertEqual(answer.line.partition(" ")[2].partition(" ")[2], answer.json["error"], must.says)
                found = {name: answer.headers.get(name) for name in expected}
                if (answer.status, found, answer.headers.get("server")) != (status, expected, "JustChat"):
                    wrong.append((port == self.daemon.http, must, answer.line, found))

        self.assertEqual([], wrong)

    async def test_of_socket_io(self) -> None:
        """Socket.IO opens a WebSocket by every handshake by which the others open one."""
        wrong = []
        for must in HANDSHAKES:
            if must.status == SWITCHED:
                answer = await self.ask(self.daemon.http, SOCKET_IO, must)
                if answer.status != SWITCHED:
                    wrong.append((must, answer.line, answer.body))

        self.assertEqual([], wrong)

    async def test_frames(self) -> None:
        """Every protocol error is answered by a close frame with its code, at every kind of socket."""
        wrong = []
        for port, path in (*self.paths()[::2], (self.daemon.http, SOCKET_IO), (self.daemon.websocket, SOCKET_IO)):
            for section, says, said, code in FRAMES:
                found = await deferToThread(closed_with, port, path.encode(), said)
                if found != code:
                    wrong.append((path, section, says, found, code))

        self.assertEqual([], wrong)

    async def test_pong(self) -> None:
        """Section 5.5.3: a ping is answered by a pong with its bytes, within a message, too."""
        for path in (None, "/ws"):
            socket = await self.a_socket(path)
            received: list[bytes] = []
            socket.onPong = received.append  # type: ignore[method-assign]
            socket.beginMessage()
            socket.sendMessageFrame(INIT[:5])
            socket.sendPing(b"within")
            socket.sendMessageFrame(INIT[5:])
            socket.endMessage()

            self.assertEqual(4440, await socket.closed())
            self.assertEqual([b"within"], received)
