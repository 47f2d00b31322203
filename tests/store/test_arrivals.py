"""The order of arrival, independent of the wall clock and of ids."""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from justchat.model.complaint import Complaint
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry, Kind
from justchat.model.gift import Reason, Transfer
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.moment import Moment, now
from justchat.model.phone import Phone
from justchat.model.room import Room, RoomSearch
from justchat.model.user import User
from justchat.store.bson import pair
from justchat.store.complaints import ComplaintStore
from justchat.store.hybrid_clock import HybridClock
from justchat.store.indexes import DIALOGS, LOG, ROOMS, create_indexes, restore_order_clock
from justchat.store.ledger import Ledger
from justchat.store.mailboxes import Mailboxes
from justchat.store.mongo.client import Database
from justchat.store.rooms import Rooms
from justchat.store.sessions import Sessions
from justchat.store.users import Users
from tests.support.mongo import discard, empty_uri

HOUR = timedelta(hours=1)


class Numbers(SynchronousTestCase):
    def test_rise(self) -> None:
        """A number is greater than every earlier one, even if the clock stands still or is set back."""
        times = [5_000_000, 5_000_000, 1_000_000, 7_000_000]
        arrivals = HybridClock(lambda: times.pop(0))

        self.assertEqual([5_000, 5_001, 5_002, 7_000], [arrivals.next() for _ in range(4)])

    def test_after_another_daemon(self) -> None:
        """Entries of another daemon that were read come before those that are numbered later."""
        arrivals = HybridClock(lambda: 1_000_000)

        arrivals.observe(None)
        arrivals.observe(9_000)

        self.assertEqual(9_001, arrivals.next())


class Case(TestCase):
    """A database, a day of which the clock is set back in the middle, and a daemon that is restarted then."""

    async def setUp(self) -> None:
        self.uri = empty_uri()
        self.at = now()
        self.databases: list[Database] = []
        self.stopping: list[Any] = []
        await self.start()
        self.anna, self.boris = new_id(), new_id()

    async def start(self, *, shared: bool = False) -> None:
        """A daemon, before which nothing is known."""
        self.database = Database(self.uri)
        self.database.order_clock = HybridClock(lambda: int(self.at.timestamp() * 1e9))
        self.database.open()
        self.databases.append(self.database)
        await create_indexes(self.database)
        await restore_order_clock(self.database)
        self.mailboxes = Mailboxes(self.database, reactor, shared=shared)
        self.rooms = Rooms(self.database, reactor, shared=shared)
        self.stopping += [self.mailboxes, self.rooms]

    async def tearDown(self) -> None:
        for store in self.stopping:
            await store.stop()
        for database in self.databases:
            await discard(database)

    def clock(self) -> Moment:
        return self.at

    async def write(self, author: Id, to: Id, text: str) -> None:
        def make(seq: int, order: int) -> Entry:
            return Entry(
                # As one with a client_id has it: in no order.
                id=derived_id(text),
                stream=to,
                seq=seq,
                kind=Kind.DIRECT_MESSAGE,
                author=author,
                user=to,
                text=text,
                created_at=self.at,
                order=order,
            )

        await self.mailboxes.send(author, to, make)

    async def dialog(self) -> list[str]:
        messages = await self.mailboxes.dialog(self.anna, self.boris, skip=0, limit=100)
        return [message.text for message in reversed(messages)]

    async def last(self, user: Id) -> list[str]:
        return [dialog.last_message.text for dialog in await self.mailboxes.dialogs(user)]


class SetBack(Case):
    async def test_dialog(self) -> None:
        """A dialog, and its last message, are those of the order of arrival, over a restart, too."""
        for n in range(40):
            if n == 20:
                self.at -= HOUR
            if n == 30:
                await self.start()
            await self.write(*((self.anna, self.boris) if n % 3 else (self.boris, self.anna)), f"{n}")

        self.assertEqual([f"{n}" for n in range(40)], await self.dialog())
        self.assertEqual([["39"], ["39"]], [await self.last(user) for user in (self.anna, self.boris)])

    async def test_dialogs(self) -> None:
        """Dialogs are listed latest first, by their last message."""
        await self.write(new_id(), self.anna, "one")
        self.at -= HOUR
        await self.write(new_id(), self.anna, "two")

        self.assertEqual(["two", "one"], await self.last(self.anna))

    async def test_removed(self) -> None:
        """Where the last message is removed, the one before it is the last."""
        for n in range(3):
            self.at -= HOUR
            await self.write(self.anna, self.boris, f"{n}")
        removed = await self.mailboxes.get(self.anna, derived_id("2"))

        await self.mailboxes.remove(self.anna, removed)

        self.assertEqual([["1"], ["2"]], [await self.last(user) for user in (self.anna, self.boris)])

    async def test_other_daemon(self) -> None:
        """A reply comes after its message, even if another daemon, whose clock is ahead, stored the message."""
        await self.write(self.anna, self.boris, "question")
        self.at -= HOUR
        await self.start(shared=True)

        self.database.order_clock = HybridClock(lambda: int(self.at.timestamp() * 1e9))  # it read the database before
        await self.write(self.boris, self.anna, "answer")

        self.assertEqual(["question", "answer"], await self.dialog())

    async def test_rooms(self) -> None:
        """Rooms are listed newest first, and a user's own newest last, by the order in which they came."""
        users = Users(self.database, self.clock)
        anna = User(id=self.anna, phone=Phone("79223438450"), password="", created_at=self.at)
        await users.add(anna)
        ids = [derived_id("room", f"{n}") for n in range(6)]
        for n, id in enumerate(ids):
            if n == 2:
                self.at -= HOUR
            if n == 4:
                await self.start()
            await self.rooms.create(Room(id=id, name="a room", admin=self.anna, created_at=self.at, max_users=9))

        self.assertEqual(ids, [room.id for room in reversed(await self.rooms.search(RoomSearch(), self.anna))])
        self.assertEqual(
            ids, [room.id for room in reversed(await self.rooms.search(RoomSearch(name="room"), self.anna))]
        )
        self.assertEqual(tuple(ids), (await users.get(self.anna)).rooms)

    async def test_snapshots(self) -> None:
        """After a crash the rooms that changed last are found, though they changed at an earlier time."""
        for n in range(4):
            if n == 2:
                self.at -= HOUR
            room = Room(id=new_id(), name="a room", admin=self.anna, created_at=self.at, max_users=9)
            await self.rooms.create(room)
            await self.rooms.append(
                room.id,
                lambda room, seq: Entry(
                    id=new_id(),
                    stream=room.id,
                    seq=seq,
                    kind=Kind.NEW_ROOMMATE,
                    author=self.boris,
                    created_at=self.at,
                ),
            )

        latest = await self.rooms.reconcile()

        self.assertEqual(room.id, latest[0].stream)

    async def test_sessions(self) -> None:
        """Sessions come with the latest first."""
        sessions = Sessions(self.database, self.clock, 86400.0)
        for _ in range(2):
            await sessions.open(self.anna)
            self.at -= HOUR

        latest, first = await sessions.of(self.anna)

        self.assertLess(latest.created_at, first.created_at)

    async def test_complaints(self) -> None:
        """Complaints come with the latest first."""
        complaints = ComplaintStore(self.database)
        message = DirectMessage(id=new_id(), author=self.boris, user=self.anna, text="x", created_at=self.at)
        for text in ("one", "two", "three"):
            self.at -= HOUR
            complaint = Complaint(id=derived_id(text), author=self.anna, message=message, text=text, created_at=self.at)
            await complaints.add_once(complaint, timedelta())

        self.assertEqual(["three", "two", "one"], [complaint.text for complaint in await complaints.latest(9)])
        self.assertEqual(
            ["three", "two", "one"], [complaint.text for complaint in await complaints.latest(9, closed=False)]
        )

    async def test_ledger(self) -> None:
        """Changes of a balance come with the latest first, also those by an operator's command, another process."""
        for amount in (1, 2, 3):
            self.at -= HOUR
            await self.start()
            transfer = Transfer(
                id=derived_id(f"{amount}"),
                user=self.anna,
                amount=amount,
                reason=Reason.PAYMENT,
                created_at=self.at,
            )
            await Ledger(self.database).begin(transfer)

        transfers = await Ledger(self.database).of(self.anna, 9)
        self.assertEqual([3, 2, 1], [transfer.amount for transfer in transfers])


class OfAnEarlierRelease(Case):
    async def an_old_message(self, text: str, seq: int, at: Moment) -> None:
        """Documents as early releases stored them, without an order."""
        document = {
            "_id": ObjectId(derived_id(text)),
            "stream": ObjectId(self.boris),
            "seq": seq,
            "kind": Kind.DIRECT_MESSAGE.value,
            "author": ObjectId(self.anna),
            "user": ObjectId(self.boris),
            "text": text,
            "create_at": at,
            "pair": pair(self.anna, self.boris),
            "read": False,
            "removed_by": [],
        }
        await self.database.insert(LOG, document)

    async def test_dialog(self) -> None:
        """Messages without an order come before all that have one, by time and seq."""
        for n in range(9):
            await self.an_old_message(f"old {n}", n + 1, self.at)
        dialog = {"owner": ObjectId(self.anna), "other": ObjectId(self.boris)}
        await self.database.insert(DIALOGS, {**dialog, "last": ObjectId(derived_id("old 8")), "at": self.at})
        self.assertEqual(["old 8"], await self.last(self.anna))
        self.at -= HOUR

        await self.write(self.anna, self.boris, "new")

        self.assertEqual([*(f"old {n}" for n in range(9)), "new"], await self.dialog())
        self.assertEqual([["new"], ["new"]], [await self.last(user) for user in (self.anna, self.boris)])

    async def test_left_behind(self) -> None:
        """Of old messages that a crash kept dialogs from knowing, the last is found."""
        for n in range(3):
            await self.an_old_message(f"old {n}", n + 1, self.at)

        await self.start()

        self.assertEqual([["old 2"], ["old 2"]], [await self.last(user) for user in (self.anna, self.boris)])

    async def test_rooms(self) -> None:
        """Rooms without an order are listed after those that have one."""
        for n in range(2):
            room = Room(id=new_id(), name=f"{n}", admin=self.anna, created_at=self.at, max_users=9)
            await self.rooms.create(room)
            if n == 0:
                await self.database.update(ROOMS, {"_id": ObjectId(room.id)}, {"$unset": {"order": 1}})
                self.at -= HOUR

        self.assertEqual(["1", "0"], [room.name for room in await self.rooms.search(RoomSearch(), self.anna)])
