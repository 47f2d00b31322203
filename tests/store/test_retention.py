"""Retention: what is older goes, what is younger stays, and nothing contradicts itself meanwhile or after a crash."""

from datetime import timedelta

from bson import ObjectId

from justchat.interfaces.pause import Stopping, no_pause
from justchat.model.audit import Actor, ActorKind, AuditLine, Deed
from justchat.model.entry import Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Moment, now
from justchat.store.audit_log import AuditLog
from justchat.store.indexes import GIFTS, LOG, PICTURES, USERS, VERSIONS
from justchat.store.log import beginnings
from justchat.store.pictures import PictureRecords
from justchat.store.retention import Ages, Retention
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, move, say
from tests.support.retention_case import AGE, RetentionCase


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
