"""Moves of users between rooms, with two daemons at once."""

from collections.abc import Awaitable, Callable
from typing import Any

from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from justchat.actions.moderation import Moderation
from justchat.actions.rooms import RoomActions
from justchat.actions.word_filter import WordFilter
from justchat.errors import DatabaseAway
from justchat.model.entry import Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.phone import Phone
from justchat.model.room import Room
from justchat.model.user import User
from justchat.store.indexes import USERS, create_indexes
from justchat.store.mongo.client import Database
from justchat.store.pictures import PictureRecords
from justchat.store.rooms import Rooms
from justchat.store.users import Users
from tests.support.mongo import discard, empty_uri
from tests.support.waiting import eventually


class Moves(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(discard, self.database)
        await create_indexes(self.database)
        self.users = Users(self.database, now)
        self.logs = [Rooms(self.database, reactor) for _ in range(2)]
        for log in self.logs:
            self.addCleanup(log.stop)
        self.one, self.other = map(self.actions, self.logs)
        self.anna = User(id=new_id(), phone=Phone("79223438450"), password="hash", created_at=now())
        await self.users.add(self.anna)
        self.retries: list[Deferred[None]] = []
        self.patch(RoomActions, "_later", self.retry)
        self.addCleanup(lambda: gatherResults(self.retries))
        self.admin = new_id()
        self.room, self.next = [await self.a_room() for _ in range(2)]

    async def a_room(self) -> Id:
        room = Room(id=new_id(), name="a room", admin=self.admin, created_at=now(), max_users=9)
        await self.logs[0].create(room)
        return room.id

    def retry(self, act: Callable[[], Awaitable[None]]) -> None:
        """Retry as the actions do, and let the test wait for the end of it before it closes the database."""
        self.retries.append(Deferred.fromCoroutine(self.one._retry(act)))

    def actions(self, rooms: Rooms) -> RoomActions:
        return RoomActions(
            users=self.users,
            rooms=rooms,
            words=WordFilter(),
            passwords=None,
            password_attempts=None,
            clock=now,
            rooms_per_user=9,
            count_entering=lambda *_: None,
        )

    def moderation(self) -> Moderation:
        return Moderation(
            users=self.users,
            rooms=self.logs[0],
            pictures=PictureRecords(self.database, now, ""),
            words=WordFilter(),
            clock=now,
            count_action=lambda *_: None,
        )

    def before(self, owner: object, name: str, meanwhile: Any) -> None:
        """Do something else once, just before the next call of a method."""
        method = getattr(owner, name)

        async def delayed(*arguments: object) -> Any:
            self.patch(owner, name, method)
            await meanwhile()
            return await method(*arguments)

        self.patch(owner, name, delayed)

    async def assert_in(self, room: Id) -> None:
        """She is in this room alone, and her document says so."""
        inside = [each for each in (self.room, self.next) if self.anna.id in (await self.logs[0].get(each)).users]

        self.assertEqual([room], inside)
        self.assertEqual(room, await self.users.entered_room(self.anna.id))

    async def test_left_and_entered(self) -> None:
        """Who leaves a room, and enters it again through another daemon before the first is done, is in it."""
        await self.one.enter(self.anna.id, self.room, None)
        self.before(self.users, "vacate", lambda: self.other.enter(self.anna.id, self.room, None))

        await self.one.leave(self.anna.id, self.room)

        await self.assert_in(self.room)

    async def test_kicked_and_entered(self) -> None:
        """So is who is kicked, and enters again at once."""
        await self.one.enter(self.anna.id, self.room, None)
        self.before(self.users, "vacate", lambda: self.other.enter(self.anna.id, self.room, None))

        await self.moderation().kick(self.admin, self.room, self.anna.id, None)

        await self.assert_in(self.room)

    async def test_crashed_and_kicked(self) -> None:
        """Whose move a crash interrupts after its entry, and who is then put out of the new room, is in no room."""
        await self.one.enter(self.anna.id, self.room, None)
        await self.users.begin_move(self.anna.id, self.next)
        await self.logs[0].append(
            self.next, lambda room, seq: self.one._entry(room, seq, Kind.NEW_ROOMMATE, self.anna.id)
        )
        await self.moderation().kick(self.admin, self.next, self.anna.id, None)

        await self.other.finish_moves(all=True)

        for room in (self.room, self.next):
            self.assertNotIn(self.anna.id, (await self.logs[0].latest(room)).users)
        self.assertIsNone(await self.users.entered_room(self.anna.id))
        self.assertEqual([], await self.users.unfinished_moves(all=True))

    async def test_crashed_before(self) -> None:
        """Whose move a crash interrupts before its entry stays where they are."""
        await self.one.enter(self.anna.id, self.room, None)
        await self.users.begin_move(self.anna.id, self.next)

        await self.other.finish_moves(all=True)

        await self.assert_in(self.room)

    async def test_left_and_moved(self) -> None:
        """Who leaves a room, and enters another before the first daemon is done, is in the other."""
        await self.one.enter(self.anna.id, self.room, None)
        self.before(self.users, "vacate", lambda: self.other.enter(self.anna.id, self.next, None))

        await self.one.leave(self.anna.id, self.room)

        await self.assert_in(self.next)

    async def test_suspended(self) -> None:
        """A daemon that was suspended in a move, which another took for dead, completes it all the same."""

        async def given_up() -> None:
            await self.users.abandon_move(self.anna.id, self.room)

        self.before(self.logs[0], "append", given_up)

        await self.one.enter(self.anna.id, self.room, None)

        await self.assert_in(self.room)

    def answer_is_lost(self, owner: object, name: str, *, fails_before: bool = False) -> None:
        """The next call of a method does what it does, unless it fails before, and its answer is lost."""
        method = getattr(owner, name)

        async def unanswered(*arguments: object) -> Any:
            self.patch(owner, name, method)
            if not fails_before:
                await method(*arguments)
            raise DatabaseAway

        self.patch(owner, name, unanswered)

    async def test_stored_in_doubt(self) -> None:
        """An entering that turns out stored after its caller got a 503 is completed once the database is back."""
        await self.one.enter(self.anna.id, self.room, None)
        self.answer_is_lost(self.logs[0], "append")

        with self.assertRaises(DatabaseAway):
            await self.one.enter(self.anna.id, self.next, None)

        await eventually(lambda: self.is_settled(self.next), "the move to be settled")
        await self.assert_in(self.next)

    async def test_settled_in_doubt(self) -> None:
        """So is one whose last step fails."""
        self.answer_is_lost(self.users, "end_move", fails_before=True)

        with self.assertRaises(DatabaseAway):
            await self.one.enter(self.anna.id, self.room, None)

        await eventually(lambda: self.is_settled(self.room), "the move to be settled")

    async def test_claimed_in_doubt(self) -> None:
        """A claim that turns out stored, after its caller got a 503, does not keep the user from the next move."""
        self.answer_is_lost(self.users, "begin_move")

        with self.assertRaises(DatabaseAway):
            await self.one.enter(self.anna.id, self.room, None)

        await eventually(lambda: self.is_settled(None), "the claim to be released")
        await self.one.enter(self.anna.id, self.next, None)
        await self.assert_in(self.next)

    async def is_settled(self, room: Id | None) -> bool:
        """Whether no move is under way, and her document names this room."""
        document = await self.database.find_one(USERS, {"_id": ObjectId(self.anna.id)})
        assert document is not None
        return "moving" not in document and await self.users.entered_room(self.anna.id) == room

    async def test_suspended_and_moved(self) -> None:
        """Where the user has entered another room meanwhile, they leave it: what is stored last holds."""

        async def given_up() -> None:
            await self.users.abandon_move(self.anna.id, self.room)
            await self.other.enter(self.anna.id, self.next, None)

        self.before(self.logs[0], "append", given_up)

        await self.one.enter(self.anna.id, self.room, None)

        await self.assert_in(self.room)
        document = await self.database.find_one(USERS, {"_id": ObjectId(self.anna.id)})
        assert document is not None
        self.assertNotIn("moving", document)
