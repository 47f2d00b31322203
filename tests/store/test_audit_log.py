"""The audit log in MongoDB: it only grows."""

from twisted.trial.unittest import TestCase

from justchat.model.audit import Actor, ActorKind, AuditLine, Deed
from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.store.audit_log import AuditLog
from justchat.store.indexes import AUDIT, create_indexes
from justchat.store.mongo.append_only import OnlyGrows
from justchat.store.mongo.client import Database
from tests.support.mongo import discard, empty_uri


class AuditLogs(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(lambda: discard(self.database))
        await create_indexes(self.database)
        self.log = AuditLog(self.database)
        self.line = AuditLine(
            id=new_id(),
            who=Actor(ActorKind.KEY, "shop", "192.0.2.7"),
            at=now(),
            deed=Deed.END_SESSIONS,
            whom=new_id(),
            why="theft",
        )
        await self.log.add(self.line)

    async def test_read(self) -> None:
        """A line is read as it was written."""
        for whom in (None, self.line.whom):
            (line,) = await self.log.latest(10, whom)

            self.assertEqual((self.line.id, self.line.who, "theft"), (line.id, line.who, line.why))
        self.assertEqual([], await self.log.latest(10, new_id()))

    async def test_only_grows(self) -> None:
        """Every command that would change or remove a line is refused."""
        changes = (
            lambda: self.database.update(AUDIT, {}, {"$set": {"why": None}}),
            lambda: self.database.update_all(AUDIT, {}, {"$set": {"why": None}}),
            lambda: self.database.upsert(AUDIT, {}, {"$set": {"why": None}}),
            lambda: self.database.replace(AUDIT, {}, {}),
            lambda: self.database.delete_all(AUDIT, {}),
            lambda: self.database.delete_and_get(AUDIT, {}),
            lambda: self.database.update_and_get(AUDIT, {}, {"$set": {"why": None}}),
            lambda: self.database.command({"drop": AUDIT}),
        )

        for change in changes:
            with self.assertRaises(OnlyGrows):
                await change()

        self.assertEqual(1, len(await self.log.latest(10)))
