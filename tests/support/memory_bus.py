"""A bus within one process, for daemons' parts that a test joins. It can go away, stop confirming, and lose packets."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from justchat.interfaces.bus import CONTROL, IBus, PacketHandler, PacketKind
from justchat.model.ids import Id


class MemoryNode:
    """What joins the buses: all of them are here or away."""

    def __init__(self) -> None:
        self.buses: list[MemoryBus] = []

    def bus(self) -> "MemoryBus":
        """A new bus, as a daemon has one."""
        bus = MemoryBus(self)
        self.buses.append(bus)
        return bus

    def leave(self) -> None:
        """The node goes away."""
        for bus in self.buses:
            bus.leave()

    def come_back(self) -> None:
        """The node is back."""
        for bus in self.buses:
            bus.come_back()


@implementer(IBus)
class MemoryBus:
    """See IBus."""

    def __init__(self, node: MemoryNode) -> None:
        self._node = node
        self._away = False
        self._counts: Counter[Id] = Counter({CONTROL: 1})
        self._numbers = count(1)
        self._epochs: dict[Id, int] = {}
        self._waiting: dict[Id, list[Deferred[bool]]] = {}
        self._handlers: dict[PacketKind, list[PacketHandler]] = {}
        self._on_change: list[Callable[[], None]] = []
        self.published: list[tuple[Id, PacketKind, bytes]] = []
        """Every packet that left here."""
        self.loses: Callable[[Id, PacketKind], bool] = lambda stream, kind: False
        """Whether a packet to this bus is lost on the way."""
        self.is_slow = False
        """Nothing is confirmed until ``confirm``."""
        self._confirm(CONTROL)

    def on_packet(self, kind: PacketKind, handler: PacketHandler) -> None:
        self._handlers.setdefault(kind, []).append(handler)

    def publish(self, stream: Id, kind: PacketKind, body: bytes) -> bool:
        if self._away:
            return False
        self.published.append((stream, kind, body))
        for bus in self._node.buses:
            reactor.callLater(0, bus.receive, stream, kind, body)
        return True

    def receive(self, stream: Id, kind: PacketKind, body: bytes) -> None:
        """A packet arrives, if it is not lost."""
        if self.epoch(stream) and not self.loses(stream, kind):
            for handler in self._handlers.get(kind, ()):
                handler(stream, body)

    def follow(self, stream: Id) -> "Deferred[bool]":
        self._counts[stream] += 1
        if self._away or self.epoch(stream):
            return succeed(not self._away)
        waiter: Deferred[bool] = Deferred()
        self._waiting.setdefault(stream, []).append(waiter)
        if not self.is_slow:
            reactor.callLater(0, self._confirm, stream)
        return waiter

    def confirm(self) -> None:
        """Confirm what waits for it."""
        self.is_slow = False
        for stream in tuple(self._waiting):
            self._confirm(stream)

    def _confirm(self, stream: Id) -> None:
        if self._away or not self._counts[stream]:
            return
        if stream not in self._epochs:
            self._epochs[stream] = next(self._numbers)
        for waiter in self._waiting.pop(stream, ()):
            waiter.callback(True)

    def unfollow(self, stream: Id) -> None:
        self._counts[stream] -= 1
        assert self._counts[stream] >= 0, "unfollowed more often than followed"
        if not self._counts[stream]:
            del self._counts[stream]
            self._epochs.pop(stream, None)

    def followed(self) -> Iterable[Id]:
        return [stream for stream in self._counts if stream != CONTROL]

    def is_followed(self, stream: Id) -> bool:
        return stream in self._counts

    def epoch(self, stream: Id) -> int:
        return self._epochs.get(stream, 0)

    def leave(self) -> None:
        """This daemon loses the node."""
        self._away = True
        self._epochs.clear()
        waiting, self._waiting = self._waiting, {}
        for waiters in waiting.values():
            for waiter in waiters:
                waiter.callback(False)
        self._changed()

    def come_back(self) -> None:
        """This daemon has the node again, which confirms what is followed."""
        self._away = False
        for stream in tuple(self._counts):
            self._confirm(stream)
        self._changed()

    def _changed(self) -> None:
        for handler in self._on_change:
            handler()

    def on_change(self, handler: Callable[[], None]) -> None:
        self._on_change.append(handler)

    def is_away(self) -> bool:
        return self._away
