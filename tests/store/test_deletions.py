"""Deletions in the documents of users: each step is one update that decides."""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from twisted.trial.unittest import TestCase

from justchat.actions.deletion import AccountDeletion
from justchat.errors import UserNotFound
from justchat.model.ids import Id, new_id
from justchat.model.moment import Moment, now
from justchat.model.phone import Phone
from justchat.model.user import User, UserKey
from justchat.store.deletions import LATE, PARTING, Deletions
from justchat.store.indexes import USERS, create_indexes
from justchat.store.mongo.client import Database
from justchat.store.users import Users
from tests.support.chat import a_phone
from tests.support.mongo import discard, empty_uri
from tests.support.waiting import at_once

GRACE = timedelta(days=14)


class DeletionsCase(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.time = now()
        self.users = Users(self.database, self.clock)
        self.deletions = Deletions(self.database, self.clock)

    async def tearDown(self) -> None:
        await discard(self.database)

    def clock(self) -> Moment:
        return self.time

    async def a_user(self) -> User:
        user = User(id=new_id(), phone=Phone(a_phone()), password="a hash", created_at=self.time)
        await self.users.add(user)
        return user

    async def document(self, user: Id) -> Any:
        return await self.database.find_one(USERS, {"_id": ObjectId(user)})


class Steps(DeletionsCase):
    async def key(self, user: User) -> UserKey:
        key = await self.users.find_key(user.phone)
        assert key is not None
        return key

    async def test_until_the_end(self) -> None:
        """A user who was erased once is erased again LATE after that, and then their document is gone."""
        user = await self.a_user()
        await self.deletions.request(user.id, self.time + GRACE)
        for at, expected in ((GRACE - timedelta(seconds=1), []), (timedelta(seconds=1), [user.id])):
            self.time += at
            await self.deletions.begin(10)
            self.assertEqual(expected, await self.deletions.begun(10))

        self.assertFalse(await self.deletions.rest(user.id))
        self.assertEqual([], await self.deletions.begun(10))
        self.assertFalse(await self.deletions.rest(user.id), "too early")
        self.time += LATE

        self.assertEqual([user.id], await self.deletions.begun(10))
        self.assertTrue(await self.deletions.rest(user.id))
        self.assertIsNone(await self.document(user.id))

    async def test_begin(self) -> None:
        """From the begin on nothing of the profile is left, the phone is free, and the old key signs nobody in."""
        user = await self.a_user()
        key = await self.key(user)
        await self.deletions.request(user.id, self.time)

        await self.deletions.begin(10)

        self.assertFalse(await self.users.accept_key(key, new_id()))
        self.assertIsNone(await self.users.find_key(user.phone))
        self.assertTrue(await self.users.add(User(id=new_id(), phone=user.phone, password="x", created_at=self.time)))
        with self.assertRaises(UserNotFound):
            await self.deletions.request(user.id, self.time)

    async def test_sign_in_or_begin(self) -> None:
        """Of a sign-in and the begin at the same time one happens: the deletion is cancelled, or has begun."""
        for _ in range(20):
            user = await self.a_user()
            key = await self.key(user)
            await self.deletions.request(user.id, self.time)

            accepted, _ = await at_once([self.users.accept_key(key, new_id()), self.deletions.begin(10)])

            self.assertEqual(accepted, "erasing" not in await self.document(user.id))
            self.assertEqual(accepted, "deletes_at" not in await self.document(user.id))

    async def test_earlier(self) -> None:
        """A second request makes it earlier, never later."""
        user = await self.a_user()

        found = [await self.deletions.request(user.id, self.time + after) for after in (GRACE, GRACE * 2, GRACE / 2)]

        self.assertEqual([self.time + GRACE, self.time + GRACE, self.time + GRACE / 2], found)

    async def test_held(self) -> None:
        """A hold lasts until its time, or until it is released."""
        held, released = await self.a_user(), await self.a_user()
        for user in (held, released):
            await self.deletions.hold(user.id, self.time + GRACE)
            await self.deletions.request(user.id, self.time)
        await self.deletions.begin(10)
        self.assertEqual([], await self.deletions.begun(10))

        await self.deletions.release(released.id)
        await self.deletions.begin(10)
        self.assertEqual([released.id], await self.deletions.begun(10))

        self.time += GRACE
        await self.deletions.begin(10)
        self.assertEqual({held.id, released.id}, set(await self.deletions.begun(10)))

    async def test_parting(self) -> None:
        """For a while after a request the user's sessions and room are looked for."""
        user = await self.a_user()
        await self.deletions.request(user.id, self.time + GRACE)

        for after in (timedelta(), PARTING):
            self.time += after
            self.assertEqual([user.id], await self.deletions.parting())
            await self.deletions.parted(user.id)

        self.assertEqual([], await self.deletions.parting())


class Failing(DeletionsCase):
    async def test_put_off(self) -> None:
        """A user who cannot be erased is logged and tried again LATE after that, and does not keep others waiting."""
        users = [await self.a_user() for _ in range(2)]
        for user in users:
            await self.deletions.request(user.id, self.time)
        nothing: Any = None
        unused = ("users", "sessions", "rooms", "erasure", "accounts", "token_sign_in", "room_actions", "removals")
        deletion = AccountDeletion(
            **dict.fromkeys(unused, nothing),
            deletions=self.deletions,
            clock=self.clock,
            grace=GRACE,
        )

        await deletion.begin_due()
        await deletion.erase_begun(nothing)  # there is nothing to erase with

        self.assertEqual(2, len(self.flushLoggedErrors(AttributeError)))
        self.assertEqual([], await self.deletions.begun(9))
        self.time += LATE
        self.assertEqual({user.id for user in users}, set(await self.deletions.begun(9)))
