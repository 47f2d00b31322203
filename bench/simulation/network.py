"""Nodes of a bus and the buses of many daemons, in one process. Packets are counted on their way."""

from collections.abc import Callable, Iterable, Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from justchat.bus.uri import owning_node
from justchat.interfaces.bus import IBus, PacketHandler, PacketKind
from justchat.model.ids import Id


class Network:
    """The nodes, by address. Each has the streams that its hash gives it, and none of the others'."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = addresses
        self.subscriptions = [0] * len(addresses)
        """By node, pairs of a stream and a daemon."""
        self.published = [0] * len(addresses)
        self.handed_out = [0] * len(addresses)
        self.away: set[int] = set()
        self.epoch = 1
        self.on_change: list[Callable[[], None]] = []
        self._owners: dict[Id, int] = {}
        self._subscribers: dict[Id, list[FakeBus]] = {}

    def owner(self, stream: Id) -> int:
        """The node that owns a stream."""
        owner = self._owners.get(stream)
        if owner is None:
            owner = self._owners[stream] = owning_node(stream, self.addresses)
        return owner

    def bus(self) -> "FakeBus":
        """The bus of one more daemon."""
        return FakeBus(self)

    def subscribe(self, bus: "FakeBus", stream: Id) -> bool:
        """A daemon follows a stream. Returns whether the node has confirmed it."""
        self._subscribers.setdefault(stream, []).append(bus)
        owner = self.owner(stream)
        self.subscriptions[owner] += 1
        return owner not in self.away

    def unsubscribe(self, bus: "FakeBus", stream: Id) -> None:
        """A daemon does not follow a stream any more."""
        self._subscribers[stream].remove(bus)
        self.subscriptions[self.owner(stream)] -= 1

    def publish(self, stream: Id, kind: PacketKind, body: bytes) -> bool:
        """Hand a packet out to every daemon that follows the stream."""
        owner = self.owner(stream)
        if owner in self.away:
            return False
        subscribers = self._subscribers.get(stream, ())
        self.published[owner] += 1
        self.handed_out[owner] += len(subscribers)
        for bus in subscribers:
            bus.receive(stream, kind, body)
        return True

    def leave(self, node: int) -> None:
        """A node is away, and its subscriptions are lost."""
        self.away.add(node)
        self._changed()

    def come_back(self, node: int) -> int:
        """A node is back, and every daemon subscribes again. Returns to how many streams, over all daemons."""
        self.away.discard(node)
        self.epoch += 1
        self._changed()
        return self.subscriptions[node]

    def _changed(self) -> None:
        for handler in self.on_change:
            handler()


@implementer(IBus)
class FakeBus:
    """See IBus. ``received`` counts packets, ``subscribed`` the subscriptions that follows led to."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._counts: dict[Id, int] = {}
        self._handlers: dict[PacketKind, list[PacketHandler]] = {}
        self.received = 0
        self.subscribed = 0

    def on_packet(self, kind: PacketKind, handler: PacketHandler) -> None:
        self._handlers.setdefault(kind, []).append(handler)

    def publish(self, stream: Id, kind: PacketKind, body: bytes) -> bool:
        return self._network.publish(stream, kind, body)

    def receive(self, stream: Id, kind: PacketKind, body: bytes) -> None:
        """A packet arrives."""
        self.received += 1
        for handler in self._handlers.get(kind, ()):
            handler(stream, body)

    def follow(self, stream: Id) -> "Deferred[bool]":
        count = self._counts.get(stream, 0)
        self._counts[stream] = count + 1
        if count:
            return succeed(bool(self.epoch(stream)))
        self.subscribed += 1
        return succeed(self._network.subscribe(self, stream))

    def unfollow(self, stream: Id) -> None:
        self._counts[stream] -= 1
        if not self._counts[stream]:
            del self._counts[stream]
            self._network.unsubscribe(self, stream)

    def followed(self) -> Iterable[Id]:
        """The streams that are followed."""
        return list(self._counts)

    def is_followed(self, stream: Id) -> bool:
        """Whether a stream is among those."""
        return stream in self._counts

    def epoch(self, stream: Id) -> int:
        away = stream not in self._counts or self._network.owner(stream) in self._network.away
        return 0 if away else self._network.epoch

    def on_change(self, handler: Callable[[], None]) -> None:
        self._network.on_change.append(handler)

    def is_away(self) -> bool:
        return bool(self._network.away)
