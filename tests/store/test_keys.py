"""Keys: their lifetime."""

from datetime import timedelta

from twisted.trial.unittest import TestCase

from justchat.model.ids import new_id
from justchat.model.moment import Moment, now
from justchat.model.phone import Phone
from justchat.model.user import User, UserKey
from justchat.store.indexes import USERS, create_indexes
from justchat.store.mongo.client import Database
from justchat.store.sessions import Sessions
from justchat.store.users import Users
from tests.support.mongo import discard, empty_uri

PHONE = Phone("79223438450")
PLACE = new_id()


class KeyTests(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.time = now()
        self.users = Users(self.database, self.clock, key_lifetime=60)
        await self.users.add(User(id=new_id(), phone=PHONE, password="first", created_at=self.time))

    async def tearDown(self) -> None:
        await discard(self.database)

    def clock(self) -> Moment:
        return self.time

    async def good(self) -> str | None:
        """The key that may be tried."""
        key = await self.users.find_key(PHONE)
        return key.hash if key is not None and key.is_usable else None

    async def test_lifetime(self) -> None:
        """A key is valid for its lifetime from its creation; a new one has its own."""
        self.time += timedelta(seconds=59)
        keys = [await self.good()]
        self.time += timedelta(seconds=2)
        keys.append(await self.good())
        await self.users.set_password(PHONE, "second")
        self.time += timedelta(seconds=59)
        keys.append(await self.good())

        self.assertEqual(["first", None, "second"], keys)

    async def test_clock_set_back(self) -> None:
        """A key that was made while the clock was ahead is not valid for that much longer."""
        self.time += timedelta(days=365)
        await self.users.set_password(PHONE, "second")
        self.time -= timedelta(days=365)

        self.assertIsNone(await self.good())

    async def test_of_old(self) -> None:
        """A key of unknown age, from a release that did not store ages, has expired."""
        await self.database.update(USERS, {"phone": PHONE}, {"$unset": {"key_at": ""}})

        self.assertIsNone(await self.good())

    async def test_without(self) -> None:
        """Without a lifetime a key never expires."""
        users = Users(self.database, self.clock)
        self.time += timedelta(days=10_000)

        key = await users.find_key(PHONE)
        self.assertTrue(key is not None and key.is_usable)

    async def test_five_wrong(self) -> None:
        """The fifth wrong try is the last. After it not even a right key that was checked before counts."""
        key = await self.key()

        last = [await self.users.count_wrong_key(key) for _ in range(6)]

        self.assertEqual([False] * 4 + [True, False], last)
        self.assertFalse(await self.users.accept_key(key, PLACE))
        self.assertFalse((await self.key()).is_usable)
        self.assertFalse((await self.key()).phone_verified)

    async def test_right(self) -> None:
        """A right key resets the wrong tries, and its network becomes known; the latest eight networks are kept."""
        key = await self.key()
        for _ in range(4):
            await self.users.count_wrong_key(key)

        self.assertTrue(await self.users.accept_key(key, PLACE))
        self.assertEqual([False] * 4, [await self.users.count_wrong_key(key) for _ in range(4)])

        self.assertEqual({PLACE}, (await self.key()).known_networks)
        others = [new_id() for _ in range(8)]
        for place in (*others, others[0]):
            await self.users.accept_key(key, place)
        self.assertEqual(set(others), (await self.key()).known_networks)

    async def test_of_an_earlier_release(self) -> None:
        """A user without known networks counts as signed in before if they have a session."""
        await self.database.update(USERS, {"phone": PHONE}, {"$unset": {"places": ""}})
        self.assertFalse((await self.key()).phone_verified)

        await Sessions(self.database, self.clock, 3600).open((await self.key()).user)

        self.assertTrue((await self.key()).phone_verified)

    async def test_another_key(self) -> None:
        """The check of a key does not count for another key that was made meanwhile."""
        key = await self.key()
        await self.users.set_password(PHONE, "second")

        self.assertFalse(await self.users.accept_key(key, PLACE))
        self.assertEqual([False] * 6, [await self.users.count_wrong_key(key) for _ in range(6)])

        self.assertTrue((await self.key()).is_usable)

    async def key(self) -> UserKey:
        key = await self.users.find_key(PHONE)
        assert key is not None
        return key
