"""Connections that send once a reactor turn: nothing is lost, all is in order, one send() for all writes."""

import socket
import struct
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from justchat.hub.broadcast import send_batch
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent
from justchat.runtime.tcp import TurnReactor, TurnServer
from tests.support.connections import RecordingConnection
from tests.support.waiting import PATIENCE, eventually

BIG = bytes(range(256)) * 40_000
"""More than a socket's buffers take at once."""


class Sender(Protocol):
    """Does what the test says when it is connected, and when its client answers."""

    transport: Any

    def __init__(self, begin: Callable[["Sender"], None]) -> None:
        self.begin = begin
        self.answered: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.begin(self)

    def dataReceived(self, data: bytes) -> None:
        self.answered.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)

    def send_event(self, text: bytes) -> bool:
        """Send an event as hub/broadcast.py does; returns whether it went past the buffer."""
        connection = RecordingConnection(wire=self.transport)
        send_batch(EncodedBatch(EncodedEvent(text)), [connection])
        return not connection.batches


def framed(text: bytes) -> bytes:
    return EncodedEvent(text).websocket


class Transport(TestCase):
    async def listen(self, begin: Callable[[Sender], None]) -> None:
        self.senders: list[Sender] = []

        def build(_: object) -> Sender:
            self.senders.append(Sender(begin))
            return self.senders[-1]

        factory = Factory()
        factory.buildProtocol = build  # type: ignore[method-assign, assignment]
        self.port: Any = await serverFromString(TurnReactor(reactor), "tcp:0:interface=127.0.0.1").listen(factory)
        self.addCleanup(self.port.stopListening)

    async def received(self, take: int = 1 << 30, answer_after: int = 0) -> bytes:
        """The bytes that a client gets until the connection ends, or until it closes after ``take`` bytes.

        The client answers with a byte once it has ``answer_after`` bytes.
        """
        at = self.port.getHost().port
        received: bytes = await deferToThread(self._receive, at, take, answer_after)
        return received

    def _receive(self, at: int, take: int, answer_after: int) -> bytes:
        with socket.create_connection(("127.0.0.1", at)) as connection:
            connection.settimeout(PATIENCE)
            received = bytearray()
            while len(received) < take and (some := connection.recv(65536)):
                if len(received) < answer_after <= len(received) + len(some):
                    connection.sendall(b"x")
                received += some
            return bytes(received)

    async def test_joined(self) -> None:
        """All writes of a reactor turn leave in one send()."""
        sends: list[bytes] = []
        real = TurnServer.writeSomeData
        self.patch(TurnServer, "writeSomeData", lambda self, data: (sends.append(bytes(data)), real(self, data))[1])

        def begin(sender: Sender) -> None:
            for word in (b"one ", b"two ", b"three"):
                sender.transport.write(word)
            sender.transport.writeSequence([b" ", b"four"])
            reactor.callLater(0.1, sender.transport.loseConnection)

        await self.listen(begin)

        self.assertEqual(b"one two three four", await self.received())
        self.assertEqual([b"one two three four"], [data for data in sends if data])

    async def test_no_epoll(self) -> None:
        """epoll is not used where the kernel takes all bytes."""
        asked: list[object] = []
        real = reactor.addWriter
        self.patch(reactor, "addWriter", lambda writer: (asked.append(writer), real(writer))[1])

        def begin(sender: Sender) -> None:
            sender.transport.write(b"hello")
            sender.transport.loseConnection()

        await self.listen(begin)

        self.assertEqual(b"hello", await self.received())
        self.assertEqual([], [writer for writer in asked if isinstance(writer, TurnServer)])

    async def test_short_writes(self) -> None:
        """Bytes that the kernel does not take at once follow in order, and closing waits for them."""

        def begin(sender: Sender) -> None:
            sender.transport.write(BIG)
            sender.transport.write(b"the end")
            sender.transport.loseConnection()

        await self.listen(begin)

        self.assertEqual(BIG + b"the end", await self.received())

    async def test_written_while_waiting(self) -> None:
        """Writes during a wait for epoll come after the waiting bytes."""

        def begin(sender: Sender) -> None:
            sender.transport.write(BIG)
            reactor.callLater(0.05, sender.transport.write, b"later")
            reactor.callLater(0.1, sender.transport.loseConnection)

        await self.listen(begin)

        self.assertEqual(BIG + b"later", await self.received())

    async def test_disconnect_during_write(self) -> None:
        """A client that disconnects during a write: its connection is lost once, and others go on."""
        await self.listen(lambda sender: sender.transport.write(BIG))

        await self.received(take=1000)
        await self.senders[0].lost.addTimeout(PATIENCE, reactor)
        self.senders[0].transport.write(b"to nobody")

        self.assertEqual(1000, min(1000, len(await self.received(take=1000))))
        await self.senders[1].lost.addTimeout(PATIENCE, reactor)

    async def test_now(self) -> None:
        """An event for many is sent immediately, but not before earlier writes of the turn."""
        sent: list[bool] = []

        def begin(sender: Sender) -> None:
            sent.append(sender.send_event(b"one"))
            sender.transport.write(b" two ")
            sent.append(sender.send_event(b"three"))
            reactor.callLater(0.05, lambda: sent.append(sender.send_event(b"four")))
            reactor.callLater(0.1, sender.transport.loseConnection)

        await self.listen(begin)

        self.assertEqual(framed(b"one") + b" two " + framed(b"four"), await self.received())
        self.assertEqual([True, False, True], sent)

    async def test_more_than_fits_now(self) -> None:
        """Bytes of it that the kernel does not take follow in order, and nothing overtakes them."""
        sent: list[bool] = []
        first = framed(BIG) + b" then "

        def begin(sender: Sender) -> None:
            sent.append(sender.send_event(BIG))
            sent.append(sender.send_event(b"overtakes"))
            sender.transport.write(b" then ")
            sender.answered.addCallback(finish, sender)

        def finish(_: None, sender: Sender) -> None:
            sent.append(sender.send_event(b"the end"))
            sender.transport.loseConnection()

        await self.listen(begin)

        self.assertEqual(first + framed(b"the end"), await self.received(answer_after=len(first)))
        self.assertEqual([True, False, True], sent)

    async def test_now_to_nobody(self) -> None:
        """Sending to a closed client loses its connection once; nothing is sent after that."""
        await self.listen(lambda sender: None)
        connection = socket.create_connection(("127.0.0.1", self.port.getHost().port))
        await eventually(lambda: self.senders, "the connection")
        (sender,) = self.senders
        sender.transport.stopReading()  # so that only sending can find out
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()  # at once, by a reset

        sender.send_event(b"anybody?")
        sender.send_event(b"hello?")

        await sender.lost.addTimeout(PATIENCE, reactor)
        self.assertFalse(sender.send_event(b"never mind"))

    async def test_aborted(self) -> None:
        """What was written before abortConnection() in the same turn is not sent to a closed socket."""

        def begin(sender: Sender) -> None:
            sender.transport.write(b"never mind")
            sender.transport.abortConnection()

        await self.listen(begin)
        with self.assertRaises(OSError):
            if not await self.received():
                raise ConnectionResetError  # a clean end without a byte is as good
        await self.senders[0].lost.addTimeout(PATIENCE, reactor)

    async def test_producer(self) -> None:
        """A producer is paused while too much is buffered, and resumed afterwards."""
        calls: list[str] = []

        @implementer(IPushProducer)
        class Producer:
            def __init__(self, sender: Sender) -> None:
                self.sender = sender

            def pauseProducing(self) -> None:
                calls.append("pause")

            def resumeProducing(self) -> None:
                calls.append("resume")
                self.sender.transport.unregisterProducer()
                self.sender.transport.write(b"the rest")
                self.sender.transport.loseConnection()

            def stopProducing(self) -> None:
                calls.append("stop")

        def begin(sender: Sender) -> None:
            sender.transport.registerProducer(Producer(sender), True)
            sender.transport.write(BIG)

        await self.listen(begin)

        self.assertEqual(BIG + b"the rest", await self.received())
        self.assertEqual(["pause", "resume"], calls)

    async def test_half_closed(self) -> None:
        """loseWriteConnection() comes after what was written."""

        def begin(sender: Sender) -> None:
            sender.transport.write(b"all")
            sender.transport.loseWriteConnection()

        await self.listen(begin)

        self.assertEqual(b"all", await self.received())


class ManyConnections(TestCase):
    async def test_in_turn(self) -> None:
        """Many connections are all served, and reads are not starved."""
        senders: list[Sender] = []

        def build(_: object) -> Sender:
            senders.append(Sender(lambda sender: None))
            return senders[-1]

        factory = Factory()
        factory.buildProtocol = build  # type: ignore[method-assign, assignment]
        port: Any = await serverFromString(TurnReactor(reactor), "tcp:0:interface=127.0.0.1").listen(factory)
        clients = [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(400)]
        await eventually(lambda: len(senders) == 400, "all connections")

        for round in range(5):
            for sender in senders:
                sender.transport.write(b"%d," % round)

        for client in clients:
            client.settimeout(PATIENCE)
            self.assertEqual(b"0,1,2,3,4,", await deferToThread(client.recv, 10, socket.MSG_WAITALL))
            client.close()
        for sender in senders:
            await sender.lost.addTimeout(PATIENCE, reactor)
        await port.stopListening()

    async def test_connected_first(self) -> None:
        """While connected clients wait to be read, hardly any new connection is accepted."""
        order: list[str] = []
        lost: list[Protocol] = []

        class Noted(Protocol):
            def connectionMade(self) -> None:
                order.append("accepted")

            def dataReceived(self, data: bytes) -> None:
                order.append("read")

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                lost.append(self)

        port: Any = await serverFromString(TurnReactor(reactor), "tcp:0:interface=127.0.0.1").listen(
            Factory.forProtocol(Noted)
        )
        self.addCleanup(port.stopListening)

        def connect(number: int) -> list[socket.socket]:
            return [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(number)]

        connected = connect(100)
        await eventually(lambda: len(order) == 100, "the first connections")
        order.clear()
        for one in connected:
            one.send(b"?")
        connected += connect(100)
        await eventually(lambda: len(order) == 200, "the reads and the new connections")
        for one in connected:
            one.close()
        await eventually(lambda: len(lost) == 200, "the ends of all connections")

        last_read = len(order) - order[::-1].index("read")
        self.assertLess(order[:last_read].count("accepted"), 50)
