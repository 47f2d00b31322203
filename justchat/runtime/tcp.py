"""TCP connections that are read together, and that send once in a turn of the reactor without asking epoll first.

Twisted's transport registers with epoll for each write, writes in the next turn, and unregisters: three system calls.
Nearly always the kernel takes a write at once. So a connection here collects what is written in a turn, and sends it
at the turn's end in one ``send``. Only what the kernel does not take waits for epoll.

For each connection that is readable, Twisted enters a log context, which costs twice as much as the call of doRead().
So the connections share an epoll object of their own, which the reactor sees as one descriptor.

Many connections that have something to send are served for a few milliseconds at a time, in order, so that reads are
not delayed. What is written to one of them meanwhile joins what it holds.
"""

from collections import deque
from collections.abc import Callable
from select import EPOLLIN, epoll
from socket import AF_INET6, AF_UNIX, IPPROTO_TCP, TCP_NOTSENT_LOWAT, socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IAddress, IReactorTime, IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.tcp import Port, Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.interfaces.realtime import IWire

BACKLOG = 1024
"""Connections that the kernel holds until they are accepted, at least: after a restart all clients connect at once."""
SLICE = 0.003
"""Seconds of sending, or of reading, after which the reactor polls again."""
CLOCK_EVERY = 32
"""Connections that are written to between two readings of the clock."""
UNSENT = 128 * 1024
"""Bytes that the kernel holds unsent for a connection. By default it would hold megabytes for a reader that stalls."""
ACCEPTED_AT_ONCE = 16
"""Connections that are accepted in one turn; only one while connected clients wait to be read, so that they come first.
"""
READ_AT_ONCE = 16
"""Connections that are read in one turn, if that takes no longer than SLICE. The others are read in the next."""


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
            for _ in range(min(CLOCK_EVERY, len(writers))):
                writers.popleft().turn_ends()
            if self._seconds() > until:
                break
        self._called = bool(writers)
        if writers:
            self._reactor.callLater(0, self._end)


@implementer(IReadDescriptor)
class Readers:
    """The connections that are read, as one descriptor of the reactor: one epoll object can poll another."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._epoll = epoll()
        self._seconds = IReactorTime(reactor).seconds
        self._connections: dict[int, TurnServer] = {}
        self.is_behind = False
        """Whether connections may be readable that were not read in the last turn."""

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
        """Read the connections that are readable, as the reactor does (twisted.internet.posixbase)."""
        until = self._seconds() + SLICE
        readable = self._epoll.poll(0, READ_AT_ONCE)
        self.is_behind = len(readable) == READ_AT_ONCE
        for descriptor, event in readable:
            connection = self._connections.get(descriptor)
            if connection is None:  # closed by the read of one before it
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
                self.is_behind = True
                break

    def connectionLost(self, reason: Failure) -> None:
        """See IFileDescriptor: the reactor has stopped."""
        self._epoll.close()


class Wire:
    """The part of a connection that takes bytes past its buffer.

    Slots, so that the fields lie in the object and not in its dictionary. Sending to thousands of connections is
    bound by memory access, and a dictionary is one more place to read.
    """

    __slots__ = ("_send", "send_now")

    _send: Callable[[bytes], int] | None
    send_now: Callable[[bytes], int] | None


@implementer(IWire)
class TurnServer(Wire, Server):
    """An accepted connection. It differs from Twisted's in when it uses epoll; buffers, producers and closing are
    Twisted's.
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
        """Send what was written in this turn, and close if that was asked for."""
        if not self._in_turn:
            return
        self._in_turn = False
        if not self.connected:
            return
        waits = self.producer is not None and (self.producerPaused or not self.streamingProducer)
        if waits or self.dataBuffer or self.disconnecting or self._writeDisconnecting:
            self._write_as_twisted_does()
            return
        # The usual case: nothing is left of earlier turns, and no producer waits.
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
            # As the reactor does with an error of a producer.
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


class PassedServer(TurnServer):
    """A connection that another process has accepted. It may be a Unix socket, with the address of a TCP client."""

    def __init__(self, connected: socket, protocol: Any, peer: IAddress, reactor: Any) -> None:
        self._peer = peer
        self.repstr = f"<{type(protocol).__name__} passed on>"
        super().__init__(connected, protocol, (getattr(peer, "host", ""), 0), None, 0, reactor)

    def getPeer(self) -> IAddress:
        """See ITransport."""
        return self._peer

    def getHost(self) -> IAddress:
        """See ITransport."""
        name = self.socket.getsockname()
        if self.socket.family == AF_UNIX:
            return UNIXAddress(None)
        return (IPv6Address if self.socket.family == AF_INET6 else IPv4Address)("TCP", *name)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """See ITCPTransport."""
        if self.socket.family != AF_UNIX:
            super().setTcpNoDelay(enabled)


class TurnPort(Port):
    """Accepts a bounded number of connections in a turn. Twisted's number grows without bound while clients connect."""

    readers: Readers

    def doRead(self) -> None:
        self.numberAccepts = 1 if self.readers.is_behind else ACCEPTED_AT_ONCE
        super().doRead()


class TurnReactor:
    """A reactor for endpoints whose TCP connections are TurnServers. All else is the given reactor's."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        # Class attributes, so that each connection needs less memory.
        self._readers = Readers(reactor)
        shared = {"pending_writers": PendingWriters(reactor), "readers": self._readers}
        self._server: Any = type("TurnServer", (TurnServer,), shared)
        self._passed: Any = type("PassedServer", (PassedServer,), shared)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = BACKLOG, interface: str = "") -> Port:
        return self._listen(TurnPort(port, factory, max(backlog, BACKLOG), interface, self.reactor))

    def adopt(self, bound: socket, factory: Any) -> Port:
        """Listen on a TCP socket that another process has bound and keeps."""
        return self._listen(TurnPort._fromListeningDescriptor(self.reactor, bound.fileno(), bound.family, factory))

    def take(self, connected: socket, protocol: Any, peer: IAddress) -> TurnServer:
        """A connection that another process accepted, as the transport of ``protocol``; ``peer`` is the client's
        address.
        """
        transport: TurnServer = self._passed(connected, protocol, peer, self.reactor)
        return transport

    def _listen(self, listening: TurnPort) -> TurnPort:
        listening.transport = self._server
        listening.readers = self._readers
        listening.startListening()
        # Accepted connections inherit the option.
        listening.socket.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT)
        return listening
