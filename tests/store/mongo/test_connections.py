"""Connections of the pool that are being closed."""

from typing import Any

from twisted.internet.defer import DeferredList, ensureDeferred
from twisted.trial.unittest import TestCase

from justchat.errors import DatabaseAway
from justchat.store.mongo.client import Database
from justchat.store.mongo.pool import CONNECTIONS, Lane
from tests.support.mongo import discard, fresh_uri
from tests.support.waiting import eventually

ALL = CONNECTIONS[Lane.ORDINARY]


class Connections(TestCase):
    async def setUp(self) -> None:
        self.database = Database(fresh_uri())
        self.database.open()
        await self.pings(ALL)

    async def tearDown(self) -> None:
        await discard(self.database)

    def connections(self) -> list[Any]:
        return [factory.instance for factory in self.database._connections.pools[Lane.ORDINARY].getprotocols()]

    async def pings(self, times: int) -> list[bool]:
        asked = [ensureDeferred(self.database.ping()) for _ in range(times)]
        done = await DeferredList(asked, consumeErrors=True)
        for success, failure in done:
            if not success:
                failure.trap(DatabaseAway)
        return [success for success, _ in done]

    async def test_closed(self) -> None:
        """txmongo closes a connection whose server is the primary no more. It is closed, and replaced, though something
        is asked in the same turn of the reactor.
        """
        old = self.connections()
        for connection in old:
            connection.transport.loseConnection()

        await self.pings(2 * ALL)

        await eventually(
            lambda: all(each is not None and each not in old for each in self.connections()), "other connections"
        )
        self.assertEqual([True] * 2 * ALL, await self.pings(2 * ALL))
