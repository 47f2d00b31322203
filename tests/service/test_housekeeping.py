"""Two daemons on one database: one of them does what is for all."""

from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs
from twisted.trial.unittest import TestCase

from justchat.config.settings import Settings
from justchat.hub.absentee_notices import AbsenteeNotices
from justchat.interfaces.bus import PacketKind
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room, RoomSearch
from justchat.service.housekeeping import HOUSEKEEPING_EVERY, Housekeeping, Reconciliation
from justchat.store import dialogs
from justchat.store.indexes import LEASES, create_indexes
from justchat.store.lease import Lease, SignOfLife
from justchat.store.mongo.client import Database
from justchat.wiring.stores import Stores, make_stores
from tests.support.direct import send
from tests.support.joined import JoinedCase
from tests.support.mongo import discard, empty_uri
from tests.support.waiting import eventually


class Nothing:
    """Actions that find nothing to do."""

    def __getattr__(self, name: str) -> Any:
        return self

    async def __call__(self, **_: object) -> None:
        pass


class OneOfTwo(TestCase):
    """One daemon's rounds come when the test says so."""

    async def setUp(self) -> None:
        uri = empty_uri()
        self.databases, self.clocks, self.houses, self.stores = [], [], [], []
        for _ in range(2):
            database, clock = Database(uri), Clock()
            database.open()
            self.addCleanup(discard, database)
            stores = make_stores(Settings(), database, reactor)
            self.addCleanup(stores.rooms.stop)
            self.addCleanup(stores.mailboxes.stop)
            house = Housekeeping(
                stores,
                Nothing(),
                AbsenteeNotices(stores.mailboxes, reactor),
                lease=Lease(database, "work"),
                sign=SignOfLife(database),
                is_joined=False,
                alone=False,
                reactor=clock,
            )
            self.stores.append(stores)
            self.databases.append(database)
            self.clocks.append(clock)
            self.houses.append(house)
        await create_indexes(self.databases[0])
        for house in self.houses:
            await house.startService()
            self.addCleanup(house.stopService)

    async def round(self, daemon: int) -> None:
        """A round of one daemon, to its end."""
        self.clocks[daemon].advance(HOUSEKEEPING_EVERY)
        loop = self.houses[daemon]._loop
        await eventually(lambda: loop.call is not None, "the round to end")

    async def entry(self, stores: Stores, room: Id, kind: Kind, author: Id, user: Id) -> None:
        """An entry of a room."""
        await stores.rooms.append(
            room,
            lambda _, seq: Entry(
                id=new_id(), stream=room, seq=seq, kind=kind, author=author, user=user, created_at=now()
            ),
        )

    async def test_left_undone(self) -> None:
        """What a daemon that died should have written after its entries, the holder writes: the list of rooms, the
        dialogs, the notice to somebody who was kicked.
        """
        admin, anna, boris = (new_id() for _ in range(3))
        await self.round(0)
        # It writes nothing after its entries, as one that dies at once.
        self.patch(dialogs, "WRITE_DELAY", 60)
        dead = make_stores(Settings(), self.databases[1], reactor, shared=False)
        self.addCleanup(dead.mailboxes.stop)
        self.addCleanup(dead.rooms.stop)
        sign = SignOfLife(self.databases[1])
        await sign.give()
        room = Room(id=new_id(), name="a room", admin=admin, created_at=now(), max_users=9)
        await dead.rooms.create(room)
        for person in (anna, boris):
            await self.entry(dead, room.id, Kind.NEW_ROOMMATE, person, person)
        await self.entry(dead, room.id, Kind.KICK, admin, boris)
        await send(dead.mailboxes, anna, boris)

        await self.round(0)
        [listed] = await self.stores[1].rooms.search(RoomSearch(), anna)
        self.assertEqual([], list(listed.users))
        await self.databases[0].update(LEASES, {"_id": sign.name}, [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}])
        await self.round(0)

        [listed] = await self.stores[1].rooms.search(RoomSearch(), anna)
        self.assertEqual([anna], list(listed.users))
        [dialog] = await self.stores[1].mailboxes.dialogs(boris)
        self.assertEqual((anna, "hello"), (dialog.other, dialog.last_message.text))
        entries = await self.stores[1].mailboxes.entries(boris, 0, 9)
        self.assertEqual([Kind.DIRECT_MESSAGE, Kind.NOTICE], [each.kind for each in entries])
        self.assertEqual([], await sign.dead())

    async def test_alive(self) -> None:
        """A daemon that has stopped is not taken for one that died, nor one that runs."""
        sign, other = SignOfLife(self.databases[0]), SignOfLife(self.databases[1])
        for each in (sign, other):
            await each.give()
        await other.end()

        self.assertEqual([], await sign.dead())

    async def test_unjoined(self) -> None:
        """A daemon whose database another one uses, and no bus joins both, warns once. One that died is no other."""
        dead = SignOfLife(self.databases[1])
        await dead.give()

        with capturedLogs() as logged:
            for _ in range(3):
                await self.round(0)
            self.assertEqual([], warnings_of_bus(logged))
            for _ in range(3):
                await self.round(0)
                await self.round(1)

        self.assertEqual(["warn", "warn"], [each["log_level"].name for each in warnings_of_bus(logged)])


def warnings_of_bus(logged: Sequence[LogEvent]) -> list[LogEvent]:
    """The events that are about a bus."""
    return [each for each in logged if "[bus] uri" in (each.get("log_format") or "")]


class DiedBeforePublishing(JoinedCase):
    async def test_restarted(self) -> None:
        """An entry that a daemon stored, and did not publish before it died, is published once it is restarted."""
        (anna,) = await self.people(1)
        room = await self.a_room(anna, anna)
        listener, _ = await self.other.bind(anna)
        self.other.bus.loses = lambda stream, kind: kind is PacketKind.ENTRY
        await self.one.say(anna, room, "late")

        started = Reconciliation(self.one.stores, self.one.hub.notices)
        started.startService()

        await eventually(lambda: any("late" in event for event in listener.received), "the message")
        await started.stopService()
