"""Keys: how long one is good for."""

from datetime import timedelta

from twisted.trial.unittest import TestCase

from justchat.model.ids import new_id
from justchat.model.moment import Moment, now
from justchat.model.phone import Phone
from justchat.model.user import User
from justchat.store.database import Database
from justchat.store.indexes import USERS, create_indexes
from justchat.store.users import Users
from tests.support.mongo import close, fresh_uri

PHONE = Phone("79223438450")


class KeyTests(TestCase):
    async def setUp(self) -> None:
        self.database = Database(fresh_uri())
        self.database.open()
        await create_indexes(self.database)
        self.time = now()
        self.users = Users(self.database, self.clock, key_lifetime=60)
        await self.users.add(User(id=new_id(), phone=PHONE, password="first", create_at=self.time))

    async def tearDown(self) -> None:
        await close(self.database)

    def clock(self) -> Moment:
        return self.time

    async def good(self) -> str | None:
        """The key that may be tried."""
        tried = await self.users.try_key(PHONE)
        return None if tried is None else tried[1]

    async def test_lifetime(self) -> None:
        """A key is good for its lifetime, from its making; a new one for its own."""
        self.time += timedelta(seconds=59)
        keys = [await self.good()]
        self.time += timedelta(seconds=2)
        keys.append(await self.good())
        await self.users.set_password(PHONE, "second")
        self.time += timedelta(seconds=59)
        keys.append(await self.good())

        self.assertEqual(["first", None, "second"], keys)

    async def test_of_old(self) -> None:
        """A key whose age nobody knows, since it was made before ages were kept, has run out."""
        await self.database.update(USERS, {"phone": PHONE}, {"$unset": {"key_at": ""}})

        self.assertIsNone(await self.good())

    async def test_without(self) -> None:
        """Without a lifetime a key is good for ever."""
        users = Users(self.database, self.clock)
        self.time += timedelta(days=10_000)

        self.assertIsNotNone(await users.try_key(PHONE))
