"""The mailboxes of two daemons on one database and one bus."""

from typing import Any

from bson import decode
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.model.entry import Entry, Kind
from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.store import dialogs
from justchat.store.hybrid_clock import HybridClock
from justchat.store.indexes import create_indexes
from justchat.store.log import liveness
from justchat.store.mailboxes import Mailboxes
from justchat.store.mongo.client import Database, Document
from tests.support.direct import send
from tests.support.memory_bus import MemoryBus, MemoryNode
from tests.support.mongo import discard, empty_uri
from tests.support.waiting import eventually

HOUR = 3600 * 10**9


class Joined(TestCase):
    async def setUp(self) -> None:
        self.patch(dialogs, "WRITE_DELAY", 60)
        self.patch(liveness, "seconds_since_boot", lambda: 0.0)  # however slow the machine is
        uri, node = empty_uri(), MemoryNode()
        self.buses = [node.bus() for _ in range(2)]
        self.databases = [Database(uri) for _ in range(2)]
        for database in self.databases:
            database.open()
            self.addCleanup(discard, database)
        await create_indexes(self.databases[0])
        self.one, self.other = map(self.mailboxes, self.databases, self.buses)
        self.anna, self.boris = new_id(), new_id()

    def mailboxes(self, database: Database, bus: MemoryBus) -> Mailboxes:
        mailboxes = Mailboxes(database, reactor, bus=bus)
        self.addCleanup(mailboxes.stop)
        return mailboxes

    def commands(self, database: Database) -> list[str]:
        """The names of the commands that are sent from now on."""
        run, names = database._connections.run, []

        async def noted(command: bytes, *arguments: Any, **more: Any) -> Document:
            names.append(next(iter(decode(command))))
            return await run(command, *arguments, **more)

        self.patch(database._connections, "run", noted)
        return names

    async def test_one_command(self) -> None:
        """In a dialog that goes on, a message costs the database its insert, and nothing else."""
        for _ in range(2):
            await send(self.one, self.anna, self.boris)
            await send(self.one, self.boris, self.anna)
        await eventually(lambda: all(map(self.buses[0].epoch, (self.anna, self.boris))), "both to be followed")
        await send(self.one, self.anna, self.boris)
        await send(self.one, self.boris, self.anna)
        commands = self.commands(self.databases[0])

        await send(self.one, self.anna, self.boris)
        await send(self.one, self.boris, self.anna)

        self.assertEqual(["insert"] * 2, commands)

    async def test_order(self) -> None:
        """A reply comes after its message, which the bus has brought from a daemon whose clock is ahead."""
        self.databases[1].order_clock = HybridClock(lambda: int(now().timestamp() * 1e9) + HOUR)
        for user in (self.anna, self.boris):
            await self.buses[0].follow(user)
            await self.one.head(user)
        question = await send(self.other, self.anna, self.boris)
        self.assertGreater(question.order or 0, now().timestamp() * 1e6 + HOUR / 2000)
        await eventually(lambda: self.one._log.heads.in_memory[self.boris].seq == 1, "the message to arrive")
        commands = self.commands(self.databases[0])

        answer = await send(self.one, self.boris, self.anna)

        self.assertGreater(answer.order or 0, question.order or 0)
        self.assertEqual("insert", commands[0])

    async def test_order_behind_a_receipt(self) -> None:
        """So if it was there before this daemon followed anything, and is not the last of its stream."""
        self.databases[1].order_clock = HybridClock(lambda: int(now().timestamp() * 1e9) + HOUR)
        question = await send(self.other, self.anna, self.boris)
        await self.other.append(
            self.boris,
            lambda seq: Entry(
                id=new_id(), stream=self.boris, seq=seq, kind=Kind.READ, author=self.anna, created_at=now()
            ),
        )
        await self.buses[0].follow(self.boris)

        answer = await send(self.one, self.boris, self.anna)

        self.assertGreater(answer.order or 0, question.order or 0)
