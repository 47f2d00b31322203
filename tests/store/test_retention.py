"""Retention: what is older goes, what is younger stays, and nothing contradicts itself meanwhile or after a crash."""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from twisted.internet import reactor

from justchat.errors import MessageNotFound
from justchat.interfaces.pause import Stopping, no_pause
from justchat.metrics.declarations import RETENTION_DELETED
from justchat.model.audit import Actor, ActorKind, AuditLine, Deed
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Moment, now
from justchat.store.audit_log import AuditLog
from justchat.store.indexes import DIALOGS, GIFTS, LOG, PICTURES, USERS, VERSIONS
from justchat.store.log import beginnings
from justchat.store.mailboxes import Mailboxes
from justchat.store.pictures import PictureRecords
from justchat.store.retention import Ages, Retention
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, LogCase, move, say
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


class OfRooms(RetentionCase):
    async def test_history(self) -> None:
        """The history begins with the first message that is young enough; numbers and people stay as they are."""
        room = await self.a_room(self.rooms)
        for number in range(1000):
            await self.rooms.append(room, say(self.anna, f"{number}"))
        await self.all_is_old()
        for _ in range(3):
            await self.rooms.append(room, say(self.anna))

        await self.expire(self.retention())

        self.assertEqual(1001, self.deleted("messages"))
        self.assertEqual([1002, 1003, 1004], self.seqs(await self.rooms.history(room, 0, 10, self.anna)))
        self.assertEqual([1003, 1004], self.seqs(await self.rooms.history(room, 1, 10, self.anna)))
        self.assertEqual([1004], self.seqs(await self.rooms.history(room, -1, 10, self.anna)))
        self.assertEqual([], await self.rooms.history(room, 3, 10, self.anna))
        self.assertEqual([1002, 1003, 1004, 1005], [entry["seq"] for entry in await self.stored(room)])
        fresh = await self.a_daemon()
        self.assertEqual(await self.rooms.get(room), await fresh.get(room))
        self.assertIn(self.anna, (await fresh.get(room)).users)
        _, entry = await fresh.append(room, say(self.anna))
        self.assertEqual(1006, entry and entry.seq)

    async def test_quiet(self) -> None:
        """A room in which all has expired is empty, and further passes write nothing into it."""
        room = await self.a_room(self.rooms)
        await self.all_is_old()

        for days in (30, 60, 120):
            self.passed = timedelta(days=days, hours=1)
            await self.retention().run(no_pause)

        self.assertEqual([], await self.rooms.history(room, 0, 10, self.anna))
        self.assertEqual(["history expired"], [entry["kind"] for entry in await self.stored(room)])
        _, entry = await self.rooms.append(room, say(self.anna))
        self.assertEqual(3, entry and entry.seq)

    async def test_young(self) -> None:
        """Where nothing is old enough nothing is written, nor without a setting."""
        room = await self.a_room(self.rooms)
        for retention in (self.retention(), self.retention(direct_messages=AGE)):
            await retention.run(no_pause)

        self.assertEqual([1], [entry["seq"] for entry in await self.stored(room)])
        self.passed = 2 * AGE
        await self.database.delete_all(VERSIONS, {})
        await Retention(self.database, self.rooms, self.mailboxes, self.clock, Ages()).run(no_pause)
        self.assertEqual([1], [entry["seq"] for entry in await self.stored(room)])

    async def test_daemon_behind(self) -> None:
        """Another daemon, which has not looked into a room since before what has expired, knows who is inside."""
        behind = await self.a_daemon()
        room = await self.a_room(self.rooms)
        await behind.get(room)
        boris = new_id()
        await self.rooms.append(room, move(boris, Kind.NEW_ROOMMATE))
        for _ in range(5):
            await self.rooms.append(room, say(boris))
        await self.all_is_old()
        await self.rooms.append(room, say(self.anna))
        await self.expire(self.retention())

        self.assertEqual([8], self.seqs(await behind.history(room, 0, 10, boris)))
        _, entry = await behind.append(room, say(boris))

        self.assertEqual(10, entry and entry.seq)
        self.assertEqual(await self.rooms.latest(room), await behind.latest(room))

    async def test_steps(self) -> None:
        """A pass that ends after any step is gone on with by the next one, at another daemon too."""
        self.patch(beginnings, "AT_ONCE", 2)
        rooms = [await self.a_room_with_old(5) for _ in range(3)]
        await self.all_is_old()
        for room in rooms:
            await self.rooms.append(room, say(self.anna))
        steps = 0

        while not await self.expired_in(steps, await self.a_daemon() if steps % 5 == 0 else self.rooms):
            for room in rooms:
                page = self.seqs(await self.rooms.history(room, 0, 10, self.anna))
                self.assertIn(page, ([7], [1, 2, 3, 4, 5, 6, 7]))
            steps += 1

        self.assertGreater(steps, 3)
        for room in rooms:
            self.assertEqual([7, 8], [entry["seq"] for entry in await self.stored(room)])

    async def a_room_with_old(self, messages: int) -> Id:
        room = await self.a_room(self.rooms)
        for _ in range(messages):
            await self.rooms.append(room, say(self.anna))
        return room

    async def expired_in(self, steps: int, rooms: Rooms) -> bool:
        """Whether a pass ends within so many steps, after which it would be stopped."""

        async def pause() -> None:
            nonlocal steps
            steps -= 1
            if steps < 0:
                raise Stopping

        try:
            await self.expire(self.retention(rooms), pause)
        except Stopping:
            return False
        return True

    async def test_rest(self) -> None:
        """What webhooks are still to be told of stays until they are, and goes with the next pass."""
        room = await self.a_room(self.rooms)
        await self.rooms.append(room, say(self.anna))
        await self.all_is_old()
        place = {"stream": ObjectId(room), "seq": 2}
        await self.database.update(LOG, place, {"$set": {"hook": True}})

        await self.expire(self.retention())
        self.assertEqual([2, 3], [entry["seq"] for entry in await self.stored(room)])
        self.assertEqual([], await self.rooms.history(room, 0, 10, self.anna))
        await self.database.update(LOG, place, {"$unset": {"hook": 1}})
        await self.database.delete_all(VERSIONS, {})
        await self.expire(self.retention())

        self.assertEqual([3], [entry["seq"] for entry in await self.stored(room)])


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


class OfRest(RetentionCase):
    async def test_pictures(self) -> None:
        """Old pictures become orphans, but for photos of users and gifts, whoever uploaded them."""
        stems = {
            name: letter * 32
            for name, letter in zip(("old", "photo", "anonymous", "gift", "new"), "abcde", strict=True)
        }
        records = PictureRecords(self.database, self.clock, "ours")
        for name in ("old", "photo", "anonymous", "gift"):
            await records.add(stems[name], self.anna if name == "photo" else None, 1)
        await self.all_is_old()
        await records.add(stems["new"], None, 1)
        await records.refer(list(stems.values()))
        for user, name in ((self.anna, "photo"), (new_id(), "anonymous")):
            photo = f"https://chat.example/uploads/{stems[name]}.png"
            await self.database.insert(USERS, {"_id": ObjectId(user), "phone": user, "photo": photo})
        await self.database.insert(GIFTS, {"_id": ObjectId(), "image": f"/uploads/{stems['gift']}.png"})

        await self.expire(self.retention(uploads=AGE))

        self.assertEqual(1, self.deleted("uploads"))
        self.assertEqual([stems["old"]], await records.take_orphans(self.clock() - timedelta(days=1), 10))
        document = await self.database.find_one(PICTURES, {"_id": stems["new"]})
        self.assertTrue(document and document["kept"])

    async def test_audit(self) -> None:
        """Old lines of the audit log go, and no others."""
        log = AuditLog(self.database)

        async def add() -> Id:
            line = AuditLine(
                id=new_id(), who=Actor(ActorKind.OPERATOR, "ann"), at=now(), deed=Deed.END_SESSIONS, whom=None, why=None
            )
            await log.add(line)
            return line.id

        for _ in range(3):
            await add()
        await self.all_is_old()
        young = await add()

        await self.expire(self.retention(audit=AGE))

        self.assertEqual([young], [line.id for line in await log.latest(10)])
        self.assertEqual(3, self.deleted("audit"))

    async def test_plans(self) -> None:
        """No operation of a pass scans a collection or sorts in memory."""
        room = await self.a_room(self.rooms)
        await self.database.insert(USERS, {"_id": ObjectId(self.anna), "phone": self.anna})
        await PictureRecords(self.database, self.clock, "ours").add("a" * 32, None, 1)
        await self.all_is_old()
        await self.rooms.append(room, say(self.anna))
        await self.database.command({"profile": 2})

        await self.expire(self.retention(messages=AGE, direct_messages=AGE, uploads=AGE, audit=AGE))

        await self.database.command({"profile": 0})
        operations = await self.database.find(
            "system.profile", {"op": {"$in": ["query", "update", "remove"]}}, limit=ALL
        )
        self.assertGreater(len(operations), 20)
        bad = [each for each in operations if "COLLSCAN" in each.get("planSummary", "") or each.get("hasSortStage")]
        self.assertEqual([], [each["command"] for each in bad])

    async def test_once_a_day(self) -> None:
        """A pass comes about once a day, whichever daemon does it, after restarts too; sooner for short ages."""
        began: list[Moment] = []
        for days in (0, 0.5, 0.9, 1.1, 1.2, 2.2):
            self.passed = timedelta(days=days)
            await self.retention().run(no_pause)
            document = await self.database.find_one(VERSIONS, {"_id": "retention"})
            assert document is not None
            began.append(document["began"])
        self.assertEqual(3, len(set(began)))

        await self.database.delete_all(VERSIONS, {})
        often = self.retention(audit=timedelta(hours=1))
        for minutes in (0, 3, 7):
            self.passed = timedelta(days=3, minutes=minutes)
            await often.run(no_pause)
        document = await self.database.find_one(VERSIONS, {"_id": "retention"})
        assert document is not None
        self.assertLess(timedelta(days=3, minutes=6), document["began"] - now().replace(tzinfo=None))
