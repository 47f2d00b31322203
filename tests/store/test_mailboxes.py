"""The users' streams."""

from bson import ObjectId
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.store import dialogs
from justchat.store.bson import entry_to_document
from justchat.store.indexes import DIALOGS, LOG, create_indexes
from justchat.store.mailboxes import Mailboxes
from justchat.store.mongo.client import Database
from tests.support.mongo import close, discard, empty_uri


class MailboxesCase(TestCase):
    async def setUp(self) -> None:
        self.uri = empty_uri()
        self.database = Database(self.uri)
        self.database.open()
        await create_indexes(self.database)
        self.mailboxes = Mailboxes(self.database, reactor)
        self.anna = new_id()

    async def tearDown(self) -> None:
        await self.mailboxes.stop()
        await discard(self.database)

    def an_entry(self, id: Id, seq: int, kind: Kind = Kind.READ) -> Entry:
        return Entry(id=id, stream=self.anna, seq=seq, kind=kind, author=self.anna, created_at=now())

    async def kinds(self) -> list[Kind]:
        return [entry.kind for entry in await self.mailboxes.entries(self.anna, 0, 100)]


class Once(MailboxesCase):
    async def test_again(self) -> None:
        """An entry with a derived id is stored once, however often it is appended."""
        once = new_id()
        for _ in range(3):
            await self.mailboxes.append_once(self.anna, once, self.an_entry)

        self.assertEqual([Kind.READ], await self.kinds())

    async def test_void(self) -> None:
        """After an outage in which its first write became void, it is appended again and stored once."""
        once = new_id()
        void = entry_to_document(self.an_entry(once, 1, Kind.VOID))
        await self.database.insert(LOG, {**void, "_id": ObjectId(once)})

        for _ in range(3):
            await self.mailboxes.append_once(self.anna, once, self.an_entry)

        self.assertEqual([Kind.VOID, Kind.READ], await self.kinds())


class Behind(MailboxesCase):
    async def test_bound(self) -> None:
        """While the largest number of messages have unwritten dialogs, the next message waits."""
        self.patch(dialogs, "MAX_BEHIND", 1)
        self.patch(dialogs, "WRITE_DELAY", 60)
        await self.mailboxes.stop()
        self.mailboxes = Mailboxes(self.database, reactor, shared=False)
        written: list[int] = []
        for _ in range(2):
            await self.mailboxes.append(
                self.anna,
                lambda seq: Entry(
                    id=new_id(),
                    stream=self.anna,
                    seq=seq,
                    kind=Kind.DIRECT_MESSAGE,
                    author=new_id(),
                    user=self.anna,
                    text="hello",
                    created_at=now(),
                ),
            )
            written.append(await self.database.count(DIALOGS, {"owner": ObjectId(self.anna)}))

        self.assertEqual([0, 1], written)


class Shared(MailboxesCase):
    async def test_head(self) -> None:
        """The position of a user counts what another daemon has appended: a client that comes back is not told that it
        has missed nothing.
        """
        other = Database(self.uri)
        other.open()
        elsewhere = Mailboxes(other, reactor)
        await self.mailboxes.append(self.anna, lambda seq: self.an_entry(new_id(), seq))
        self.assertEqual(1, await self.mailboxes.head(self.anna))

        await elsewhere.append(self.anna, lambda seq: self.an_entry(new_id(), seq))
        await elsewhere.append(self.anna, lambda seq: self.an_entry(new_id(), seq))

        self.assertEqual(3, await self.mailboxes.head(self.anna))
        await elsewhere.stop()
        await close(other)
