"""Passes the connection of a request on to another worker, which reads the request again and answers it.

The request is complete, and is written again from its parts. What the client sends later goes to the other worker. A
connection under TLS cannot be passed on, since its keys are in this process: the other worker gets one end of a pair of
sockets instead, and this one copies bytes between the other end and the client.
"""

import socket
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

from justchat.runtime.connection_passing import PassedConnection, send_connection
from justchat.runtime.tcp import TurnReactor

_REWRITTEN = frozenset({b"transfer-encoding", b"content-length", b"expect"})


class Passing:
    """``outboxes`` are those of all workers, by their numbers."""

    def __init__(self, outboxes: Mapping[int, socket.socket], reactor: TurnReactor) -> None:
        self._outboxes = outboxes
        self._reactor = reactor

    def pass_on(self, request: Any, worker: int, failed: Callable[[Any], None]) -> None:
        """Pass on the connection of a request that is complete. Calls ``failed`` with the request if that cannot be."""
        # Not here, within the channel's reading.
        self._reactor.callLater(0, self._pass_on, request, worker, failed)

    def _pass_on(self, request: Any, worker: int, failed: Callable[[Any], None]) -> None:
        channel = request.channel
        if channel is None or channel.is_ended:
            return  # the connection is lost
        transport = channel.transport
        layers = list(_layers(transport))
        is_tls = any(ISSLTransport.providedBy(layer) for layer in layers)
        passed = PassedConnection(
            table=channel.site.table,
            peer=transport.getPeer(),
            unsent=b"" if is_tls else _unsent(layers[-1]),
            received=request_bytes(request) + channel.unread(),
        )
        outbox = self._outboxes[worker]
        if is_tls:
            done = self._relay(channel, passed, outbox)
        else:
            done = send_connection(outbox, passed, layers[-1].fileno())
            if done:
                _forget(channel, layers[-1])
        if not done:
            failed(request)

    def _relay(self, channel: Any, passed: PassedConnection, outbox: socket.socket) -> bool:
        ours, theirs = socket.socketpair()
        with theirs:
            if not send_connection(outbox, passed, theirs.fileno()):
                ours.close()
                return False
        transport = channel.transport
        transport.unregisterProducer()
        front, back = _Copier(), _Copier()
        set_protocol(transport, front)
        channel.connectionLost(Failure(ConnectionDone()))
        front.makeConnection(transport)
        back.makeConnection(self._reactor.take(ours, back, transport.getPeer()))
        front.copy_to(back)
        back.copy_to(front)
        transport.resumeProducing()
        return True


def take_connection(
    passed: PassedConnection, accepted: socket.socket, factories: Mapping[str, IProtocolFactory], reactor: TurnReactor
) -> None:
    """Serve a connection that another worker has passed on; ``factories`` are by table of the settings."""
    protocol: Any = factories[passed.table].buildProtocol(passed.peer)
    transport = reactor.take(accepted, protocol, passed.peer)
    protocol.makeConnection(transport)
    transport.write(passed.unsent)
    protocol.dataReceived(passed.received)


class _Copier(Protocol):
    """One side of a relay: what it receives is written to the other side, and it ends with that."""

    transport: Any
    _other: "_Copier | None" = None

    def copy_to(self, other: "_Copier") -> None:
        self._other = other
        other.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        """See Protocol."""
        if self._other is not None:
            self._other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See Protocol."""
        other, self._other = self._other, None
        if other is not None:
            other.transport.unregisterProducer()
            other.transport.loseConnection()


def request_bytes(request: Any) -> bytes:
    """A complete request as it could have been sent, its body without a transfer coding."""
    request.content.seek(0)
    body = request.content.read()
    lines = [b"%s %s %s" % (request.method, request.uri, request.clientproto)]
    for name, values in request.requestHeaders.getAllRawHeaders():
        if name.lower() not in _REWRITTEN:
            lines += [b"%s: %s" % (name, value) for value in values]
    if body or request.method == b"POST":
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def set_protocol(transport: Any, protocol: Protocol) -> None:
    """Give a connection another protocol."""
    if hasattr(transport, "wrappedProtocol"):  # TLS, or the PROXY protocol
        transport.wrappedProtocol = protocol
    else:
        transport.protocol = protocol


def _layers(transport: Any) -> Any:
    """A transport and those that it wraps, down to the socket."""
    yield transport
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
        yield transport


def _unsent(transport: Any) -> bytes:
    """What was written to a connection, but not sent."""
    return b"".join([bytes(transport.dataBuffer)[transport.offset :], *transport._tempDataBuffer])


def _forget(channel: Any, transport: Any) -> None:
    """Close our descriptor of a connection that another process has, and nothing more."""
    channel.transport.unregisterProducer()
    transport._shouldShutdown = False
    transport.connectionLost(Failure(ConnectionDone()))
