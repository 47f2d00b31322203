"""Tests of the bus: what carries it, and daemons on it."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from justchat.bus.bus import Bus
from justchat.bus.server import BusServer
from justchat.bus.uri import BusUri, parse_uris
from justchat.interfaces.bus import PacketKind
from justchat.model.ids import Id, new_id
from tests.support.certificates import Authority
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually, in_time


class Carrier:
    """What a bus goes over: its URIs, and how it is killed and comes back."""

    ca_file: str | None = None

    def __init__(self) -> None:
        self.uris: list[str] = []

    async def kill(self) -> None:
        raise NotImplementedError

    async def restart(self) -> None:
        raise NotImplementedError

    async def end(self) -> None:
        await self.kill()


class RedisCarrier(Carrier):
    """Redis: over TCP with a password, over a Unix socket, over TLS, or several of them."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        certificate = None
        if kind == "tls":
            authority = Authority(Path(mkdtemp(prefix="jc-")))
            certificate, self.ca_file = authority.issue("redis"), str(authority.certificate)
        self.servers = [
            RedisServer(password="p/a:s@s%", certificate=certificate) for _ in range(3 if kind == "nodes" else 1)
        ]
        self.uris = [server.socket_uri() if kind == "socket" else server.uri() for server in self.servers]

    async def kill(self) -> None:
        for server in self.servers:
            server.kill()

    async def restart(self) -> None:
        for server in self.servers:
            server.restart()

    async def end(self) -> None:
        for server in self.servers:
            server.end()


class ServerCarrier(Carrier):
    """A server of ours, as a command of an operator uses it."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(mkdtemp(prefix="jc-")) / "1.sock"
        self.uris = [f"unix://{self.path}"]
        self._listen()

    def _listen(self) -> None:
        self.server = BusServer(reactor, Nobody())
        self.server.listen(self.path)

    async def kill(self) -> None:
        await self.server.stop()

    async def restart(self) -> None:
        self._listen()


class Nobody:
    """A ServerUser to whom nothing matters."""

    def is_serving(self) -> bool:
        return True

    def called(self, name: bytes) -> None:
        pass

    def received(self, channel: bytes, payload: bytes) -> None:
        pass


class Subscriber:
    """A bus, and the bodies that it has received, by kind and stream."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.received: dict[tuple[PacketKind, Id], list[bytes]] = defaultdict(list)
        self.changes: list[bool] = []
        for kind in PacketKind:
            bus.on_packet(kind, lambda stream, body, kind=kind: self.received[kind, stream].append(body))
        bus.on_change(lambda: self.changes.append(bus.is_away()))

    def entries(self, stream: Id) -> list[bytes]:
        return self.received[PacketKind.ENTRY, stream]


class BusCase(TestCase):
    """Tests over ``carrier``, which ends with each."""

    carrier: Carrier

    def a_carrier(self) -> Carrier:
        return RedisCarrier("tcp")

    def setUp(self) -> None:
        self.carrier = self.a_carrier()
        self.subscribers: list[Subscriber] = []

    async def tearDown(self) -> None:
        for subscriber in self.subscribers:
            await subscriber.bus.stop()
        await self.carrier.end()

    async def a_bus(self, *, database: str = "chat", uris: list[str] | None = None) -> Subscriber:
        subscriber = Subscriber(self.make_bus(parse_uris(uris or self.carrier.uris), database))
        self.subscribers.append(subscriber)
        await subscriber.bus.start()
        return subscriber

    def make_bus(self, uris: Sequence[BusUri], database: str) -> Bus:
        return Bus(uris, database, reactor, self.carrier.ca_file)

    def cut(self, subscriber: Subscriber) -> None:
        """Cut the connections of a bus, before anything of this turn has left."""
        for node in subscriber.bus._nodes:
            assert node.connection is not None
            node.connection.transport.abortConnection()

    async def away(self, *subscribers: Subscriber) -> None:
        await eventually(lambda: all(each.bus.is_away() for each in subscribers), "the node to be away")

    async def back(self, *subscribers: Subscriber) -> None:
        await eventually(lambda: not any(each.bus.is_away() for each in subscribers), "the node to be back")


def entry(number: int) -> bytes:
    return b"entry %d" % number


def streams(number: int) -> list[Id]:
    return [new_id() for _ in range(number)]


async def result(deferred: "Deferred[Any]") -> Any:
    """Its result, which comes within seconds."""
    return await in_time(deferred, 15)
