"""Lists of rooms, as the store reads them."""

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.model.room import Room, RoomSearch
from justchat.store.indexes import create_indexes
from justchat.store.mongo.client import Database
from justchat.store.rooms import Rooms
from tests.support.mongo import discard, empty_uri


class Listing(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.rooms = Rooms(self.database, reactor)

    async def tearDown(self) -> None:
        await self.rooms.stop()
        await discard(self.database)

    async def test_people(self) -> None:
        """A room in a list has its first 100 users and moderators, and the number of all users."""
        people = [new_id() for _ in range(150)]
        everybody = dict.fromkeys(people)
        room = Room(
            id=new_id(),
            name="a room",
            admin=people[0],
            created_at=now(),
            max_users=255,
            users=everybody,
            moderators=everybody,
        )
        await self.rooms.create(room)

        (listed,) = await self.rooms.search(RoomSearch(), people[0])

        first = tuple(people[:100])
        self.assertEqual((150, first, first), (listed.users_count, listed.users, listed.moderators))
