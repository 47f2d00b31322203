"""/room/get: searching rooms, by pages."""

import secrets
from typing import Any

from tests.support.chat import ChatTestCase, a_room
from tests.support.client import call
from tests.support.wire import OwnDaemonCase


class Listing(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(), await self.a_person()
        self.mark = secrets.token_hex(6)

    async def names(self, **wanted: Any) -> list[str]:
        """The rooms of this test that are found: their names without the common prefix."""
        wanted.setdefault("name", self.mark)
        answer = await self.anna.call("/room/get", **wanted)
        self.assertEqual(200, answer.status, answer.json)
        return [room["name"].split()[0] for room in answer.data["rooms"]]

    async def rooms(self, *names: str, **more: Any) -> list[str]:
        return [await a_room(self.anna, name=f"{name} {self.mark}", **more) for name in names]

    async def test_newest_first(self) -> None:
        """Rooms come newest first, as whole documents, with the count of all."""
        (one, two) = await self.rooms("one", "two")

        answer = await self.anna.call("/room/get", name=self.mark)

        self.assertEqual([two, one], [room["_id"] for room in answer.data["rooms"]])
        self.assertEqual(2, answer.data["count"])
        self.assertEqual([], answer.data["rooms"][0]["users"])
        self.assertNotIn("password", answer.data["rooms"][0])

    async def test_pages(self) -> None:
        """Pages count from 1; the count is that of all pages."""
        await self.rooms("one", "two", "three")

        answer = await self.anna.call("/room/get", name=self.mark, page=2, per_page=2)

        self.assertEqual(["one"], [room["name"].split()[0] for room in answer.data["rooms"]])
        self.assertEqual(3, answer.data["count"])

    async def test_substring(self) -> None:
        """A name is found by any part of it, whatever the case, taken literally."""
        await self.rooms("Кошки-и-(собаки).*")

        for part in ("КОШКИ", "и-(с", ").*", "ошки-и-(собаки).* " + self.mark[:3].upper()):
            self.assertIn("Кошки-и-(собаки).*", await self.names(name=part), part)
        self.assertEqual([], await self.names(name=f".* {self.mark[:-1]}x"))
        self.assertEqual([], await self.names(name=f".+{self.mark}"))

    async def test_short_parts(self) -> None:
        """One letter or two find a name as well."""
        await self.rooms("ѮѰ")

        self.assertEqual((["ѮѰ"], ["ѮѰ"]), (await self.names(name="ѯ"), await self.names(name="ѯѱ")))

    async def test_by_id(self) -> None:
        """``room_id`` finds one room; an unknown or malformed one none."""
        (one, _) = await self.rooms("one", "two")

        self.assertEqual(["one"], await self.names(room_id=one))
        self.assertEqual([], await self.names(room_id="0" * 24))
        self.assertEqual([], await self.names(room_id="nonsense"))

    async def test_sort(self) -> None:
        """Rooms are sorted by any sortable field, both ways; ``users`` is by how many."""
        _, two, _ = await self.rooms("b", "c", "a")
        await self.anna.enter(two)
        await self.boris.enter(two)

        self.assertEqual(["a", "b", "c"], await self.names(sort={"name": 1}))
        self.assertEqual(["c", "b", "a"], await self.names(sort={"name": -1}))
        self.assertEqual("c", (await self.names(sort={"users": -1}))[0])
        self.assertEqual("c", (await self.names(sort={"users": 1}))[-1])
        self.assertEqual(["b", "c", "a"], await self.names(sort={"create_at": 1}))
        self.assertEqual(["b", "c", "a"], await self.names(sort={"created_at": 1, "users": 1}))

    async def test_unknown_sort(self) -> None:
        """An unknown sort field, or another direction than 1 or -1, is 400."""
        for sort in ({"chat": 1}, {"password": 1}, {"$where": 1}, {"name": 2}, {"name": "1"}, [], "name"):
            answer = await self.anna.call("/room/get", sort=sort)

            self.assertEqual(400, answer.status, sort)

    async def test_filters(self) -> None:
        """``true`` hides full and private rooms, ``"only"`` shows only those."""
        await self.rooms("open")
        await self.rooms("private", password="x")
        (full,) = await self.rooms("full", max_users=1)
        await self.anna.enter(full)

        self.assertEqual(["private", "open"], await self.names(filter={"filled": True}))
        self.assertEqual(["full"], await self.names(filter={"filled": "only"}))
        self.assertEqual(["full", "open"], await self.names(filter={"privated": True}))
        self.assertEqual(["private"], await self.names(filter={"privated": "only"}))
        self.assertEqual(["open"], await self.names(filter={"privated": True, "filled": True}))
        self.assertEqual(["full", "private", "open"], await self.names(filter={"privated": False, "filled": False}))

    async def test_count_only(self) -> None:
        """``countOnly`` returns the count alone."""
        await self.rooms("one", "two")

        answer = await self.anna.call("/room/get", name=self.mark, filter={"countOnly": True})

        self.assertEqual({"count": 2}, answer.data)

    async def test_up_to_date(self) -> None:
        """A search includes every change that was acknowledged before it: a user who entered is counted."""
        (room,) = await self.rooms("one")

        for person in (self.anna, self.boris):
            await person.enter(room)
            answer = await self.anna.call("/room/get", room_id=room)

            self.assertIn(person.id, answer.data["rooms"][0]["users"])

    async def test_too_deep(self) -> None:
        """A page that begins after more than 100,000 rooms is 400, since the database would read them all."""
        pages = ((2, 500), (201, 500), (202, 500), (100_001, 1), (100_002, 1))
        answers = [await self.anna.call("/room/get", page=page, per_page=each) for page, each in pages]

        self.assertEqual([200, 200, 400, 200, 400], [answer.status for answer in answers])
        for path, more in (("/user/messages", "offset"), ("/user/dialog", "skip"), ("/user/gifts", "skip")):
            user = {} if path == "/user/messages" else {"user": self.anna.id}
            answers = [await self.anna.call(path, **user, **{more: deep}) for deep in (100_000, 100_001)]

            self.assertEqual([200, 400], [answer.status for answer in answers], path)


class Many(OwnDaemonCase):
    async def test_rooms_of_one(self) -> None:
        """One room beyond a user's limit is 409 until one is removed. The last call may be sent again."""
        await self.start("[limits]\nrooms_per_user = 3\n")
        anna, boris = await self.a_person(), await self.a_person()
        headers = {"Idempotency-Key": "one", "Authorization": f"Bearer {anna.session_key}"}
        ids = [await a_room(anna) for _ in range(2)]
        last = [await call(self.daemon.http, "/room/create", {"room": {"name": "x"}}, headers) for _ in range(2)]

        refused = await anna.call("/room/create", room={"name": "x"})

        self.assertEqual((409, "too-many-rooms"), (refused.status, refused.code))
        self.assertEqual(last[0].data, last[1].data)
        self.assertEqual(201, (await boris.call("/room/create", room={"name": "x"})).status)
        await anna.call("/room/remove", room={"id": ids[0]})
        self.assertEqual(201, (await anna.call("/room/create", room={"name": "x"})).status)
