"""Of several daemons one at a time has a lease."""

import socket
from datetime import timedelta

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from justchat.model.moment import now
from justchat.store import lease
from justchat.store.indexes import LEASES
from justchat.store.lease import LASTS, Lease, SignOfLife
from justchat.store.mongo.client import Database
from tests.support.mongo import close, discard, empty_uri


class Leases(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(discard, self.database)
        self.one, self.other = [Lease(self.database, "work") for _ in range(2)]

    async def test_one(self) -> None:
        """While one has it and renews it, another does not get it; a lease of another name is another lease."""
        acquired = [await each.acquire() for each in (self.one, self.other, self.one, self.other)]

        self.assertEqual([True, False, True, False], acquired)
        self.assertTrue(await Lease(self.database, "other work").acquire())

    async def test_at_once(self) -> None:
        """Of twenty who ask at once for a lease that nobody ever had, one gets it."""
        leases = [Lease(self.database, "work") for _ in range(20)]

        acquired = await gatherResults([ensureDeferred(each.acquire()) for each in leases])

        self.assertEqual(1, sum(acquired))

    async def test_released(self) -> None:
        """A released lease can be taken at once. Only its holder can release it."""
        await self.one.acquire()
        await self.other.release()
        self.assertFalse(await self.other.acquire())

        await self.one.release()

        self.assertTrue(await self.other.acquire())
        await self.one.release()
        self.assertFalse(await self.one.acquire())

    async def test_ends(self) -> None:
        """A lease that is not renewed expires. Its holder has lost it then."""
        self.patch(lease, "LASTS", timedelta(milliseconds=50))
        await self.one.acquire()
        await deferLater(reactor, 0.06)

        self.patch(lease, "LASTS", LASTS)
        self.assertTrue(await self.other.acquire())
        self.assertFalse(await self.one.acquire())

    async def test_clock_set_back(self) -> None:
        """An end that the database's clock cannot have given, before it was set back, holds nobody up."""
        await self.one.acquire()
        far = now() + timedelta(hours=1)
        await self.database.update(LEASES, {"_id": "work"}, {"$set": {"until": far}})

        self.assertTrue(await self.other.acquire())

    async def test_not_open(self) -> None:
        """A lease that was never held needs no database to be released."""
        await Lease(Database("mongodb://127.0.0.1:1/none"), "work").release()


class Signs(TestCase):
    async def test_away(self) -> None:
        """A daemon that stops does not wait long for a database that does not answer, before it closes it."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            database = Database(f"mongodb://127.0.0.1:{silent.getsockname()[1]}/test")
            database.open()
            self.addCleanup(close, database)
            self.patch(lease, "LAST_WORD", 0.05)
            # It begins now as the other does, so that a busy machine delays both.
            later = reactor.callLater(2, lambda: None)

            await SignOfLife(database).end()

            self.assertTrue(later.active())
            later.cancel()
