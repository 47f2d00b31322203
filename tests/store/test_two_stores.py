"""Two daemons' stores on one database: what one has answered, the other shows."""

from bson import ObjectId
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.interfaces.rooms import Proposal
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room, RoomSearch
from justchat.store import dialogs
from justchat.store.indexes import DIALOGS, create_indexes
from justchat.store.log.withdrawals import Withdrawals
from justchat.store.mailboxes import Mailboxes
from justchat.store.mongo.client import Database, Document
from justchat.store.rooms import Rooms
from tests.support.direct import send
from tests.support.mongo import discard, empty_uri
from tests.support.waiting import at_once

MANY = 400
"""More changes at once than Python has frames for, if each waited in the frame of the one before."""


class Stores(TestCase):
    """No daemon writes anything later by itself."""

    async def setUp(self) -> None:
        self.patch(dialogs, "WRITE_DELAY", 60)
        uri = empty_uri()
        self.databases = [Database(uri) for _ in range(2)]
        for database in self.databases:
            database.open()
            self.addCleanup(discard, database)
        await create_indexes(self.databases[0])
        self.anna, self.boris, self.eve = (new_id() for _ in range(3))

    def mailboxes(self, database: Database, *, shared: bool = True) -> Mailboxes:
        mailboxes = Mailboxes(database, reactor, shared=shared)
        self.addCleanup(mailboxes.stop)
        return mailboxes

    def rooms(self, database: Database) -> Rooms:
        rooms = Rooms(database, reactor)
        self.addCleanup(rooms.stop)
        return rooms

    async def shown(self, mailboxes: Mailboxes, user: Id) -> list[str]:
        """The last message of each dialog."""
        return [dialog.last_message.text for dialog in await mailboxes.dialogs(user)]


class Dialogs(Stores):
    async def stored_dialogs(self) -> list[Document]:
        everybody = {"$in": [ObjectId(user) for user in (self.anna, self.boris, self.eve)]}
        return await self.databases[0].find(DIALOGS, {"owner": everybody}, limit=9)

    async def test_written(self) -> None:
        """A message is in both dialogs at the other daemon as soon as it is answered."""
        one, other = map(self.mailboxes, self.databases)
        await other.dialogs(self.anna)

        for text in ("first", "second"):
            await send(one, self.anna, self.boris, text)

            self.assertEqual([text], await self.shown(other, self.anna))
            self.assertEqual([text], await self.shown(other, self.boris))

    async def test_written_behind(self) -> None:
        """Only the first message of a dialog waits until its dialogs are written; the next ones are shown all the same,
        and in their place.
        """
        one, other = map(self.mailboxes, self.databases)
        await send(one, self.anna, self.boris, "first")
        await send(one, self.eve, self.anna, "hello")
        before = await self.stored_dialogs()

        await send(one, self.anna, self.boris, "second")

        self.assertEqual(before, await self.stored_dialogs())
        self.assertEqual(["second", "hello"], await self.shown(other, self.anna))
        self.assertEqual(["second"], await self.shown(other, self.boris))

    async def test_removed_and_continued(self) -> None:
        """A dialog that is removed through one daemon has the messages that come after, of which another one knows that
        it need not write them at once.
        """
        one, other = map(self.mailboxes, self.databases)
        for text in ("first", "second"):
            await send(one, self.anna, self.boris, text)
        await other.remove_dialog(self.boris, self.anna)
        self.assertEqual([], await self.shown(other, self.boris))

        await send(one, self.anna, self.boris, "third")

        self.assertEqual(["third"], await self.shown(other, self.boris))

    async def test_removed_for_good(self) -> None:
        """Of a dialog that was removed nothing is left, once no daemon relies on it and its owner looks."""
        one, other = map(self.mailboxes, self.databases)
        await send(one, self.anna, self.boris, "first")
        await other.remove_dialog(self.boris, self.anna)
        self.assertEqual(2, len(await self.stored_dialogs()))
        await other._database.update_all(DIALOGS, {"owner": ObjectId(self.boris)}, {"$set": {"active_until": 1}})

        self.assertEqual([], await self.shown(other, self.boris))

        (left,) = await self.stored_dialogs()
        self.assertEqual(ObjectId(self.anna), left["owner"])

    async def test_taken_back(self) -> None:
        """A dialog whose last message was taken back after it was written shows the message before."""
        one, other = map(self.mailboxes, self.databases)
        await send(one, self.anna, self.boris, "stays")
        message = await send(one, self.anna, self.boris, "is taken back")
        await one.stop()
        await other._database.update_all(DIALOGS, {"owner": ObjectId(self.boris)}, {"$set": {"active_until": 1}})

        assert await Withdrawals(self.databases[1], self.fail).take_back(message) is not None

        self.assertEqual(["stays"], await self.shown(other, self.boris))

    async def test_removed_dialog(self) -> None:
        """A dialog that is removed through another daemon does not come back when the first writes it late."""
        one, other = self.mailboxes(self.databases[0], shared=False), self.mailboxes(self.databases[1])
        await send(one, self.anna, self.boris, "late")
        await other.remove_dialog(self.boris, self.anna)

        await one.dialogs(self.eve)  # which writes what dialogs lack

        self.assertEqual([], await self.shown(other, self.boris))
        self.assertEqual([], await self.shown(one, self.boris))
        self.assertEqual(["late"], await self.shown(other, self.anna))

    async def test_removed_message(self) -> None:
        """So with a message: the one before it is the last of the dialog."""
        one, other = self.mailboxes(self.databases[0], shared=False), self.mailboxes(self.databases[1])
        await send(other, self.anna, self.boris, "early")
        late = await send(one, self.anna, self.boris, "late")
        await other.remove(self.boris, await other.get(self.boris, late.id))

        await one.dialogs(self.eve)

        self.assertEqual(["early"], await self.shown(other, self.boris))
        self.assertEqual(["late"], await self.shown(other, self.anna))


class Lists(Stores):
    async def test_entered(self) -> None:
        """Who has entered through one is counted in the other's list of rooms at once."""
        one, other = map(self.rooms, self.databases)
        room = Room(id=new_id(), name="a room", admin=self.anna, created_at=now(), max_users=9)
        await one.create(room)

        await one.append(
            room.id,
            lambda _, seq: Entry(
                id=new_id(),
                stream=room.id,
                seq=seq,
                kind=Kind.NEW_ROOMMATE,
                author=self.anna,
                user=self.anna,
                created_at=now(),
            ),
        )

        [listed] = await other.search(RoomSearch(), self.boris)
        self.assertEqual([self.anna], list(listed.users))

    async def test_changed_by_many(self) -> None:
        """However many changes of a room are under way at once, each is stored, and the store can be stopped."""
        one, other = map(self.rooms, self.databases)
        room = Room(id=new_id(), name="a room", admin=self.anna, created_at=now(), max_users=9)
        await one.create(room)
        banned = [new_id() for _ in range(MANY)]

        def ban(user: Id) -> Proposal:
            return lambda _, seq: Entry(
                id=new_id(),
                stream=room.id,
                seq=seq,
                kind=Kind.BAN,
                author=self.anna,
                user=user,
                created_at=now(),
            )

        for answer in await at_once(one.append(room.id, ban(user)) for user in banned):
            self.assertIsNotNone(answer)
        await one.stop()

        self.assertEqual(set(banned), set((await other.get(room.id)).banned))
