"""``/room/edit`` and slow mode."""

from datetime import datetime
from typing import Any

from tests.support.chat import ChatTestCase, a_room
from tests.support.client import Answer
from tests.support.waiting import at_once


class EditCase(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.admin, self.mod, self.anna = [await self.a_person() for _ in range(3)]
        self.room = await a_room(self.admin, self.admin, self.mod, self.anna)
        await self.admin.call("/room/add-moderator", room_id=self.room, user_id=self.mod.id)

    async def edit(self, **settings: Any) -> Answer:
        answer = await self.admin.call("/room/edit", room={"id": self.room, **settings})
        self.assertEqual(200, answer.status, answer.json)
        return answer


class Editing(EditCase):
    async def test_settings(self) -> None:
        """Each setting is changed, shown at once, found by searches, and told to everybody inside."""
        listener = await self.a_listener(self.anna)

        room = (await self.edit(name="zebra crossing", max_users=3, slow_mode=5)).data["room"]

        fields = ("name", "max_users", "slow_mode", "is_private")
        self.assertEqual(("zebra crossing", 3, 5, False), tuple(room[field] for field in fields))
        event = (await listener.next("service-message"))["data"]
        self.assertEqual(("edit room", self.admin.id, self.room), tuple(event[f] for f in ("type", "author", "room")))
        self.assertNotIn("settings", event)
        found = (await self.anna.call("/room/get", name="ebra cros")).data["rooms"]
        self.assertEqual([(self.room, 5)], [(each["_id"], each["slow_mode"]) for each in found])
        full = (await self.anna.call("/room/get", name="ebra cros", filter={"filled": True})).data["rooms"]
        self.assertEqual([], full)
        eve = await self.a_person()
        self.assertEqual("room-full", (await eve.enter(self.room)).code)

    async def test_password(self) -> None:
        """A password is set and changed, and null opens the room; what is absent stays."""
        eve = await self.a_person()
        for password, tries in (("one", (401, 200)), ("two", (401, 200))):
            await self.edit(password=password)
            await self.edit(name=f"with {password}")
            found = [(await eve.enter(self.room, password=each)).status for each in ("wrong", password)]
            self.assertEqual(list(tries), found)
            await eve.call("/room/leave", room_id=self.room)

        room = (await self.edit(password=None)).data["room"]

        self.assertEqual((False, "with two"), (room["is_private"], room["name"]))
        self.assertEqual(200, (await eve.enter(self.room)).status)

    async def test_private_at_once(self) -> None:
        """Others see no trace in a profile of a room that gets a password, from the answer on; and see it once open."""
        eve = await self.a_person()

        async def shown() -> list[Any]:
            users = (await eve.call("/init/getUsers", user_ids=[self.admin.id, self.anna.id])).data["users"]
            return [*users[0]["rooms"], users[1]["room"], *users[1]["visitedRooms"]]

        for password, expected in ((None, [self.room] * 3), ("one", [None]), (None, [self.room] * 3), ("two", [None])):
            await self.edit(password=password)
            self.assertEqual(expected, await shown())

    async def test_nothing(self) -> None:
        """What changes nothing is no error, and nobody is told."""
        listener = await self.a_listener(self.anna)

        for settings in ({}, {"name": "a room"}, {"password": None}, {"slow_mode": 0, "name": None}):
            await self.edit(**settings)

        self.assertEqual([], await listener.silence())

    async def test_wrong(self) -> None:
        """A wrong setting is 400 and changes nothing."""
        for settings in ({"name": " "}, {"max_users": 0}, {"slow_mode": 3601}, {"slow_mode": -1}, {"slow_mode": "5"}):
            answer = await self.admin.call("/room/edit", room={"id": self.room, "max_users": 7, **settings})
            self.assertEqual(400, answer.status, settings)
        self.assertEqual(255, (await self.edit()).data["room"]["max_users"])

    async def test_ranks(self) -> None:
        """A moderator may set slow_mode alone, others nothing."""
        for who, settings, status in (
            (self.mod, {"slow_mode": 1}, 200),
            (self.mod, {"slow_mode": 2, "name": "x"}, 403),
            (self.mod, {"password": None}, 403),
            (self.anna, {"slow_mode": 0}, 403),
        ):
            answer = await who.call("/room/edit", room={"id": self.room, **settings})
            self.assertEqual(status, answer.status, settings)
        self.assertEqual(1, (await self.edit()).data["room"]["slow_mode"])


class SlowModes(EditCase):
    async def test_too_soon(self) -> None:
        """Of many messages at once one is sent; the others are 429 with Retry-After. Those with a rank are exempt."""
        await self.edit(slow_mode=600)

        answers = await at_once([self.anna.say(self.room, f"{n}") for n in range(5)])
        ranked = [await who.say(self.room, "x") for who in (self.admin, self.mod) for _ in range(2)]

        self.assertEqual([200, 429, 429, 429, 429], sorted(answer.status for answer in answers))
        late = next(answer for answer in answers if answer.status == 429)
        self.assertEqual("slow-mode", late.code)
        retry = (late.headers.getRawHeaders("Retry-After") or ["0"])[0]
        self.assertTrue(590 < int(retry) <= 600, retry)
        self.assertEqual({200}, {answer.status for answer in ranked})
        await self.edit(slow_mode=0)
        self.assertEqual(200, (await self.anna.say(self.room, "x")).status)

    async def test_waits(self) -> None:
        """After the time the next message is sent; the same one sent again gets its first answer meanwhile."""
        await self.edit(slow_mode=1)
        first = await self.anna.say(self.room, "one", client_id="c")
        again = await self.anna.say(self.room, "one", client_id="c")
        self.assertEqual((200, first.data), (again.status, again.data))

        while (second := await self.anna.say(self.room, "two")).status == 429:
            pass

        times = [answer.data["message"]["create_at"] for answer in (first, second)]
        self.assertGreaterEqual(instant(times[1]) - instant(times[0]), 1)

    async def test_created(self) -> None:
        """A room may be created with slow mode."""
        room = await a_room(self.admin, self.anna, slow_mode=600)

        self.assertEqual([200, 429], [(await self.anna.say(room, "x")).status for _ in range(2)])


def instant(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
