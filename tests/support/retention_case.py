"""A database in which everything expires after AGE, at a time that the test sets."""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from twisted.internet import reactor

from justchat.interfaces.pause import no_pause
from justchat.metrics.declarations import RETENTION_DELETED
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment, now
from justchat.store.indexes import LOG
from justchat.store.mailboxes import Mailboxes
from justchat.store.retention import Ages, Retention
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, LogCase
from tests.support.waiting import eventually

AGE = timedelta(days=30)


class RetentionCase(LogCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.rooms = await self.a_daemon()
        self.database = self.database_of(self.rooms)
        self.mailboxes = Mailboxes(self.database, reactor, shared=self.shared)
        self.passed = timedelta()
        self.time: Moment | None = None
        self.young_from = now()
        self.before = dict(RETENTION_DELETED.series)

    async def tearDown(self) -> None:
        await self.mailboxes.stop()
        await super().tearDown()

    def clock(self) -> Moment:
        return self.time or now() + self.passed

    def retention(self, rooms: Rooms | None = None, **ages: timedelta) -> Retention:
        return Retention(
            self.database, rooms or self.rooms, self.mailboxes, self.clock, Ages(**(ages or {"messages": AGE}))
        )

    async def all_is_old(self) -> None:
        """What was stored is as old as can be, and what is stored from now on is not."""
        old = now()
        await eventually(lambda: now() > old, "another millisecond")
        self.young_from = now()

    async def expire(self, retention: Retention, pause: Any = no_pause) -> None:
        """Carry out a pass, at a time when what was old has just expired."""
        self.time = self.young_from + AGE
        try:
            await retention.run(pause)
        finally:
            self.time = None

    def seqs(self, entries: list[Entry]) -> list[int]:
        return [entry.seq for entry in entries]

    async def stored(self, stream: Id) -> list[dict[str, Any]]:
        return await self.database.find(LOG, {"stream": ObjectId(stream)}, sort={"stream": 1, "seq": 1}, limit=ALL)

    def deleted(self, what: str) -> float:
        """What metrics have counted in this test."""
        return RETENTION_DELETED.series[what,] - self.before[what,]
