"""TCP connections that are read together, and send once a turn of the reactor without asking epoll first.

Twisted's own transport asks epoll whether it may write, is told so in the next turn, writes, and takes the question
back: three system calls for each write. Most writes can be sent at once. So here what a connection has written in a
turn leaves at its end, joined, in one ``send``; only what the kernel does not take waits for epoll.

Reading, Twisted goes through its log's context for every connection that has something: twice what the call of doRead()
costs itself. So the connections have an epoll of their own, which the reactor sees as one descriptor.

Where there are many connections to write to, they are served a few milliseconds at a time, in turn, so that what is
read meanwhile is not held up; what they are given until then joins what they have.
"""

from collections import deque
from collections.abc import Callable
from select import EPOLLIN, epoll
from socket import IPPROTO_TCP, TCP_NOTSENT_LOWAT
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime, IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.tcp import Port, Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.interfaces.realtime import IWire

BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted, at least: all clients come back at once."""
SLICE = 0.003
"""Seconds of sending, after which what has come in meanwhile has its turn."""
LOOK_AT_CLOCK = 32
"""Connections written to between two looks at the clock."""
UNSENT = 128 * 1024
"""Bytes that the kernel takes for a connection before they can be sent. For one that stalls it would take megabytes."""
ACCEPTED_AT_ONCE = 16
READ_AT_ONCE = 16
"""Connections read in one turn, if that takes no longer than SLICE; the kernel gives the others in the next."""


class PendingWriters:
    """Connections that have written in this turn of the reactor, and send when it ends."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._seconds = IReactorTime(reactor).seconds
        self._writers: deque[TurnServer] = deque()
        self._called = False

    def add(self, writer: "TurnServer") -> None:
        self._writers.append(writer)
        if not self._called:
            self._called = True
            self._reactor.callLater(0, self._end)

    def _end(self) -> None:
        writers = self._writers
        until = self._seconds() + SLICE
        while writers:
            for _ in range(min(LOOK_AT_CLOCK, len(writers))):
                writers.popleft().turn_ends()
            if self._seconds() > until:
                break
        self._called = bool(writers)
        if writers:
            self._reactor.callLater(0, self._end)


@implementer(IReadDescriptor)
class Readers:
    """The connections that are read, as one descriptor of the reactor: an epoll can be waited for by another."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._epoll = epoll()
        self._seconds = IReactorTime(reactor).seconds
        self._connections: dict[int, TurnServer] = {}

    def add(self, connection: "TurnServer") -> None:
        descriptor = connection.fileno()
        if descriptor in self._connections:
            return
        if not self._connections:
            self._reactor.addReader(self)
        self._epoll.register(descriptor, EPOLLIN)
        self._connections[descriptor] = connection

    def remove(self, connection: "TurnServer") -> None:
        descriptor = connection.fileno()
        if self._connections.pop(descriptor, None) is None:
            return
        self._epoll.unregister(descriptor)
        if not self._connections:
            self._reactor.removeReader(self)

    def fileno(self) -> int:
        """See IFileDescriptor."""
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        """See ILoggingContext."""
        return "-"

    def doRead(self) -> None:
        """Read those that have something, as the reactor does (twisted.internet.posixbase)."""
        until = self._seconds() + SLICE
        for descriptor, event in self._epoll.poll(0, READ_AT_ONCE):
            connection = self._connections.get(descriptor)
            if connection is None:  # one read before it has ended this one
                continue
            has_data = bool(event & EPOLLIN)
            ended: Any
            try:
                ended = connection.doRead() if has_data else CONNECTION_DONE
            except Exception as error:
                self._log.failure("reading from a connection failed")
                ended, has_data = error, False
            if ended:
                self._reactor._disconnectSelectable(connection, ended, has_data)
            if self._seconds() > until:
                break

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""
        self._epoll.close()


class Wire:
    """What can be sent on past a connection's buffer.

    Its fields are beside the object itself, not in its dictionary: who sends to thousands waits for memory above all,
    and each dictionary is another place in it.
    """

    __slots__ = ("_send", "send_now")

    _send: Callable[[bytes], int] | None
    send_now: Callable[[bytes], int] | None


@implementer(IWire)
class TurnServer(Wire, Server):
    """An accepted connection. Of Twisted's way only the asking of epoll is changed: buffers, producers and closing
    are its own.
    """

    _log = Logger()
    pending_writers: PendingWriters
    readers: Readers
    reactor: Any
    _in_turn = False
    _in_epoll = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._send = self.socket.send
        self.send_now = self._send

    def startTLS(self, *args: Any, **options: Any) -> None:
        super().startTLS(*args, **options)
        self._send = None
        self.send_now = None

    def connectionLost(self, reason: Failure) -> None:
        self._send = None
        self.send_now = None
        super().connectionLost(reason)

    def startReading(self) -> None:
        self.readers.add(self)

    def stopReading(self) -> None:
        self.readers.remove(self)

    def write(self, data: bytes) -> None:
        if self.TLS:
            super().write(data)
        elif data and self.connected and not self._writeDisconnected:
            self._tempDataBuffer.append(data)
            self._tempDataLen += len(data)
            if self._tempDataLen + len(self.dataBuffer) > self.bufferSize:
                self._maybePauseProducer()
            if not self._in_turn and not self._in_epoll:
                self._wait_for_turn()

    def _wait_for_turn(self) -> None:
        self.send_now = None
        self._in_turn = True
        self.pending_writers.add(self)

    def startWriting(self) -> None:
        if not self._in_turn and not self._in_epoll:
            self._wait_for_turn()

    def stopWriting(self) -> None:
        if self._in_epoll:
            self._in_epoll = False
            super().stopWriting()
            if not self._in_turn:
                self.send_now = self._send

    def turn_ends(self) -> None:
        """Send what has been written, and end if that was asked for."""
        if not self._in_turn:
            return
        self._in_turn = False
        if not self.connected:
            return
        waits = self.producer is not None and (self.producerPaused or not self.streamingProducer)
        if waits or self.dataBuffer or self.disconnecting or self._writeDisconnecting:
            self._write_as_twisted_does()
            return
        # The usual case: there is but what was written in this turn, and nobody waits for it to be sent.
        written = self._tempDataBuffer
        data = written[0] if len(written) == 1 else b"".join(written)
        written.clear()
        self._tempDataLen = 0
        sent = self.writeSomeData(data)
        if sent == len(data):
            self.send_now = self._send
        else:
            self.dataBuffer = data
            if isinstance(sent, int):
                self.offset = sent
                self._ask_epoll()
            else:
                self.reactor._disconnectSelectable(self, sent, False)

    def _write_as_twisted_does(self) -> None:
        try:
            ended = self.doWrite()
        except Exception:
            # As the reactor does where it is a producer's fault.
            self._log.failure("writing to a connection failed")
            ended = CONNECTION_LOST
        if ended is not None:
            self.reactor._disconnectSelectable(self, ended, False)
        elif self.dataBuffer and not self._in_turn and not self._in_epoll:
            self._ask_epoll()
        elif not self._in_turn and not self._in_epoll:
            self.send_now = self._send

    def _ask_epoll(self) -> None:
        self.send_now = None
        self._in_epoll = True
        super().startWriting()

    def writeSomeData(self, data: bytes) -> int | ConnectionLost:
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return CONNECTION_LOST


class TurnPort(Port):
    """Accepts a few in a turn. Twisted's would accept more each time, without end, while all clients come at once."""

    def doRead(self) -> None:
        self.numberAccepts = ACCEPTED_AT_ONCE
        super().doRead()


class TurnReactor:
    """A reactor, for endpoints, on which connections of TCP are TurnServers; all else is the reactor's own."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        # Held by the class: a connection is the lighter for it.
        shared = {"pending_writers": PendingWriters(reactor), "readers": Readers(reactor)}
        self._server: Any = type("TurnServer", (TurnServer,), shared)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = BACKLOG, interface: str = "") -> Port:
        listening = TurnPort(port, factory, max(backlog, BACKLOG), interface, self._reactor)
        listening.transport = self._server
        listening.startListening()
        # Those it accepts have it from it.
        listening.socket.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT)
        return listening
