"""A node of the bus: keeps a connection to it, and reports when the node is away and when it is back."""

import errno
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.bus.connection import IS_SERVING, OWN_NAME, RespConnection, failure_text
from justchat.bus.uri import BusUri

FIRST_DELAY = 0.05
"""Seconds between the end of a connection and the next one. It doubles with every failure, up to LAST_DELAY."""
LAST_DELAY = 0.4
ENDS_WITHIN = 0.02
"""Seconds from the end of a worker's first socket to that of its last."""
RESENT = 4 * 1024 * 1024
"""Bytes of unconfirmed packets that are sent anew on the next connection. More of them are dropped."""
CLOSE_TIMEOUT = 1.0
"""Seconds that a stop waits for the node to confirm what was published."""


@frozen
class Peer:
    """What a node is that is another worker.

    It is absent, not away, while nobody listens at its socket: it publishes nothing before the others have subscribed.
    """

    own_name: str
    """What we call ourselves there."""
    is_gone: Callable[[], bool]
    """Whether it is not connected to us either."""
    on_absent: Callable[[], None]
    """Is called when it has become absent."""
    on_silent: Callable[[], None]
    """Is called while it does not answer. The connection stays."""


class Node:
    """One node. It is away until every channel that is followed is confirmed. ``bit`` stands for it in sets of nodes.

    ``channels()`` are the channels to subscribe to on a new connection, ``on_subscribed`` is called with each that is
    confirmed, ``on_received`` with each packet, ``on_lost`` when a greeted connection has ended, with whether packets
    may be lost with it, and ``on_change`` when the node is away or back.

    With ``peer`` the node is another worker.
    """

    _log = Logger()

    def __init__(
        self,
        uri: BusUri,
        reactor: Any,
        ca_file: str | None,
        bit: int = 1,
        *,
        channels: Callable[["Node"], Iterable[bytes]],
        on_subscribed: Callable[["Node", bytes], None],
        on_received: Callable[[bytes, bytes], None],
        on_lost: Callable[["Node", bool], None],
        on_change: Callable[[], None],
        peer: Peer | None = None,
    ) -> None:
        self.address = uri.address
        self._uri = uri
        self._reactor = reactor
        self._endpoint = uri.endpoint(reactor, ca_file)
        self._channels = channels
        self._on_subscribed = on_subscribed
        self.received = on_received
        self._on_lost = on_lost
        self._on_change = on_change
        self._peer = peer
        self._own_name = OWN_NAME if peer is None else peer.own_name
        self.is_absent = False
        self.bit = bit
        self.connection: RespConnection | None = None
        """The connection that is greeted; None if there is none."""
        self.is_away = True
        self._unconfirmed = 0
        self._resend: deque[bytes] = deque()
        self._delay = FIRST_DELAY
        self._is_known_away = False
        self._stopping = False
        self._retry: Any = None
        self._open: RespConnection | None = None
        self._connecting: Deferred[Any] | None = None
        self._tried: Deferred[None] = Deferred()
        self._ended: Deferred[None] = Deferred()

    def start(self) -> "Deferred[None]":
        """Connect. The Deferred fires when the node is there, or has failed once."""
        self._connect()
        return self._tried

    def _connect(self) -> None:
        self._retry = None
        factory = Factory.forProtocol(lambda: RespConnection(self._uri, self, self._reactor.callLater, self._own_name))
        self._connecting = self._endpoint.connect(factory)
        self._connecting.addCallbacks(self._connected, self._failed)

    def _connected(self, connection: RespConnection) -> None:
        self._connecting = None
        self._open = connection
        if self._stopping:
            connection.drop("the daemon stops")

    def _failed(self, failure: Failure) -> None:
        self._connecting = None
        peer = self._peer
        if peer is not None and not self._stopping and _is_nobody_there(failure.value) and peer.is_gone():
            self._miss(peer)
        else:
            self.lost(failure_text(failure))

    def _miss(self, peer: Peer) -> None:
        """Nobody listens."""
        was_away, self.is_away, self._is_known_away = self.is_away, False, False
        self._retry = self._reactor.callLater(LAST_DELAY, self._connect)
        if not self.is_absent:
            self.is_absent = True
            peer.on_absent()
        self._has_tried()
        if was_away:
            self._on_change()

    def try_now(self) -> None:
        """Connect now, where the next try is waited for: somebody listens again."""
        if self._retry is not None:
            self._retry.reset(0)

    def greeted(self, hello: Mapping[Any, Any]) -> None:
        """See ConnectionUser."""
        assert self._open is not None
        was_absent, self.is_absent = self.is_absent, False
        if was_absent and hello.get(IS_SERVING):
            # It has not waited for us.
            self._on_lost(self, False)
            self.is_away = True
            self._on_change()
        self.connection = self._open
        for command in self._resend:
            self.connection.send(command)
        self._resend.clear()
        channels = list(self._channels(self))
        self._unconfirmed = len(channels)
        self.connection.subscribe(channels)
        if not channels:
            self._is_back()

    def subscribed(self, channel: bytes) -> None:
        """See ConnectionUser."""
        self._on_subscribed(self, channel)
        # Those of the greeting come first, and in order.
        if self._unconfirmed:
            self._unconfirmed -= 1
            if not self._unconfirmed:
                self._is_back()

    def silent(self) -> bool:
        """See ConnectionUser. A worker that stands still publishes nothing, and the kernel tells of its end."""
        if self._peer is None:
            return True
        self._peer.on_silent()
        return False

    def _is_back(self) -> None:
        self._delay = FIRST_DELAY
        was_away, self.is_away = self.is_away, False
        if self._is_known_away:
            self._is_known_away = False
            self._log.info("[bus] {address} is back", address=self.address)
        self._has_tried()
        if was_away:
            self._on_change()

    def lost(self, reason: str) -> None:
        """See ConnectionUser."""
        was_greeted, self.connection, self._open = self.connection, None, None
        was_absent, self.is_absent = self.is_absent, False
        are_packets_lost = False
        if was_greeted is not None:
            # The node may have them or not. A packet that comes twice is harmless.
            are_packets_lost = was_greeted.unanswered_bytes > RESENT
            self._resend = deque() if are_packets_lost else was_greeted.unanswered
        if was_greeted is not None or was_absent:
            self._on_lost(self, are_packets_lost)
        if self._stopping:
            if not self._ended.called:
                self._ended.callback(None)
            return
        # A worker that has ended is absent at the next try. Its sockets are closed one after the other.
        may_be_absent = self._peer is not None and was_greeted is not None and not self.is_away
        if not self._is_known_away and not may_be_absent:
            self._is_known_away = True
            self._log.warn(
                "[bus] {address} is away: {reason}. Events of other daemons come later until it is back",
                address=self.address,
                reason=reason,
            )
        delay = ENDS_WITHIN if may_be_absent else self._delay * random.uniform(0.8, 1.2)  # noqa: S311
        self._retry = self._reactor.callLater(delay, self._connect)
        self._delay = min(self._delay * 2, LAST_DELAY)
        self._has_tried()
        if not self.is_away:
            self.is_away = True
            self._on_change()

    def _has_tried(self) -> None:
        if not self._tried.called:
            self._tried.callback(None)

    async def stop(self) -> None:
        """Returns when the connection is closed, and the node has confirmed what was published, or after a second."""
        self._stopping = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
            return
        if self._connecting is not None:
            self._connecting.cancel()
        if self._open is not None:
            self._close_when_answered(self._reactor.seconds() + CLOSE_TIMEOUT)
        if self._open is not None or self._connecting is not None:
            await self._ended

    def _close_when_answered(self, until: float) -> None:
        connection = self._open
        if connection is None:
            return
        if not connection.unanswered or self._reactor.seconds() > until:
            connection.drop("the daemon stops")
        else:
            self._reactor.callLater(0.005, self._close_when_answered, until)


def _is_nobody_there(error: Any) -> bool:
    """Whether a socket cannot be connected to since nobody listens at it."""
    return isinstance(error, ConnectionRefusedError) or (
        isinstance(error, ConnectError) and error.osError == errno.ENOENT
    )
