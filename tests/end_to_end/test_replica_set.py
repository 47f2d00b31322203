"""A replica set of three that loses its primary under load: acknowledged messages stay."""

import time

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.client import Listener
from tests.support.crashes import CrashCase
from tests.support.daemon import Daemon
from tests.support.replica_set import PATIENCE, ReplicaSet
from tests.support.waiting import assert_within, slowness


class PrimaryLost(CrashCase):
    async def setUp(self) -> None:
        self._logged = 0
        self._listeners: list[Listener] = []
        self.database = await ReplicaSet().start()
        self.daemon = await Daemon("--mongo", self.database.uri("justchat")).start()

    async def tearDown(self) -> None:
        try:
            await super().tearDown()
        finally:
            self.database.end()

    async def test_killed(self) -> None:
        """The next primary is found soon, and every acknowledged message is there, once and in order."""
        await self.talk()
        primary = await self.database.primary()

        until = time.monotonic() + PATIENCE * slowness()
        primary.end()
        last = time.monotonic()
        longest, seen, wanted = 0.0, len(self.crowd.said), len(self.crowd.said) + 300
        while len(self.crowd.said) < wanted and time.monotonic() < until:
            await deferLater(reactor, 0.01)
            if len(self.crowd.said) > seen:
                seen, last = len(self.crowd.said), time.monotonic()
            longest = max(longest, time.monotonic() - last)
        await self.crowd.end()

        print(f"longest time without an acknowledged write: {longest:.1f} s")
        self.assertGreaterEqual(len(self.crowd.said), wanted)
        assert_within(15, longest)
        self.assertLessEqual({outcome.status for outcome in self.crowd.refused}, {503})
        await self.check_kept()
