"""Messages with a client_id on a sharded database, and on one that becomes sharded.

The tests' mongod has no shards. The store is made to take it for a sharded one: ids carry the stream, and no
command goes to all shards.
"""

from collections.abc import Callable
from datetime import timedelta

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.actions.messages import Messages
from justchat.actions.word_filter import WordFilter
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id, room_message_id
from justchat.model.moment import Moment, now
from justchat.model.room import Room
from justchat.store.client_ids import ClientIds, look_for_shards
from justchat.store.indexes import create_indexes
from justchat.store.mongo import client, sharding
from justchat.store.mongo.client import Database, Document
from justchat.store.pictures import PictureRecords
from justchat.store.rooms import Rooms
from tests.support.mongo import discard, empty_uri

DAY = timedelta(days=1)


class Sharded(TestCase):
    async def setUp(self) -> None:
        self.at = now()
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(discard, self.database)
        await create_indexes(self.database)
        self.rooms = Rooms(self.database, reactor)
        self.addCleanup(self.rooms.stop)
        self.messages = Messages(
            rooms=self.rooms,
            client_ids=ClientIds(self.database, self.clock, room_message_id),
            pictures=PictureRecords(self.database, self.clock, ""),
            words=WordFilter(),
            clock=self.clock,
        )
        self.anna = new_id()
        self.room, self.other = [await self.a_room() for _ in range(2)]

    def clock(self) -> Moment:
        return self.at

    async def a_room(self) -> Id:
        room = Room(id=new_id(), name="a room", admin=self.anna, created_at=self.at, max_users=9)
        await self.rooms.create(room)

        def enter(_: Room, seq: int) -> Entry:
            return Entry(
                id=new_id(),
                stream=room.id,
                seq=seq,
                kind=Kind.NEW_ROOMMATE,
                author=self.anna,
                user=self.anna,
                created_at=self.at,
            )

        await self.rooms.append(room.id, enter)
        return room.id

    async def say(self, room: Id, text: str, client_id: str = "a") -> Entry:
        return await self.messages.say(self.anna, room, text, None, client_id)

    def become_sharded(self) -> list[Document]:
        """From now on the database is sharded, and none but these commands goes to all shards."""
        self.database.sharded_since = self.at
        scattered: list[Document] = []
        check: Callable[[Document], None] = sharding.check_targeted

        def noted(command: Document) -> None:
            check(command)
            if "comment" in command:
                scattered.append(command)

        self.patch(client, "check_targeted", noted)
        return scattered

    async def test_again(self) -> None:
        """In one room a client_id is one message, found without asking every shard."""
        scattered = self.become_sharded()

        said = [await self.say(self.room, text) for text in ("one", "two")]

        self.assertEqual([said[0]] * 2, said)
        self.assertEqual([], scattered)

    async def test_other_room(self) -> None:
        """In another room, which another shard may have, it is another message with another id."""
        self.become_sharded()

        one, other = await self.say(self.room, "one"), await self.say(self.other, "other")

        self.assertEqual(["one", "other"], [one.text, other.text])
        self.assertNotEqual(one.id, other.id)

    async def test_sent_before(self) -> None:
        """A message that was sent just before the database became sharded is not sent again for a day."""
        first = await self.say(self.room, "one")
        self.become_sharded()
        self.at += timedelta(hours=23)

        self.assertEqual(first, await self.say(self.room, "one"))

    async def test_days_after(self) -> None:
        """Later nothing is looked up before a message is sent."""
        self.become_sharded()
        self.at += 2 * DAY
        looked_up: list[Document] = []
        command = self.database.command

        async def noted(document: Document, **options: object) -> Document:
            if "_id" in document.get("filter", {}):
                looked_up.append(document)
            return await command(document, **options)  # type: ignore[arg-type]

        self.patch(self.database, "command", noted)

        await self.say(self.room, "one")

        self.assertEqual([], looked_up)

    async def test_wrong_room(self) -> None:
        """An id that is none of a room refuses as ever."""
        self.become_sharded()

        for room in ("", "x" * 24, "0" * 24):
            with self.assertRaises(Exception) as raised:
                await self.say(Id(room), "one")
            self.assertEqual("RoomNotFound", type(raised.exception).__name__)

    async def test_mongos(self) -> None:
        """mongos identifies itself; the database remembers the first start on it."""
        command = self.database.command

        async def mongos(document: Document, **options: object) -> Document:
            answer = await command(document, **options)  # type: ignore[arg-type]
            return {**answer, "msg": "isdbgrid"} if "hello" in document else answer

        await look_for_shards(self.database, self.clock)
        self.assertIsNone(self.database.sharded_since)
        self.patch(self.database, "command", mongos)
        first = self.at
        for _ in range(2):
            await look_for_shards(self.database, self.clock)
            self.assertEqual(first, self.database.sharded_since)
            self.at += DAY
