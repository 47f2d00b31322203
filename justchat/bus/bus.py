"""The driver of the bus: streams over any number of Redis or Valkey nodes.

Each stream belongs to one node, by a hash of both. Nodes do not communicate with each other. A node that is away
affects only its own streams. ``peers`` has the driver of ``--workers``.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger
from zope.interface import implementer

from justchat.bus.node import Node
from justchat.bus.packets import HEADS, KINDS, VERSION, Channels
from justchat.bus.uri import BusUri, owning_node
from justchat.interfaces.bus import CONTROL, IBus, PacketHandler, PacketKind
from justchat.metrics.declarations import BUS_PACKETS
from justchat.model.ids import Id

LINGER = 5.0
"""Seconds that a stream stays subscribed after its last ``unfollow``: most clients that leave come back at once."""
LINGERING = 10_000
"""Streams that linger at most."""
LINGER_EVERY = 1.0
"""Seconds between looks at them."""
UNSUBSCRIBED_AT_ONCE = 1000
"""Streams in one turn of the reactor."""
UNREADABLE_FOR = 30.0
"""Seconds for which the bus counts as away after a packet in another version, which only the log can replace."""


class _Following:
    """A stream that is subscribed, or is to be. Sets of nodes are numbers, with a bit for each (``Node.bit``)."""

    __slots__ = ("confirmed", "count", "epoch", "nodes", "waiting")

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        """Those that carry the stream."""
        self.confirmed = 0
        """Those that have confirmed the subscription on their present connection."""
        self.count = 0
        self.epoch = 0
        """0 until all have confirmed."""
        self.waiting: list[Deferred[bool]] = []

    def resolve(self, confirmed: bool) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.callback(confirmed)


@implementer(IBus)
class Bus:
    """See IBus. ``database`` is the name of the MongoDB database, and ``ca_file`` the authorities of ``rediss://``.

    Raises StartupError if ``ca_file`` cannot be read.
    """

    _log = Logger()

    def __init__(self, uris: Sequence[BusUri], database: str, reactor: Any, ca_file: str | None = None) -> None:
        self._reactor = reactor
        self._channels = Channels(database)
        self._ca_file = ca_file
        self._nodes = [self._make_node(uri, 1 << place) for place, uri in enumerate(uris)]
        self._addresses = [node.address for node in self._nodes]
        self._following: dict[Id, _Following] = {}
        self._lingering: OrderedDict[Id, float] = OrderedDict()
        """By stream that nobody follows any more, the second at which it is unsubscribed; in this order."""
        self._linger_call: Any = None
        self._owes_sweep = False
        """Whether packets that were accepted are lost, and no SWEEP has been published since."""
        self._epochs = count(1)
        self._handlers: dict[PacketKind, list[PacketHandler]] = {}
        self._change_handlers: list[Callable[[], None]] = []
        self._unreadable_call: Any = None
        """Ends the time in which the bus counts as away since packets have another version."""

    def _make_node(self, uri: BusUri, bit: int, **more: Any) -> Node:
        return Node(
            uri,
            self._reactor,
            self._ca_file,
            bit,
            channels=self._channels_of,
            on_subscribed=self._subscribed,
            on_received=self._received,
            on_lost=self._lost,
            on_change=self._changed,
            **more,
        )

    async def start(self) -> None:
        """Follow CONTROL. Returns when each node is there, or has failed once; those that failed are tried again."""
        self.follow(CONTROL)
        await DeferredList([node.start() for node in self._nodes])

    async def stop(self) -> None:
        """Returns when what was published has left, and the connections are closed."""
        if self._linger_call is not None:
            self._linger_call.cancel()
            self._linger_call = None
        if self._unreadable_call is not None:
            self._unreadable_call.cancel()
            self._unreadable_call = None
        await DeferredList([Deferred.fromCoroutine(node.stop()) for node in self._nodes])

    def on_packet(self, kind: PacketKind, handler: PacketHandler) -> None:
        """See IBus."""
        self._handlers.setdefault(kind, []).append(handler)

    def on_change(self, handler: Callable[[], None]) -> None:
        """See IBus."""
        self._change_handlers.append(handler)

    def is_away(self) -> bool:
        """See IBus."""
        return self._unreadable_call is not None or any(node.is_away for node in self._nodes)

    @property
    def unconfirmed(self) -> int:
        """Bytes of packets, of the node that has confirmed the least."""
        return max(node.connection.unanswered_bytes if node.connection else 0 for node in self._nodes)

    @property
    def lag(self) -> float:
        """Seconds that the slowest node took to answer last, or has not answered for."""
        return max(node.connection.lag if node.connection else 0.0 for node in self._nodes)

    def publish(self, stream: Id, kind: PacketKind, body: bytes) -> bool:
        """See IBus."""
        following = self._following.get(stream)
        nodes = self._carriers(stream) if following is None else following.nodes
        connection = self._nodes[nodes.bit_length() - 1].connection
        if connection is None:
            BUS_PACKETS.count("dropped")
            return False
        connection.publish(self._channels.of(stream), HEADS[kind] + body)
        BUS_PACKETS.count("sent")
        return True

    def _carriers(self, stream: Id) -> int:
        """The nodes that carry a stream."""
        return self._nodes[owning_node(stream, self._addresses)].bit

    def _connected(self, nodes: int) -> list[Node]:
        """Those of these nodes that can be sent to."""
        return [node for node in self._nodes if node.bit & nodes and node.connection is not None]

    def follow(self, stream: Id) -> "Deferred[bool]":
        """See IBus."""
        following = self._following.get(stream)
        if following is None:
            following = self._following[stream] = _Following(self._carriers(stream))
            for node in self._connected(following.nodes):
                assert node.connection is not None
                node.connection.subscribe([self._channels.of(stream)])
            self._settle(following)
        elif not following.count:
            self._lingering.pop(stream, None)
        following.count += 1
        if following.epoch or self._is_out_of_reach(following):
            return succeed(following.epoch != 0)
        confirmed: Deferred[bool] = Deferred()
        following.waiting.append(confirmed)
        return confirmed

    def _is_out_of_reach(self, following: _Following) -> bool:
        return any(
            not node.is_absent if node.connection is None else node.connection.is_silent
            for node in self._nodes
            if node.bit & following.nodes & ~following.confirmed
        )

    def _settle(self, following: _Following) -> None:
        """Confirm a subscription once all nodes that are there have confirmed it."""
        missing = following.nodes & ~following.confirmed
        if not following.epoch and all(node.is_absent for node in self._nodes if node.bit & missing):
            following.epoch = next(self._epochs)
            following.resolve(True)

    def unfollow(self, stream: Id) -> None:
        """See IBus."""
        following = self._following[stream]
        following.count -= 1
        if following.count:
            return
        if not self._connected(following.nodes):
            del self._following[stream]
            return
        self._lingering[stream] = self._reactor.seconds() + LINGER
        if len(self._lingering) > LINGERING:
            self._unsubscribe([next(iter(self._lingering))])
        if self._linger_call is None:
            self._linger_call = self._reactor.callLater(LINGER_EVERY, self._end_lingering)

    def _end_lingering(self) -> None:
        self._linger_call = None
        now = self._reactor.seconds()
        expired = [stream for stream, until in self._lingering.items() if until <= now]
        self._unsubscribe(expired[:UNSUBSCRIBED_AT_ONCE])
        if self._lingering:
            delay = LINGER_EVERY if len(expired) <= UNSUBSCRIBED_AT_ONCE else 0
            self._linger_call = self._reactor.callLater(delay, self._end_lingering)

    def _unsubscribe(self, streams: list[Id]) -> None:
        """Unsubscribe from lingering streams, if they are confirmed.

        A confirmation that came after this could be taken for that of a later subscription.
        """
        channels: dict[Node, list[bytes]] = {}
        for stream in streams:
            following = self._following[stream]
            nodes = self._connected(following.nodes)
            if all(node.bit & following.confirmed for node in nodes):
                for node in nodes:
                    channels.setdefault(node, []).append(self._channels.of(stream))
                del self._following[stream], self._lingering[stream]
        for node, those in channels.items():
            assert node.connection is not None
            node.connection.unsubscribe(those)

    def followed(self) -> list[Id]:
        """See IBus."""
        return [stream for stream in self._following if stream != CONTROL]

    def is_followed(self, stream: Id) -> bool:
        """See IBus."""
        return stream in self._following

    def epoch(self, stream: Id) -> int:
        """See IBus."""
        following = self._following.get(stream)
        return 0 if following is None else following.epoch

    def _channels_of(self, node: Node) -> Iterator[bytes]:
        return (
            self._channels.of(stream) for stream, following in self._following.items() if following.nodes & node.bit
        )

    def _subscribed(self, node: Node, channel: bytes) -> None:
        stream = self._channels.stream_of(channel)
        following = None if stream is None else self._following.get(stream)
        if following is not None:
            following.confirmed |= node.bit
            self._settle(following)

    def _received(self, channel: bytes, payload: bytes) -> None:
        stream = self._channels.stream_of(channel)
        kind = KINDS.get(payload[:2])
        if stream is None or kind is None:
            BUS_PACKETS.count("ignored")
            if stream is not None and payload[:1] != bytes((VERSION,)):
                self._miss(stream)
            return
        BUS_PACKETS.count("received")
        for handler in self._handlers.get(kind, ()):
            try:
                handler(stream, payload[2:])
            except Exception:
                self._log.failure("a packet of kind {kind} failed", kind=kind.name)

    def _miss(self, stream: Id) -> None:
        """A packet in the version of another release is as good as lost.

        Its stream has a new epoch, and the bus counts as away: daemons of both releases look at the log until one of
        them is gone. A kind of a packet that is not known is no loss, as a release that needs it has a new version.
        """
        following = self._following.get(stream)
        if following is not None and following.epoch:
            following.epoch = next(self._epochs)
        if self._unreadable_call is not None:
            self._unreadable_call.reset(UNREADABLE_FOR)
            return
        self._log.warn("[bus] packets of another release are not readable. Events of other daemons come later")
        self._unreadable_call = self._reactor.callLater(UNREADABLE_FOR, self._is_readable)
        self._changed()

    def _is_readable(self) -> None:
        self._unreadable_call = None
        self._log.info("[bus] all packets are readable")
        self._changed()

    def _lost(self, node: Node, are_packets_lost: bool) -> None:
        """Nothing of this node is subscribed any more."""
        self._owes_sweep = self._owes_sweep or are_packets_lost
        for stream in list(self._lingering):
            if not self._connected(self._following[stream].nodes):
                del self._following[stream], self._lingering[stream]
        affected = [following for following in self._following.values() if following.nodes & node.bit]
        for following in affected:
            following.confirmed &= ~node.bit
            following.epoch = 0
        for following in affected:
            following.resolve(False)

    def _changed(self) -> None:
        if self._owes_sweep and self.publish(CONTROL, PacketKind.SWEEP, b""):
            self._owes_sweep = False
        for handler in self._change_handlers:
            try:
                handler()
            except Exception:
                self._log.failure("hearing of a change of the bus failed")
