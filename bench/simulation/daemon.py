"""A daemon as far as the bus knows one: who is connected to it, and what it follows therefore."""

from bench.simulation.network import Network
from justchat.hub.following import Following
from justchat.hub.local_rooms import LocalRooms
from justchat.hub.registry import Registry
from justchat.interfaces.bus import PacketKind
from justchat.model.ids import Id
from justchat.model.moment import now
from justchat.model.user import Session

AT = now()


class _Connection:
    """A connection that nothing is sent to."""

    __slots__ = ()


class _Rooms:
    """The logs: nothing was appended before a room was followed."""

    async def position(self, room: Id) -> int:
        return 0


class Daemon:
    """The daemon's own registry, rooms of local users, and following, on a bus of the network."""

    def __init__(self, network: Network) -> None:
        self.bus = network.bus()
        self._registry = Registry(now)
        self._rooms = LocalRooms(self._registry)
        Following(self.bus, self._registry, self._rooms, _Rooms())

    def connect(self, user: Id, room: Id) -> None:
        """A user who is in a room has bound a socket here."""
        session = Session(id=user, user=user, created_at=AT, seen_at=AT, expires_at=AT)
        self._registry.bind(_Connection(), session)
        self._rooms.add(user, room)

    def publish(self, stream: Id, body: bytes) -> None:
        """An entry of a stream is stored here."""
        self.bus.publish(stream, PacketKind.ENTRY, body)
