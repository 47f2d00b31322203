"""Broadcast: the queue of events on their way to connections, and the loop that sends them.

Events that one stream has for the same connections are joined while they wait, so what waits is bounded by the number
of streams and not by that of the events.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, succeed

from justchat.hub.registry import Registry
from justchat.interfaces.realtime import IConnection
from justchat.metrics.declarations import DELIVERIES
from justchat.model.ids import Id
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent

CONNECTIONS_AT_ONCE = 64
"""Connections that are sent to between two looks at the clock."""
SEND_SLICE = 0.001
"""Seconds of sending before the reactor serves other events. It is short, so that requests come first while there are
more events than can be sent. What waits for a connection is joined, so falling behind makes sending cheaper.
"""


@define(eq=False)
class _Delivery:
    """A batch of one stream, its connections, and the number of those that it has been sent to."""

    stream: Id | None
    connections: list[IConnection]
    batch: EncodedBatch
    number: int
    served: int = 0


class Broadcast:
    """Sends each event once to each of its connections, in the order of its stream."""

    def __init__(self, registry: Registry, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting: deque[_Delivery] = deque()
        self._last: dict[Id | None, _Delivery] = {}
        """By stream, the last waiting delivery, to which events may still be added."""
        self._made = 0
        self._is_held = False
        self.before_sending: Callable[[], None] = lambda: None
        """Is called before anything is sent, and may ``hold`` it."""
        self._unbound: dict[IConnection, int] = {}
        """Connections that were unbound, with the number of the last delivery that they no longer receive."""
        self._waiters: deque[tuple[int, Deferred[None]]] = deque()
        """Who waits until the delivery with a number has left."""
        registry.subscribe_unbind(self._unbind)

    @property
    def waiting(self) -> int:
        """How many deliveries wait."""
        return len(self._waiting)

    def send(
        self, connections: list[IConnection], make: Callable[[], EncodedEvent], *, after_all: bool = False
    ) -> None:
        """Send an event to these connections. The list must not change any more.

        ``make`` is called once, and only if there are connections. The event is sent when the reactor turn ends, or
        when earlier deliveries are done. ``after_all``: it comes after all that was sent before, of other streams too.
        """
        if not connections:
            return
        event = make()
        last = self._last.get(event.stream)
        if last is not None and not after_all and (last.connections is connections or last.connections == connections):
            last.batch.events.append(event)
            return
        self._made += 1
        delivery = _Delivery(event.stream, connections, EncodedBatch(event), self._made)
        if event.stream is not None:
            self._last[event.stream] = delivery
        if not self._waiting and not self._is_held:
            self._reactor.callLater(0, self._deliver)
        self._waiting.append(delivery)

    def hold(self) -> None:
        """Send nothing until ``release``."""
        self._is_held = True

    def release(self) -> None:
        """Send what was held."""
        self._is_held = False
        if self._waiting or self._waiters:
            self._reactor.callLater(0, self._deliver)

    def caught_up(self) -> "Deferred[None]":
        """Wait until all has left that was sent before: what goes to a connection directly would overtake it."""
        self.before_sending()
        if not self._waiting and not self._is_held:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiters.append((self._made, waiter))
        return waiter

    def _unbind(self, connection: IConnection) -> None:
        if self._waiting:
            self._unbound[connection] = self._made
            self._last.clear()  # if it is bound again, it receives what is sent after that

    def _deliver(self) -> None:
        self.before_sending()
        if self._is_held:
            return
        until = self._reactor.seconds() + SEND_SLICE
        while self._waiting:
            delivery = self._waiting[0]
            if self._last.get(delivery.stream) is delivery:
                del self._last[delivery.stream]  # some connections have been sent it, so no event may be added
            if not self._serve(delivery, CONNECTIONS_AT_ONCE):
                self._waiting.popleft()
            if self._reactor.seconds() >= until:
                break
        if self._waiting:
            self._reactor.callLater(0, self._deliver)
        else:
            self._unbound.clear()
        if self._waiters:
            self._end_waits()

    def _end_waits(self) -> None:
        left = self._waiting[0].number if self._waiting else self._made + 1
        while self._waiters and self._waiters[0][0] < left:
            self._waiters.popleft()[1].callback(None)

    def _serve(self, delivery: _Delivery, most: int) -> bool:
        """Send a delivery to at most ``most`` connections that have not been sent it; return whether more are left."""
        start, unbound = delivery.served, self._unbound
        connections = delivery.connections[start : start + most]
        delivery.served += most
        if unbound:
            connections = [connection for connection in connections if unbound.get(connection, 0) < delivery.number]
        send_batch(delivery.batch, connections)
        DELIVERIES.count(by=len(connections) * len(delivery.batch.events))
        return delivery.served < len(delivery.connections)


def send_batch(batch: EncodedBatch, connections: Iterable[IConnection]) -> None:
    """Send a batch to each connection, past its buffer if possible.

    The kernel's ``send`` is called in this loop, since a call of a Python function costs a third of a send.
    """
    frames = batch.websocket
    length = len(frames)
    for connection in connections:
        wire = connection.wire
        if wire is None or (send := wire.send_now) is None:
            connection.send_batch(batch)
            continue
        try:
            sent = send(frames)
        except OSError:
            sent = 0  # write() meets the same error and handles it
        if sent != length:
            wire.write(frames[sent:])
