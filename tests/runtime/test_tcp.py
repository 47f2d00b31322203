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
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from justchat.hub.broadcast import send_batch
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent
from justchat.runtime.tcp import TurnReactor, TurnServer
from tests.support.connections import Hearer
from tests.support.waiting import eventually

BIG = bytes(range(256)) * 40_000
"""More than a socket's buffers take at once."""


class Speaker(Protocol):
    """Does what the test says when it is connected."""

    transport: Any

    def __init__(self, begin: Callable[["Speaker"], None]) -> None:
        self.begin = begin
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.begin(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)

    def hear(self, text: bytes) -> bool:
        """Be told as one of many are (hub/broadcast.py); whether that went past the buffer."""
        hearer = Hearer(wire=self.transport)
        send_batch(EncodedBatch(EncodedEvent(text)), [hearer])
        return not hearer.batches


def framed(text: bytes) -> bytes:
    return EncodedEvent(text).websocket


class Transport(TestCase):
    async def listen(self, begin: Callable[[Speaker], None]) -> None:
        self.speakers: list[Speaker] = []

        def build(_: object) -> Speaker:
            self.speakers.append(Speaker(begin))
            return self.speakers[-1]

        factory = Factory()
        factory.buildProtocol = build  # type: ignore[method-assign, assignment]
        self.port: Any = await serverFromString(TurnReactor(reactor), "tcp:0:interface=127.0.0.1").listen(factory)
        self.addCleanup(self.port.stopListening)

    async def heard(self, take: int = 1 << 30) -> bytes:
        """The bytes that a client gets until the connection ends, or until it closes after ``take`` bytes."""
        at = self.port.getHost().port
        heard: bytes = await deferToThread(self._hear, at, take)
        return heard

    def _hear(self, at: int, take: int) -> bytes:
        with socket.create_connection(("127.0.0.1", at)) as connection:
            connection.settimeout(10)
            heard = b""
            while len(heard) < take and (some := connection.recv(65536)):
                heard += some
            return heard

    async def test_joined(self) -> None:
        """All writes of a reactor turn leave in one send()."""
        sends: list[bytes] = []
        real = TurnServer.writeSomeData
        self.patch(TurnServer, "writeSomeData", lambda self, data: (sends.append(bytes(data)), real(self, data))[1])

        def begin(speaker: Speaker) -> None:
            for word in (b"one ", b"two ", b"three"):
                speaker.transport.write(word)
            speaker.transport.writeSequence([b" ", b"four"])
            reactor.callLater(0.1, speaker.transport.loseConnection)

        await self.listen(begin)

        self.assertEqual(b"one two three four", await self.heard())
        self.assertEqual([b"one two three four"], [data for data in sends if data])

    async def test_no_epoll(self) -> None:
        """epoll is not used where the kernel takes all bytes."""
        asked: list[object] = []
        real = reactor.addWriter
        self.patch(reactor, "addWriter", lambda writer: (asked.append(writer), real(writer))[1])

        def begin(speaker: Speaker) -> None:
            speaker.transport.write(b"hello")
            speaker.transport.loseConnection()

        await self.listen(begin)

        self.assertEqual(b"hello", await self.heard())
        self.assertEqual([], [writer for writer in asked if isinstance(writer, TurnServer)])

    async def test_short_writes(self) -> None:
        """Bytes that the kernel does not take at once follow in order, and closing waits for them."""

        def begin(speaker: Speaker) -> None:
            speaker.transport.write(BIG)
            speaker.transport.write(b"the end")
            speaker.transport.loseConnection()

        await self.listen(begin)

        self.assertEqual(BIG + b"the end", await self.heard())

    async def test_written_while_waiting(self) -> None:
        """Writes during a wait for epoll come after the waiting bytes."""

        def begin(speaker: Speaker) -> None:
            speaker.transport.write(BIG)
            reactor.callLater(0.05, speaker.transport.write, b"later")
            reactor.callLater(0.1, speaker.transport.loseConnection)

        await self.listen(begin)

        self.assertEqual(BIG + b"later", await self.heard())

    async def test_disconnect_during_write(self) -> None:
        """A client that disconnects during a write: its connection is lost once, and others go on."""
        await self.listen(lambda speaker: speaker.transport.write(BIG))

        await self.heard(take=1000)
        await self.speakers[0].lost.addTimeout(10, reactor)
        self.speakers[0].transport.write(b"to nobody")
        await deferLater(reactor, 0.05)

        self.assertEqual(1000, min(1000, len(await self.heard(take=1000))))
        await self.speakers[1].lost.addTimeout(10, reactor)

    async def test_now(self) -> None:
        """An event for many is sent immediately, but not before earlier writes of the turn."""
        sent: list[bool] = []

        def begin(speaker: Speaker) -> None:
            sent.append(speaker.hear(b"one"))
            speaker.transport.write(b" two ")
            sent.append(speaker.hear(b"three"))
            reactor.callLater(0.05, lambda: sent.append(speaker.hear(b"four")))
            reactor.callLater(0.1, speaker.transport.loseConnection)

        await self.listen(begin)

        self.assertEqual(framed(b"one") + b" two " + framed(b"four"), await self.heard())
        self.assertEqual([True, False, True], sent)

    async def test_more_than_fits_now(self) -> None:
        """Bytes of it that the kernel does not take follow in order, and nothing overtakes them."""
        sent: list[bool] = []

        def begin(speaker: Speaker) -> None:
            sent.append(speaker.hear(BIG))
            sent.append(speaker.hear(b"overtakes"))
            speaker.transport.write(b" then ")
            reactor.callLater(0.5, finish, speaker)

        def finish(speaker: Speaker) -> None:
            sent.append(speaker.hear(b"the end"))
            speaker.transport.loseConnection()

        await self.listen(begin)

        self.assertEqual(framed(BIG) + b" then " + framed(b"the end"), await self.heard())
        self.assertEqual([True, False, True], sent)

    async def test_now_to_nobody(self) -> None:
        """Sending to a closed client loses its connection once; nothing is sent after that."""
        await self.listen(lambda speaker: None)
        deferToThread(self._reset, self.port.getHost().port)
        await eventually(lambda: self.speakers, "the connection")
        (speaker,) = self.speakers
        speaker.transport.stopReading()  # so that only sending can find out
        await deferLater(reactor, 0.1)

        speaker.hear(b"anybody?")
        speaker.hear(b"hello?")

        await speaker.lost.addTimeout(10, reactor)
        self.assertFalse(speaker.hear(b"never mind"))

    def _reset(self, at: int) -> None:
        connection = socket.create_connection(("127.0.0.1", at))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    async def test_aborted(self) -> None:
        """What was written before abortConnection() in the same turn is not sent to a closed socket."""

        def begin(speaker: Speaker) -> None:
            speaker.transport.write(b"never mind")
            speaker.transport.abortConnection()

        await self.listen(begin)
        with self.assertRaises(OSError):
            if not await self.heard():
                raise ConnectionResetError  # a clean end without a byte is as good
        await self.speakers[0].lost.addTimeout(10, reactor)

    async def test_producer(self) -> None:
        """A producer is paused while too much is buffered, and resumed afterwards."""
        told: list[str] = []

        @implementer(IPushProducer)
        class Producer:
            def __init__(self, speaker: Speaker) -> None:
                self.speaker = speaker

            def pauseProducing(self) -> None:
                told.append("pause")

            def resumeProducing(self) -> None:
                told.append("resume")
                self.speaker.transport.unregisterProducer()
                self.speaker.transport.write(b"the rest")
                self.speaker.transport.loseConnection()

            def stopProducing(self) -> None:
                told.append("stop")

        def begin(speaker: Speaker) -> None:
            speaker.transport.registerProducer(Producer(speaker), True)
            speaker.transport.write(BIG)

        await self.listen(begin)

        self.assertEqual(BIG + b"the rest", await self.heard())
        self.assertEqual(["pause", "resume"], told)

    async def test_half_closed(self) -> None:
        """loseWriteConnection() comes after what was written."""

        def begin(speaker: Speaker) -> None:
            speaker.transport.write(b"all")
            speaker.transport.loseWriteConnection()

        await self.listen(begin)

        self.assertEqual(b"all", await self.heard())


class ManyConnections(TestCase):
    async def test_in_turn(self) -> None:
        """Many connections are all served, and reads are not starved."""
        speakers: list[Speaker] = []

        def build(_: object) -> Speaker:
            speakers.append(Speaker(lambda speaker: None))
            return speakers[-1]

        factory = Factory()
        factory.buildProtocol = build  # type: ignore[method-assign, assignment]
        port: Any = await serverFromString(TurnReactor(reactor), "tcp:0:interface=127.0.0.1").listen(factory)
        clients = [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(400)]
        await eventually(lambda: len(speakers) == 400, "all connections")

        for round in range(5):
            for speaker in speakers:
                speaker.transport.write(b"%d," % round)
        await deferLater(reactor, 0.5)

        for client in clients:
            client.settimeout(5)
            self.assertEqual(b"0,1,2,3,4,", client.recv(100))
            client.close()
        for speaker in speakers:
            await speaker.lost.addTimeout(10, reactor)
        await port.stopListening()
