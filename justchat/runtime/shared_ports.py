"""Listening sockets that several processes share: a parent binds them and keeps them open, its workers adopt them.

A TCP endpoint has one socket for each worker, in one SO_REUSEPORT group. The kernel spreads connections evenly among
them. Connections to a worker that has died wait for its successor, since the parent keeps the socket open. Of a Unix
socket, and of one that systemd bound, there is only one: all workers accept from it.

Both sides use Twisted's endpoints, each with a reactor that listens in its own way.
"""

import re
import socket
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.tcp import Port
from twisted.internet.unix import Port as UnixPort
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from justchat.runtime.endpoints import bind, server_of
from justchat.runtime.tcp import BACKLOG, TurnReactor

_SYSTEMD = re.compile(r"(haproxy:)?systemd:.*")


@frozen
class SharedPort:
    """A bound endpoint, in the parent. ``sockets`` has one for each worker, or one for all of them."""

    sockets: Sequence[socket.socket]
    owner: Any = None
    """Twisted's port, of a socket that has a file or comes from systemd."""

    def socket_of(self, worker: int) -> socket.socket:
        """The socket that the worker with this number adopts."""
        return self.sockets[worker % len(self.sockets)]

    def getHost(self) -> Any:
        """See IListeningPort."""
        if self.owner is not None:
            return self.owner.getHost()
        address, *_ = self.sockets
        kind = IPv6Address if address.family == socket.AF_INET6 else IPv4Address
        return kind("TCP", *address.getsockname())

    def startReading(self) -> None:
        """The parent accepts nothing."""

    stopReading = startReading

    def stopListening(self) -> Any:
        """Close the parent's descriptors; may return a Deferred. Workers that have adopted them go on."""
        if self.owner is not None:
            self.owner._shouldShutdown = False
            return self.owner.stopListening()
        for each in self.sockets:
            each.close()
        return None


class SharingReactor:
    """A reactor for endpoints of the parent: it binds SharedPorts for so many workers."""

    def __init__(self, reactor: Any, workers: int) -> None:
        self._reactor = reactor
        self._workers = workers

    def listenTCP(self, port: int, factory: object, backlog: int = BACKLOG, interface: str = "") -> SharedPort:
        """See IReactorTCP."""
        sockets: list[socket.socket] = []
        try:
            for _ in range(self._workers):
                sockets.append(_listening(interface, port, sockets))
        except OSError as error:
            for each in sockets:
                each.close()
            raise CannotListenError(interface, port, error) from error
        return SharedPort(sockets)

    def listenSSL(
        self, port: int, factory: object, contextFactory: object, backlog: int = BACKLOG, interface: str = ""
    ) -> SharedPort:
        """See IReactorSSL. The workers speak TLS."""
        return self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0) -> Any:
        """See IReactorUNIX."""
        return _parked(self._reactor.listenUNIX(address, factory, max(backlog, BACKLOG), mode, wantPID))

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See IReactorSocket."""
        return _parked(self._reactor.adoptStreamPort(fileDescriptor, addressFamily, factory))


def _parked(port: Any) -> SharedPort:
    port.stopReading()
    return SharedPort([port.socket], port)


def _listening(interface: str, port: int, others: Sequence[socket.socket]) -> socket.socket:
    """A listening socket on the port of ``others``, or the first one. Raises OSError."""
    bound = socket.socket(socket.AF_INET6 if isIPv6Address(interface) else socket.AF_INET)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if others:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(others[0].getsockname())
        else:
            if bound.family == socket.AF_INET6:
                bound.bind(socket.getaddrinfo(interface, port, socket.AF_INET6, socket.SOCK_STREAM)[0][4])
            else:
                bound.bind((interface, port))
            # Only now, so that the first socket does not join the group of another daemon on the same port.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


class AdoptingReactor:
    """A reactor for one endpoint of a worker: it listens on a socket that the parent has bound."""

    def __init__(self, reactor: TurnReactor, adopted: socket.socket) -> None:
        self._reactor = reactor
        self._adopted = adopted

    def listenTCP(self, port: int, factory: Any, backlog: int = BACKLOG, interface: str = "") -> Port:
        """See IReactorTCP."""
        return self._reactor.adopt(self._adopted, factory)

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = BACKLOG, interface: str = ""
    ) -> Port:
        """See IReactorSSL."""
        tls = TLSMemoryBIOFactory(contextFactory, False, factory)
        listening: Port = Port._fromListeningDescriptor(
            self._reactor.reactor, self._adopted.fileno(), self._adopted.family, tls
        )
        listening.startListening()
        return listening

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> UnixPort:
        """See IReactorUNIX."""
        listening: UnixPort = _AdoptedUnixPort._fromListeningDescriptor(
            self._reactor.reactor, self._adopted.fileno(), factory
        )
        listening.startListening()
        return listening


class _AdoptedUnixPort(UnixPort):
    """A Unix socket whose file is the parent's: it neither changes nor removes that."""

    def startListening(self) -> None:
        """See IListeningPort."""
        adopted, self._preexistingSocket = self._preexistingSocket, None
        assert adopted is not None and self.factory is not None
        self._shouldShutdown = False
        self.factory.doStart()
        self.connected = True
        self.socket = adopted
        self.fileno = adopted.fileno  # type: ignore[method-assign]
        self.numberAccepts = 100
        self.startReading()

    def connectionLost(self, reason: Failure) -> None:
        """See IFileDescriptor."""
        Port.connectionLost(self, reason)


def adopt(table: str, endpoint: str, reactor: Any, adopted: socket.socket, factory: Any) -> Any:
    """Listen on a socket that the parent has bound for this endpoint; returns the port (IListeningPort).

    ``reactor`` is an AdoptingReactor, or wraps one.
    """
    if _SYSTEMD.fullmatch(endpoint):  # systemd's variables are for the parent
        kind = "unix:adopted" if adopted.family == socket.AF_UNIX else "tcp:0"
        endpoint = ("haproxy:" if endpoint.startswith("haproxy:") else "") + kind
    return bind(table, endpoint, server_of(table, endpoint, reactor), factory)
