"""The driver of the bus among the workers of one machine: each publishes at its own server, and follows at all others.

So a packet goes straight to those who follow its stream, and one that nobody follows goes nowhere. A worker that ends
takes nothing of the others with it. The next one with its number publishes nothing until they have subscribed to it.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater

from justchat.bus.bus import Bus
from justchat.bus.node import Node, Peer
from justchat.bus.packets import HEADS
from justchat.bus.server import BusClient, BusServer
from justchat.bus.uri import BusUri
from justchat.errors import StartupError
from justchat.interfaces.bus import CONTROL, PacketKind
from justchat.metrics.declarations import BUS_PACKETS
from justchat.model.ids import Id

JOINED_WITHIN = 2.0
"""Seconds that a worker waits at its start until all others that answer have subscribed to it."""
LOOKED_EVERY = 0.01
"""Seconds between looks whether they have."""


class PeerBus(Bus):
    """See IBus. ``uris`` are the Unix sockets of all workers, in the order of their numbers."""

    def __init__(self, uris: Sequence[BusUri], database: str, reactor: Any) -> None:
        super().__init__((), database, reactor)
        self._uris = uris
        self._all = (1 << len(uris) - 1) - 1
        self._peers: dict[bytes, Node] = {}
        """By the name that a worker gives itself."""
        self._server = BusServer(reactor, self)
        self._control = self._channels.of(CONTROL)
        self._is_serving = False
        self._is_stopped = False
        self._own: list[tuple[bytes, bytes]] = []
        """Channels and payloads of packets that were published in this turn, and that this worker hears, too."""
        self._flush_call: Any = None

    def join_as(self, number: int) -> None:
        """Be the worker with this number, from 1. Is called once, before ``start``."""
        self._socket = Path(self._uris[number - 1].path or "")
        for other, uri in enumerate(self._uris, 1):
            if other != number:
                name, bit = _name(other).encode(), 1 << len(self._nodes)
                peer = Peer(
                    own_name=_name(number),
                    is_gone=partial(self._is_gone, name),
                    on_absent=self._settle_all,
                    on_silent=partial(self._give_up, bit),
                )
                self._peers[name] = self._make_node(uri, bit, peer=peer)
                self._nodes.append(self._peers[name])

    async def start(self) -> None:
        """Returns when the other workers that are there are joined. Raises StartupError."""
        try:
            self._server.listen(self._socket)
        except CannotListenError as error:
            raise StartupError(f"--data-dir: {self._socket}: {error.socketError}") from error
        await super().start()
        until = self._reactor.seconds() + JOINED_WITHIN
        while not self._is_joined() and self._reactor.seconds() < until:
            await deferLater(self._reactor, LOOKED_EVERY, lambda: None)
        self._is_serving = True
        # Those who come too late were told that we do not serve. They connect anew, and are told that we do.
        for client in [each for each in self._server.clients if each.name in self._peers]:
            if not self._is_following(client):
                client.end()

    def _is_joined(self) -> bool:
        joined = {client.name for client in self._server.clients if self._is_following(client)}
        return all(name in joined for name, node in self._peers.items() if node.connection is not None)

    def _is_following(self, client: BusClient) -> bool:
        """Whether it has subscribed to all that it follows. CONTROL is the last of it."""
        return self._control in client.channels

    def _is_gone(self, name: bytes) -> bool:
        return all(client.name != name for client in self._server.clients)

    async def stop(self) -> None:
        """See Bus."""
        self._flush()
        self._is_stopped = True
        await super().stop()
        await self._server.stop()

    @property
    def unconfirmed(self) -> int:
        """Bytes of packets, of the worker that has read the least."""
        return self._server.unread

    def publish(self, stream: Id, kind: PacketKind, body: bytes) -> bool:
        """See IBus. A worker that cannot be sent to connects anew, and reads the log."""
        if self._is_stopped:
            BUS_PACKETS.count("dropped")
            return False
        channel = self._channels.of(stream)
        is_own = kind is not PacketKind.ENTRY and stream in self._following
        if is_own or self._server.is_heard(channel):
            payload = HEADS[kind] + body
            self._server.publish(channel, payload)
            if is_own:
                self._own.append((channel, payload))
            if self._flush_call is None:
                self._flush_call = self._reactor.callLater(0, self._flush)
        BUS_PACKETS.count("sent")
        return True

    def _flush(self) -> None:
        if self._flush_call is not None and self._flush_call.active():
            self._flush_call.cancel()
        self._flush_call = None
        self._server.flush()
        own, self._own = self._own, []
        for channel, payload in own:
            self._received(channel, payload)

    def _carriers(self, stream: Id) -> int:
        return self._all

    def _channels_of(self, node: Node) -> Iterator[bytes]:
        others = (self._channels.of(stream) for stream in self._following if stream != CONTROL)
        return chain(others, [self._control])

    def _settle_all(self) -> None:
        """A worker is absent. What it published before it ended is read from the log, as epochs are new."""
        for following in list(self._following.values()):
            self._settle(following)

    def _give_up(self, bit: int) -> None:
        """Wait no longer for a worker that does not answer to confirm what is new."""
        for following in [each for each in self._following.values() if each.waiting and bit & ~each.confirmed]:
            following.resolve(False)

    def is_serving(self) -> bool:
        """See ServerUser."""
        return self._is_serving

    def called(self, name: bytes) -> None:
        """See ServerUser. Whoever has connected to us listens."""
        if name in self._peers:
            self._peers[name].try_now()

    def received(self, channel: bytes, payload: bytes) -> None:
        """See ServerUser: a command of an operator has published it."""
        stream = self._channels.stream_of(channel)
        if stream is not None and self.is_followed(stream):
            self._received(channel, payload)


def _name(number: int) -> str:
    return f"worker-{number}"
