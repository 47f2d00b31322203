"""Workers' buses in one process, each with a socket of its own."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor

from justchat.bus.peers import PeerBus
from justchat.bus.uri import BusUri
from tests.support.bus_case import BusCase, Carrier

WORKERS = 4


class PeersCarrier(Carrier):
    """The sockets of workers. They are there with each worker."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="jc-"))
        self.uris = [f"unix://{self.folder}/{number}.sock" for number in range(1, WORKERS + 1)]

    async def end(self) -> None:
        pass


class PeersCase(BusCase):
    """Each bus is the next worker; those that were not made are absent."""

    def a_carrier(self) -> Carrier:
        return PeersCarrier()

    def make_bus(self, uris: Sequence[BusUri], database: str) -> PeerBus:
        return self.a_worker(uris, database, len(self.subscribers) + 1)

    def a_worker(self, uris: Sequence[BusUri], database: str, number: int) -> PeerBus:
        bus = PeerBus(uris, database, reactor)
        bus.join_as(number)
        return bus
