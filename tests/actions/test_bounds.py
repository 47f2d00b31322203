"""Lists are bounded and carry a total count; only those inside see who is in a room with a password."""

import json
from typing import Any

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.money import MoneyCase
from tests.support.waiting import at_once
from tests.support.wire import NOBODY

PEOPLE = ("users", "moderators", "visiters", "banned", "silently")


class Private(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris, self.eve = [await self.a_person() for _ in range(3)]
        self.room = await a_room(self.anna, self.boris, password="sesame", name=f"room of {self.anna.id}")

    async def found(self, who: Person, **wanted: Any) -> dict[str, Any]:
        (room,) = (await who.call("/room/get", **wanted)).data["rooms"]
        return dict(room)

    async def test_people(self) -> None:
        """Those not inside a room with a password see none of its people, only how many there are."""
        await self.anna.call("/room/add-moderator", room_id=self.room, user_id=self.boris.id)

        for wanted in ({"room_id": self.room}, {"name": self.anna.id}):
            room = await self.found(self.eve, **wanted)

            self.assertEqual((1, True), (room["users_count"], room["is_private"]))
            self.assertEqual([], [room[field] for field in PEOPLE if room.get(field)])
            self.assertNotIn(self.boris.id, json.dumps(room))

    async def test_people_inside(self) -> None:
        """Those inside, and the admin, see them."""
        for who in (self.boris, self.anna):
            for wanted in ({"room_id": self.room}, {"name": self.anna.id}):
                room = await self.found(who, **wanted)

                self.assertEqual((1, [self.boris.id]), (room["users_count"], room["users"]))

    async def test_in_a_list(self) -> None:
        """A list of rooms has no visitors, banned or silenced users; a room requested by its id has all of them."""
        listed = await self.found(self.boris, name=self.anna.id)
        whole = await self.found(self.boris, room_id=self.room)

        self.assertEqual(set(), {"visiters", "banned", "silently"} & set(listed))
        self.assertEqual([self.boris.id], whole["visiters"])

    async def seen(self, by: Person, whom: Person) -> list[Any]:
        """For each field that may name the room, whether it does, in both calls that show users."""
        one = (await by.call("/init/getUser", user_id=whom.id)).data["user"]
        (several,) = (await by.call("/init/getUsers", user_ids=[whom.id])).data["users"]
        self.assertEqual(one, several)
        return [one["room"] == self.room, self.room in one["rooms"], self.room in one["visitedRooms"]]

    async def test_whereabouts(self) -> None:
        """A private room is left out of another user's room, rooms and visitedRooms, unless the caller is inside."""
        self.assertEqual([True, False, True], await self.seen(self.boris, self.boris))
        self.assertEqual([False, False, False], await self.seen(self.eve, self.boris))
        self.assertEqual([False, False, False], await self.seen(self.eve, self.anna))
        await self.eve.enter(self.room, password="sesame")
        self.assertEqual([True, False, True], await self.seen(self.eve, self.boris))
        self.assertEqual([False, True, False], await self.seen(self.eve, self.anna))
        await self.eve.call("/room/leave", room_id=self.room)
        self.assertEqual([False, False, False], await self.seen(self.eve, self.boris))

    async def test_open(self) -> None:
        """A public room is shown to everybody."""
        self.room = await a_room(self.anna, self.boris)

        self.assertEqual([True, False, True], await self.seen(self.eve, self.boris))
        self.assertEqual([False, True, False], await self.seen(self.eve, self.anna))


class SeveralUsers(ChatTestCase):
    async def test_order(self) -> None:
        """Several users come in the order in which they were named; those that do not exist are left out."""
        anna, boris, eve = [await self.a_person() for _ in range(3)]

        ids = [eve.id, "x", NOBODY, anna.id, boris.id.upper()]
        answer = await anna.call("/init/getUsers", user_ids=ids)

        users = answer.data["users"]
        self.assertEqual([eve.id, anna.id, boris.id], [user["_id"] for user in users])
        self.assertEqual([False, True, False], ["balance" in user for user in users])

    async def test_bound(self) -> None:
        """100 ids are taken, 101 are not; none is an empty list."""
        anna = await self.a_person()

        answers = [await anna.call("/init/getUsers", user_ids=[NOBODY] * n) for n in (0, 100, 101)]

        self.assertEqual([200, 200, 400], [answer.status for answer in answers])
        self.assertEqual([], answers[0].data["users"])


class Gifts(MoneyCase):
    async def test_latest(self) -> None:
        """A user has the latest 100 gifts, newest last, and their number; /user/gifts pages through all."""
        gift = await self.a_gift()
        await self.top_up(self.anna, gift["price"] * 103)
        for n in range(3):
            await self.give(self.anna, gift["_id"], self.boris.id, f"{n}")
        await at_once(self.give(self.anna, gift["_id"], self.boris.id, "x") for _ in range(99))
        await self.give(self.anna, gift["_id"], self.boris.id, "last")

        shown = await self.boris.shown()
        seen = (await self.anna.call("/init/getUser", user_id=self.boris.id)).data["user"]
        pages = [
            (await self.anna.call("/user/gifts", user=self.boris.id, skip=skip, limit=limit)).data
            for skip, limit in ((0, 2), (100, 100), (102, 1), (103, 1), (200, 1))
        ]

        for user in (shown, seen):
            self.assertEqual((100, 103, "last"), (len(user["gifts"]), user["gifts_count"], user["gifts"][-1]["text"]))
        self.assertEqual([103] * 5, [page["count"] for page in pages])
        texts = [[given["text"] for given in page["gifts"]] for page in pages]
        self.assertEqual([["last", "x"], ["2", "1", "0"], ["0"], [], []], texts)

    async def test_none(self) -> None:
        """A user without gifts has an empty list; an unknown user is 404."""
        answers = [await self.anna.call("/user/gifts", user=user) for user in (self.boris.id, NOBODY, "x")]

        self.assertEqual({"gifts": [], "count": 0}, answers[0].data)
        self.assertEqual([404, 404], [answer.status for answer in answers[1:]])


class Times(MoneyCase):
    def times(self, found: Any) -> list[tuple[Any, Any]]:
        """The two times of every document in an answer."""
        if isinstance(found, list):
            return [pair for item in found for pair in self.times(item)]
        if not isinstance(found, dict):
            return []
        own = [(found.get("create_at"), found.get("created_at"))] if {"create_at", "created_at"} & set(found) else []
        return own + self.times(list(found.values()))

    async def test_twice(self) -> None:
        """Every document with a creation time has it twice, as create_at and as created_at, like events."""
        gift = await self.a_gift()
        await self.top_up(self.anna, gift["price"])
        await self.give(self.anna, gift["_id"], self.boris.id)
        room = await a_room(self.anna, self.anna, self.boris)
        first = (await self.anna.say(room, "one")).data["message"]
        await self.boris.say(room, "two", ref_message=first["_id"])
        until = {"room_id": room, "user_id": self.boris.id, "finished": 4102444800000}
        await self.anna.call("/room/silence", **until)
        sent = await self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": "x"})
        calls: list[tuple[str, dict[str, Any], int]] = [
            ("/init/getUser", {}, 2),
            ("/init/sessions", {}, 1),
            ("/user/gifts", {"user": self.boris.id}, 1),
            ("/room/get", {"room_id": room}, 1),
            ("/room/get", {}, 1),
            ("/room/chat", {"room": room}, 5),
            ("/user/messages", {}, 1),
            ("/user/dialogs", {}, 1),
            ("/user/dialog", {"user": self.anna.id}, 1),
            ("/user/messages/mark-as-read", {"message": sent.data["message"][0]["_id"]}, 1),
            ("/complaints/new", {"message": first["_id"], "text": "x"}, 2),
            ("/gifts", {}, 1),
        ]

        for path, body, least in calls:
            times = self.times((await self.boris.call(path, **body)).json)

            self.assertGreaterEqual(len(times), least, path)
            self.assertEqual([], [pair for pair in times if pair[0] != pair[1] or pair[0] is None], path)

    async def test_finished(self) -> None:
        """A silence in the history has its end, as its event does."""
        room = await a_room(self.anna, self.boris)
        await self.anna.call("/room/silence", room_id=room, user_id=self.boris.id, finished=4102444800000)

        history = (await self.anna.call("/room/chat", room=room)).data["chat"]

        self.assertEqual([None, 4102444800000], [entry.get("finished") for entry in history])
