"""Daemons in one process, without ports: stores and hub of each, joined by a bus in memory, on one database."""

from datetime import timedelta
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.actions.rooms import RoomActions
from justchat.actions.word_filter import WordFilter
from justchat.config.settings import Settings
from justchat.hub.gate import Gate
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.phone import Phone
from justchat.model.room import Room
from justchat.model.user import Session, User
from justchat.protocol.events import Position
from justchat.realtime.session_binding import LaterEvents
from justchat.store.indexes import create_indexes
from justchat.store.mongo.client import Database
from justchat.wiring.hub import Hub, make_hub
from justchat.wiring.stores import Stores, make_stores
from tests.support.connections import RecordingConnection
from tests.support.kept import note_module
from tests.support.memory_bus import MemoryBus, MemoryNode
from tests.support.mongo import close, discard, empty_uri
from tests.support.waiting import eventually

_nothing: Any = None


@frozen
class JoinedDaemon:
    """The parts of one daemon."""

    database: Database
    bus: MemoryBus
    stores: Stores
    hub: Hub
    actions: RoomActions

    async def bind(self, user: Id) -> tuple[RecordingConnection, Position]:
        """A new connection of a user, and the position from which on it receives events."""
        at = now()
        session = Session(id=new_id(), user=user, created_at=at, seen_at=at, expires_at=at + timedelta(days=1))
        connection = RecordingConnection(session)
        # As realtime.session_binding does it.
        gate = Gate(lambda: [connection], session)
        gate.awaits_position = True
        self.hub.registry.bind(gate, session)
        position = await self.hub.positions.position(user)
        gate.awaits_position = False
        self.hub.registry.replace(gate, connection, session)
        gate.open(LaterEvents(user, position).has)
        return connection, position

    def unbind(self, connection: RecordingConnection) -> None:
        assert connection.session is not None
        self.hub.registry.unbind(connection, connection.session)

    async def say(self, author: Id, room: Id, text: str) -> Entry:
        def propose(state: Room, seq: int) -> Entry:
            return Entry(
                id=new_id(), stream=room, seq=seq, kind=Kind.MESSAGE, author=author, created_at=now(), text=text
            )

        _, entry = await self.stores.rooms.append(room, propose)
        assert entry is not None
        return entry


def is_busy(daemon: JoinedDaemon) -> bool:
    """Whether notices are being stored, or users arrive."""
    assert daemon.hub.arrivals is not None
    return bool(daemon.hub.notices.pending or daemon.hub.arrivals.pending)


class JoinedCase(TestCase):
    """``seconds`` is the time by which the daemons notice that they stood still."""

    async def setUp(self) -> None:
        note_module(self)
        self.seconds = 0.0
        self.uri = empty_uri()
        self.node = MemoryNode()
        self._daemons: list[JoinedDaemon] = []
        self.one, self.other = await self.a_daemon(), await self.a_daemon()

    async def tearDown(self) -> None:
        # What stopped stores refuse would be tried again later.
        await eventually(lambda: not any(map(is_busy, self._daemons)), "the notices and arrivals", 60)
        for daemon in self._daemons:
            await daemon.stores.mailboxes.stop()
            await daemon.stores.rooms.stop()
        for daemon in self._daemons[1:]:
            await close(daemon.database)
        await discard(self.one.database)

    async def a_daemon(self) -> JoinedDaemon:
        settings = Settings()
        database = Database(self.uri)
        database.open()
        if not self._daemons:
            await create_indexes(database)
        bus = self.node.bus()
        stores = make_stores(settings, database, reactor, bus=bus)
        hub = make_hub(settings.websocket, stores, bus, reactor)
        assert hub.standstill is not None
        hub.standstill.seconds = lambda: self.seconds
        stores.rooms.start()
        actions = RoomActions(
            users=stores.users,
            rooms=stores.rooms,
            words=WordFilter(),
            passwords=_nothing,
            password_attempts=_nothing,
            clock=now,
            rooms_per_user=100,
            count_entering=lambda user, room: None,
            arrivals=hub.arrivals,
        )
        daemon = JoinedDaemon(database, bus, stores, hub, actions)
        self._daemons.append(daemon)
        assert stores.packets is not None
        await stores.packets.look()
        return daemon

    async def people(self, number: int) -> list[Id]:
        people = [new_id() for _ in range(number)]
        for n, user in enumerate(people):
            phone = Phone(f"7922{n:07}")
            await self.one.stores.users.add(User(id=user, phone=phone, password="", created_at=now()))
        return people

    async def a_room(self, admin: Id, *inside: Id) -> Id:
        room = await self.one.actions.create(admin, "room", None, 1000)
        for user in inside:
            await self.one.actions.enter(user, room.id, None)
        return room.id
