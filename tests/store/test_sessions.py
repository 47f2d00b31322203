"""Sessions in memory, where they end through another process and this one does not hear of it in time."""

from datetime import timedelta
from typing import Any

from twisted.trial.unittest import TestCase

from justchat.errors import DatabaseAway, LoginTimeout
from justchat.model.ids import new_id
from justchat.model.moment import Moment, now
from justchat.store import notices
from justchat.store.indexes import ENDED, SESSIONS, create_indexes
from justchat.store.mongo.client import Database, Document
from justchat.store.sessions import Sessions
from tests.support.mongo import discard, empty_uri

DAY = timedelta(days=1)


class Unheard(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(lambda: discard(self.database))
        await create_indexes(self.database)
        self.time = now()
        self.one, self.other = [Sessions(self.database, self.clock, 30 * 86_400) for _ in range(2)]
        self.keys = [await self.one.open(new_id()) for _ in range(3)]
        for key in self.keys:
            await self.other.get(key)

    def clock(self) -> Moment:
        return self.time

    async def assert_ended(self, *keys: str) -> None:
        """At the other daemon these have ended, and no others."""
        for key in self.keys:
            if key in keys:
                with self.assertRaises(LoginTimeout):
                    await self.other.get(key)
            else:
                await self.other.get(key)

    async def test_long_ago(self) -> None:
        """A daemon that was suspended, or without its database, until the notice was deleted, refuses the session."""
        await self.other.end(self.keys[0])
        await self.one.end(self.keys[1])
        await self.database.delete_all(ENDED, {})
        self.time += 2 * DAY

        await self.other.ended_elsewhere(list)

        await self.assert_ended(*self.keys[:2])

    async def test_connections(self) -> None:
        """Then it finds the sessions whose connections are to be closed, once the database is there to tell."""
        sessions = [await self.other.get(key) for key in self.keys]
        await self.one.end(self.keys[0])
        await self.database.delete_all(ENDED, {})
        self.time += DAY
        find = self.database.find

        async def fail(collection: str, *query: Any, **more: Any) -> list[Document]:
            if collection == SESSIONS:
                raise DatabaseAway
            return await find(collection, *query, **more)

        self.patch(self.database, "find", fail)
        self.assertEqual([], await self.other.ended_elsewhere(lambda: sessions))
        self.patch(self.database, "find", find)

        for expected in (sessions[:1], []):
            self.assertEqual(expected, await self.other.ended_elsewhere(lambda: sessions))

    async def test_too_many(self) -> None:
        """So it does where more sessions have ended at once than it reads notices of."""
        self.patch(notices, "MOST_READ", 1)
        for key in self.keys[:2]:
            await self.one.end(key)
            self.time += timedelta(milliseconds=1)

        await self.other.ended_elsewhere(list)

        await self.assert_ended(*self.keys[:2])
