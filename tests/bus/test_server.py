"""The server of a worker, as a client that is not ours sees it."""

import os
import socket
import stat
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from justchat.bus import server as module
from justchat.bus.server import BusServer
from tests.support.bus_case import Nobody
from tests.support.waiting import PATIENCE, eventually

SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


class ServerTests(TestCase):
    def setUp(self) -> None:
        self.path = Path(mkdtemp(prefix="jc-")) / "1.sock"
        self.server = BusServer(reactor, Nobody())
        self.server.listen(self.path)
        self.sockets: list[socket.socket] = []

    async def tearDown(self) -> None:
        for each in self.sockets:
            each.close()
        await self.server.stop()
        os.rmdir(self.path.parent)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.path))
        self.sockets.append(connection)
        return connection

    async def ask(self, connection: socket.socket, *commands: bytes, expected: bytes) -> None:
        """Send these bytes; exactly ``expected`` comes back."""
        connection.sendall(b"".join(commands))
        received = b""
        while len(received) < len(expected):
            part = await deferToThread(connection.recv, len(expected) - len(received))
            self.assertTrue(part, received)
            received += part
        self.assertEqual(expected, received)

    async def is_cut(self, connection: socket.socket) -> bool:
        def read() -> bool:
            try:
                while connection.recv(1 << 16):
                    pass
            except ConnectionError:
                pass
            return True

        return await deferToThread(read)

    async def test_mode(self) -> None:
        """Only its own user can open the socket."""
        self.assertEqual(0o600, stat.S_IMODE(self.path.stat().st_mode))

    async def test_left_behind(self) -> None:
        """A socket that a killed process left is no hindrance."""
        other = self.path.with_name("other.sock")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(other))
        server = BusServer(reactor, Nobody())

        server.listen(other)

        await server.stop()

    async def test_subscribed(self) -> None:
        """A subscription is confirmed, and brings packets: pushes in RESP3, arrays where that was not asked for."""
        old, new, publisher = self.connect(), self.connect(), self.connect()
        hello = b"%2\r\n$6\r\nserver\r\n$8\r\njustchat\r\n$7\r\nserving\r\n:1\r\n"
        await self.ask(new, command(b"HELLO", b"3", b"AUTH", b"a", b"b"), expected=hello)
        for connection, mark in ((old, b"*"), (new, b">")):
            confirmed = mark + b"3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
            await self.ask(connection, command(b"subscribe", b"a"), expected=confirmed)

        await self.ask(publisher, command(b"PUBLISH", b"a", b"\r\n"), expected=b":2\r\n")

        for connection, mark in ((old, b"*"), (new, b">")):
            message = mark + b"3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\n\r\n\r\n"
            await self.ask(connection, expected=message)

    async def test_unsubscribed(self) -> None:
        """Whoever has unsubscribed, or is gone, receives nothing."""
        one, other, publisher = self.connect(), self.connect(), self.connect()
        for connection in (one, other):
            await self.ask(
                connection, command(b"SUBSCRIBE", b"a"), expected=b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
            )
        await self.ask(publisher, command(b"PUBLISH", b"a", b""), expected=b":2\r\n")

        await self.ask(
            one,
            command(b"UNSUBSCRIBE", b"a"),
            expected=b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$0\r\n\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n",
        )
        other.close()
        await eventually(lambda: len(self.server.clients) == 2, "the other to be gone")

        await self.ask(publisher, command(b"PUBLISH", b"a", b""), command(b"PING"), expected=b":0\r\n+PONG\r\n")

    async def test_unknown(self) -> None:
        """Commands that it does not know, and other versions, are answered with an error."""
        connection = self.connect()

        await self.ask(
            connection,
            command(b"KEYS", b"*"),
            command(b"SUBSCRIBE"),
            command(b"HELLO", b"4"),
            command(b"PING"),
            expected=b"-ERR unknown command, or wrong arguments\r\n" * 2
            + b"-NOPROTO unsupported protocol version\r\n+PONG\r\n",
        )

    async def test_malformed(self) -> None:
        """What is no command ends the connection."""
        for sent in (b"GET / HTTP/1.1\r\n\r\n", b":5\r\n", b"*1\r\n:5\r\n", b"*0\r\n", b"$5\r\nhello\r\n"):
            connection = self.connect()
            connection.sendall(sent)

            self.assertTrue(await self.is_cut(connection), sent)

    async def test_too_large(self) -> None:
        """So does a command that never ends."""
        self.patch(module, "LARGEST_COMMAND", 1 << 16)
        connection = self.connect()
        connection.sendall(b"*1\r\n$100000000\r\n" + bytes(1 << 17))

        self.assertTrue(await self.is_cut(connection))

    async def test_does_not_read(self) -> None:
        """A worker that does not read is cut once too much waits for it; the others receive everything."""
        self.patch(module, "UNREAD", 1 << 20)
        slow, other, publisher = self.connect(), self.connect(), self.connect()
        for connection in (slow, other):
            await self.ask(
                connection, command(b"SUBSCRIBE", b"a"), expected=b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
            )
        body = bytes(50_000)
        message = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$50000\r\n%b\r\n" % body

        for _ in range(100):
            await deferToThread(publisher.sendall, command(b"PUBLISH", b"a", body))
            await self.ask(other, expected=message)

        self.assertEqual(2, len(self.server.clients))
        self.assertTrue(await self.is_cut(slow))

    async def test_reads_slowly(self) -> None:
        """One that reads always, and is never quite done, is not cut, however much it is that passes."""
        self.patch(module, "UNREAD", 1 << 20)
        slow, publisher = self.connect(), self.connect()
        await self.ask(slow, command(b"SUBSCRIBE", b"a"), expected=SUBSCRIBED)
        body = bytes(50_000)
        message = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$50000\r\n%b\r\n" % body
        for _ in range(10):
            await deferToThread(publisher.sendall, command(b"PUBLISH", b"a", body))

        for _ in range(60):
            await deferToThread(publisher.sendall, command(b"PUBLISH", b"a", body))
            await self.ask(slow, expected=message)

        self.assertEqual(2, len(self.server.clients))
