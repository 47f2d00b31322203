"""Retention of direct messages: dialogs, unread counts and numbers stay right without what expires."""

from bson import ObjectId
from twisted.internet import reactor

from justchat.errors import MessageNotFound
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.store.indexes import DIALOGS, USERS, VERSIONS
from justchat.store.log import beginnings
from justchat.store.mailboxes import Mailboxes
from tests.support.retention_case import AGE, RetentionCase


class OfUsers(RetentionCase):
    shared = False

    async def setUp(self) -> None:
        await super().setUp()
        self.boris = new_id()
        for user in (self.anna, self.boris):
            await self.database.insert(USERS, {"_id": ObjectId(user), "phone": user})

    async def write(self, kind: Kind = Kind.DIRECT_MESSAGE, *, to: Id | None = None, author: Id | None = None) -> Entry:
        to, author = to or self.boris, author or self.anna

        def make(seq: int, order: int | None = None) -> Entry:
            return Entry(
                id=new_id(),
                stream=to,
                seq=seq,
                kind=kind,
                author=author,
                user=to,
                text="hello",
                created_at=now(),
                order=order,
            )

        if kind is Kind.DIRECT_MESSAGE:
            return await self.mailboxes.send(author, to, make)
        return await self.mailboxes.append(to, make)

    async def pass_over(self) -> None:
        await self.mailboxes.write_dialogs()
        await self.expire(self.retention(direct_messages=AGE))

    async def test_messages(self) -> None:
        """Messages and their dialogs go, and unread counts with them; what is younger stays."""
        carol = new_id()
        for _ in range(3):
            await self.write()
        await self.write(author=carol)
        self.assertEqual(4, await self.mailboxes.count_unread(self.boris, author=None, to=None))
        await self.all_is_old()
        await self.write(author=carol)

        await self.pass_over()

        self.assertEqual(1, await self.mailboxes.count_unread(self.boris, author=None, to=None))
        (dialog,) = await self.mailboxes.dialogs(self.boris)
        self.assertEqual((carol, 1), (dialog.other, dialog.unread))
        self.assertEqual([], await self.mailboxes.dialogs(self.anna))
        self.assertEqual([], await self.mailboxes.dialog(self.anna, self.boris, skip=0, limit=10))
        left = await self.mailboxes.messages(self.boris, author=None, to=None, offset=0, limit=10)
        self.assertEqual(1, len(left))
        self.assertEqual([5], [entry["seq"] for entry in await self.stored(self.boris)])
        of_all = {"owner": {"$in": list(map(ObjectId, (self.anna, self.boris, carol)))}}
        owners = {str(each["owner"]) for each in await self.database.find(DIALOGS, of_all, limit=10)}
        self.assertEqual({self.boris, carol}, owners)

    async def test_last(self) -> None:
        """Where the last entry of a stream expires its number stays, without a word, also after a restart."""
        for _ in range(3):
            await self.write()
        await self.all_is_old()

        for _ in range(2):
            await self.pass_over()
            await self.database.delete_all(VERSIONS, {})

        self.assertEqual(3, self.deleted("direct_messages"))
        (left,) = await self.stored(self.boris)
        self.assertEqual((3, "void"), (left["seq"], left["kind"]))
        self.assertNotIn("text", left)
        self.assertEqual([], await self.mailboxes.dialogs(self.boris))
        await self.mailboxes.stop()
        self.mailboxes = Mailboxes(self.database, reactor, shared=self.shared)
        self.assertEqual(4, (await self.write()).seq)

    async def test_read_meanwhile(self) -> None:
        """A message that expires while it is being read is not found, whether it is deleted or void."""
        for _ in range(2):
            await self.write()
        messages = await self.mailboxes.messages(self.boris, author=None, to=None, offset=0, limit=10)
        await self.all_is_old()
        await self.pass_over()

        for message in messages:
            with self.assertRaises(MessageNotFound):
                await self.mailboxes.mark_as_read(message, now())
        self.assertNotIn("read", (await self.stored(self.boris))[0])

    async def test_state(self) -> None:
        """Gifts, and whom a user blocks, do not expire."""
        await self.write(Kind.GIFT)
        await self.write(Kind.NOTICE)
        await self.mailboxes.append(
            self.boris,
            lambda seq: Entry(
                id=new_id(),
                stream=self.boris,
                seq=seq,
                kind=Kind.BLOCK,
                author=self.boris,
                user=self.anna,
                created_at=now(),
            ),
        )
        await self.all_is_old()

        await self.pass_over()

        self.assertEqual([1, 3], [entry["seq"] for entry in await self.stored(self.boris)])
        self.assertEqual([self.anna], await Mailboxes(self.database, reactor, shared=False).blocks(self.boris))

    async def test_many(self) -> None:
        """A stream is looked through in steps, from its beginning to the first that is young enough."""
        self.patch(beginnings, "AT_ONCE", 3)
        for number in range(10):
            await self.write(Kind.GIFT if number % 4 == 0 else Kind.DIRECT_MESSAGE)
        await self.all_is_old()
        for _ in range(2):
            await self.write()

        await self.pass_over()

        self.assertEqual([1, 5, 9, 11, 12], [entry["seq"] for entry in await self.stored(self.boris)])
