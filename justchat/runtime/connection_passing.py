"""Passing accepted connections to another process of this machine, with what has been read from them (SCM_RIGHTS).

Each process has an inbox: one end of a pair of sockets, whose other end all processes may write to. Their parent keeps
both ends open, so that what waits for a process that has died is taken by its successor.
"""

import socket
from collections.abc import Callable
from typing import Any

import orjson
from attrs import frozen
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

LARGEST = 160 * 1024
"""Bytes of a message: a request, its body, and what has been read after it."""
TAKEN_AT_ONCE = 16
"""Connections that are taken in one turn of the reactor."""


@frozen
class PassedConnection:
    """What goes with a connection."""

    table: str
    """The port that it came by: its table of the settings."""
    peer: IAddress
    """The client's address."""
    unsent: bytes
    """Bytes that were written to it, but not sent yet."""
    received: bytes
    """Bytes that were read from it, but not processed yet."""


def inbox_pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of an inbox: to read from, and to write to."""
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (reading, writing):
        end.setblocking(False)
    writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LARGEST)
    return reading, writing


def send_connection(outbox: socket.socket, connection: PassedConnection, descriptor: int) -> bool:
    """Pass a connection on; False if it is too large, or if the inbox is full."""
    peer = connection.peer
    address = [peer.host, peer.port] if isinstance(peer, IPv4Address | IPv6Address) else []
    head = orjson.dumps([connection.table, address, len(connection.unsent)])
    message = head + b"\n" + connection.unsent + connection.received
    if len(message) > LARGEST:
        return False
    try:
        socket.send_fds(outbox, [message], [descriptor])
    except OSError:
        return False
    return True


def receive_connection(inbox: socket.socket) -> tuple[PassedConnection, socket.socket] | None:
    """The next connection, or None where none came with the message. Raises BlockingIOError where none waits."""
    message, descriptors, _, _ = socket.recv_fds(inbox, LARGEST, 1, socket.MSG_CMSG_CLOEXEC)
    if not descriptors:  # this process has as many as it may have
        return None
    head, _, rest = message.partition(b"\n")
    table, address, unsent = orjson.loads(head)
    peer: IAddress = UNIXAddress(None)
    if address:
        kind = IPv6Address if ":" in address[0] else IPv4Address
        peer = kind("TCP", *address)
    return PassedConnection(table, peer, rest[:unsent], rest[unsent:]), socket.socket(fileno=descriptors[0])


@implementer(IReadDescriptor)
class Inbox:
    """Calls ``take`` with each connection that is passed to this process."""

    _log = Logger()

    def __init__(
        self, end: socket.socket, take: Callable[[PassedConnection, socket.socket], None], reactor: Any
    ) -> None:
        self._end = end
        self._take = take
        self._reactor = reactor
        self.fileno = end.fileno

    def start(self) -> None:
        """Take connections from now on."""
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Take no more connections."""
        self._reactor.removeReader(self)

    def logPrefix(self) -> str:
        """See ILoggingContext."""
        return "-"

    def doRead(self) -> None:
        """See IReadDescriptor."""
        for _ in range(TAKEN_AT_ONCE):
            try:
                received = receive_connection(self._end)
            except BlockingIOError:
                return
            if received is None:
                continue
            connection, accepted = received
            try:
                self._take(connection, accepted)
            except Exception:
                self._log.failure("a connection that was passed on cannot be taken")
                accepted.close()

    def connectionLost(self, reason: Failure) -> None:
        """See IFileDescriptor: the reactor has stopped."""
