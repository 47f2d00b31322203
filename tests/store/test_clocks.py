"""Work that began under a wrong clock, or before it was set back, blocks nobody."""

from datetime import timedelta

from bson import ObjectId
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.actions.messages import Messages
from justchat.actions.rooms import RoomActions
from justchat.actions.word_filter import WordFilter
from justchat.errors import InProgress
from justchat.interfaces.idempotency import Claim
from justchat.model.ids import new_id, room_message_id
from justchat.model.moment import Moment, now
from justchat.model.phone import Phone
from justchat.model.room import Room
from justchat.model.user import User
from justchat.store.client_ids import ClientIds
from justchat.store.idempotency_keys import IdempotencyKeys
from justchat.store.indexes import USERS, create_indexes
from justchat.store.mongo.client import Database
from justchat.store.pictures import PictureRecords
from justchat.store.rooms import Rooms
from justchat.store.sessions import Sessions
from justchat.store.users import Users
from tests.support.mongo import discard, empty_uri

DAY = timedelta(days=1)


class Clocks(TestCase):
    async def setUp(self) -> None:
        self.at = now()
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.rooms = Rooms(self.database, reactor)
        self.users = Users(self.database, self.clock, 600.0)
        self.anna = User(id=new_id(), phone=Phone("79223438450"), password="hash", created_at=self.at)
        await self.users.add(self.anna)
        self.room = Room(id=new_id(), name="a room", admin=self.anna.id, created_at=self.at, max_users=9)
        await self.rooms.create(self.room)

    async def tearDown(self) -> None:
        await self.rooms.stop()
        await discard(self.database)

    def clock(self) -> Moment:
        return self.at

    def actions(self) -> RoomActions:
        return RoomActions(
            users=self.users,
            rooms=self.rooms,
            words=WordFilter(),
            passwords=None,
            password_attempts=None,
            clock=self.clock,
            rooms_per_user=9,
            count_entering=lambda *_: None,
        )

    async def test_move_at_a_start(self) -> None:
        """A move that a crash left is found at a start, though it was begun at a later time."""
        await self.users.begin_move(self.anna.id, self.room.id)
        self.at -= timedelta(seconds=5)

        self.assertEqual(1, len(await self.users.unfinished_moves(all=True)))
        await self.actions().finish_moves(all=True)

        self.assertEqual([], await self.users.unfinished_moves(all=True))

    async def test_move(self) -> None:
        """A move that was begun before the clock was set back by a day keeps nobody from entering, and is found while
        the daemon runs.
        """
        await self.users.begin_move(self.anna.id, self.room.id)
        tomorrow = {"$set": {"moving.at": now() + DAY}}
        await self.database.update(USERS, {"_id": ObjectId(self.anna.id)}, tomorrow)

        self.assertEqual(1, len(await self.users.unfinished_moves(all=False)))
        room = await self.actions().enter(self.anna.id, self.room.id, None)

        self.assertIn(self.anna.id, room.users)

    async def test_move_under_way(self) -> None:
        """A move that has just begun is left alone by daemons whose clocks differ: the database's clock counts."""
        await self.users.begin_move(self.anna.id, self.room.id)
        for shift in (30, -60):
            self.at += timedelta(seconds=shift)

            self.assertEqual([], await self.users.unfinished_moves(all=False))

    async def test_move_interrupted(self) -> None:
        """One that takes longer than a move ever does is found by every daemon."""
        await self.users.begin_move(self.anna.id, self.room.id)
        await self.database.update(
            USERS,
            {"_id": ObjectId(self.anna.id)},
            [{"$set": {"moving.at": {"$subtract": ["$$NOW", 10_001]}}}],
        )

        self.assertEqual([(self.anna.id, None, self.room.id)], await self.users.unfinished_moves(all=False))

    async def test_key(self) -> None:
        """A key that was made tomorrow is not valid until then."""
        await self.users.set_password(self.anna.phone, "hash")
        living = []
        for shift in (timedelta(), -DAY, 2 * DAY):
            self.at += shift
            key = await self.users.find_key(self.anna.phone)
            assert key is not None
            living.append(key.is_usable)

        self.assertEqual([True, False, False], living)

    async def test_claim(self) -> None:
        """A call that was begun tomorrow, and whose daemon died, is carried out when it is sent again."""
        answers, id, request = IdempotencyKeys(self.database, self.clock), new_id(), b"request"
        first = await answers.claim(id, request, new_id())
        with self.assertRaises(InProgress):
            await answers.claim(id, request, new_id())
        self.at -= timedelta(hours=1)

        again = await answers.claim(id, request, new_id())

        assert isinstance(first, Claim) and isinstance(again, Claim)
        self.assertEqual(first.idempotency_id, again.idempotency_id)

    async def test_answer(self) -> None:
        """An answer of more than a day from now makes room."""
        answers, id, by = IdempotencyKeys(self.database, self.clock), new_id(), new_id()
        await answers.claim(id, b"request", by)
        await answers.keep(id, by, 200, b"{}")
        self.assertEqual((200, b"{}"), await answers.claim(id, b"request", new_id()))
        self.at -= 2 * DAY

        self.assertIsInstance(await answers.claim(id, b"another", new_id()), Claim)

    async def test_client_id(self) -> None:
        """A client_id that was used a year from now does not return its message; one of within a day does."""
        messages = Messages(
            rooms=self.rooms,
            client_ids=ClientIds(self.database, self.clock, room_message_id),
            pictures=PictureRecords(self.database, self.clock, ""),
            words=WordFilter(),
            clock=self.clock,
        )
        await self.actions().enter(self.anna.id, self.room.id, None)
        said = []
        for shift in (timedelta(), timedelta(hours=-1), -365 * DAY):
            self.at += shift
            said.append((await messages.say(self.anna.id, self.room.id, f"{len(said)}", None, "client id")).text)

        self.assertEqual(["0", "0", "2"], said)

    async def test_seen(self) -> None:
        """A session's last use is recorded after the clock was set back, too."""
        sessions = Sessions(self.database, self.clock, 86400.0)
        key = await sessions.open(self.anna.id)
        self.at -= timedelta(hours=1)

        self.assertEqual(self.at, (await sessions.get(key)).seen_at)
        while (await sessions.of(self.anna.id))[0].seen_at != self.at:
            pass
