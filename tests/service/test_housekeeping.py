"""Two daemons on one database: one of them does what is for all."""

from typing import Any

from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from justchat.config.settings import Settings
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.service.housekeeping import HOUSEKEEPING_EVERY, Housekeeping
from justchat.store.indexes import LEASES, ROOMS, create_indexes
from justchat.store.lease import Lease
from justchat.store.mongo.client import Database
from justchat.wiring.stores import make_stores
from tests.support.mongo import close, fresh_uri
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
        uri = fresh_uri()
        self.databases, self.clocks, self.houses = [], [], []
        for _ in range(2):
            database, clock = Database(uri), Clock()
            database.open()
            self.addCleanup(close, database)
            stores = make_stores(Settings(), database, reactor)
            self.addCleanup(stores.rooms.stop)
            house = Housekeeping(stores, Nothing(), Lease(database, "work"), alone=False, reactor=clock)
            self.databases.append(database)
            self.clocks.append(clock)
            self.houses.append(house)
        await create_indexes(self.databases[0])
        for house in self.houses:
            await house.startService()
            self.addCleanup(house.stopService)

    async def a_removed_room(self) -> Id:
        room = Room(id=new_id(), name="a room", admin=new_id(), created_at=now(), max_users=9)
        await make_stores(Settings(), self.databases[0], reactor).rooms.create(room)
        await self.databases[0].update(ROOMS, {"_id": ObjectId(room.id)}, {"$set": {"removed": True}})
        return room.id

    async def is_there(self, room: Id) -> bool:
        return await self.databases[0].find_one(ROOMS, {"_id": ObjectId(room)}) is not None

    async def round(self, daemon: int) -> None:
        """A round of one daemon, to its end."""
        self.clocks[daemon].advance(HOUSEKEEPING_EVERY)
        loop = self.houses[daemon]._loop
        await eventually(lambda: loop.call is not None, "the round to end")

    async def test_holder(self) -> None:
        """The first to look has the lease and does the work in every round; the other does none."""
        await self.round(0)
        room = await self.a_removed_room()

        await self.round(1)
        self.assertTrue(await self.is_there(room))
        await self.round(0)
        self.assertFalse(await self.is_there(room))

    async def test_stopped(self) -> None:
        """When it stops, the other does the work in its next round."""
        await self.round(0)
        room = await self.a_removed_room()
        await self.houses[0].stopService()

        await self.round(1)

        self.assertFalse(await self.is_there(room))

    async def test_dies(self) -> None:
        """When it dies, the other does the work once the lease has ended."""
        await self.round(0)
        room = await self.a_removed_room()
        await self.round(1)
        self.assertTrue(await self.is_there(room))
        ended = [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}]
        await self.databases[0].update(LEASES, {"_id": "work"}, ended)

        await self.round(1)

        self.assertFalse(await self.is_there(room))
