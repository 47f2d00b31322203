"""``/server/rooms/…``: the app's own server acts as the room's admin."""

from typing import Any

from tests.support.admin import AdminCase
from tests.support.chat import a_room
from tests.support.servers import an_app_server


class ServerRooms(AdminCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.server = await an_app_server(self.daemon)
        self.anna, self.boris = await self.a_person(), await self.a_person()

    async def deeds(self, whom: str) -> list[tuple[str, str]]:
        """What the audit log has about somebody or something, the latest first."""
        lines: list[dict[str, Any]] = (await self.answer("audit", "list", "--whom", whom))["audit"]
        return [(line["deed"], line["why"]) for line in lines]

    async def test_life(self) -> None:
        """A room is created for an admin, edited, filled and removed; everybody is told, with the admin as author."""
        created = await self.server.call(
            "/server/rooms/create", user=self.anna.id, room={"name": "club", "password": "sesame", "max_users": 2}
        )
        room = created.data["room"]
        self.assertEqual(
            (201, self.anna.id, True, []), (created.status, room["admin"], room["is_private"], room["users"])
        )
        anna, boris = [await self.a_listener(who) for who in (self.anna, self.boris)]

        for who in (self.anna, self.boris):
            put = await self.server.call("/server/rooms/put", room={"id": room["_id"]}, user=who.id)
            self.assertIn(who.id, put.data["room"]["users"], put)
        self.assertEqual(room["_id"], (await self.boris.shown())["room"])
        events = [await anna.next("service-message") for _ in range(2)]
        self.assertEqual([self.anna.id, self.boris.id], [event["data"]["user"] for event in events])
        await boris.next("service-message")
        edited = await self.server.call(
            "/server/rooms/edit", room={"id": room["_id"], "name": "circle", "password": None}
        )
        self.assertEqual(("circle", False), (edited.data["room"]["name"], edited.data["room"]["is_private"]))
        event = (await boris.next("service-message"))["data"]
        self.assertEqual(("edit room", self.anna.id), (event["type"], event["author"]))
        self.assertEqual(200, (await self.server.call("/server/rooms/remove", room={"id": room["_id"]})).status)
        event = (await boris.next("service-message"))["data"]
        self.assertEqual(("remove room", self.anna.id), (event["type"], event["author"]))
        self.assertIsNone((await self.boris.shown())["room"])
        self.assertEqual([("remove room", None), ("edit room", None)], await self.deeds(room["_id"]))
        self.assertIn(("create room", f"room {room['_id']}"), await self.deeds(self.anna.id))
        self.assertIn(("put into room", f"room {room['_id']}"), await self.deeds(self.boris.id))

    async def test_kick(self) -> None:
        """Whoever is put out may come back; the admin leaves, and stays the admin. Both names of each field do."""
        room = await a_room(self.anna, self.anna, self.boris)
        listener = await self.a_listener(self.boris)

        for body in ({"room_id": room, "user": self.boris.id}, {"room": {"id": room}, "user_id": self.boris.id}):
            self.assertEqual(
                (200, {}), ((answer := await self.server.call("/server/rooms/kick", **body)).status, answer.json)
            )
        event = (await listener.next("service-message"))["data"]
        self.assertEqual(("kick", self.boris.id, self.anna.id), (event["type"], event["user"], event["author"]))
        self.assertEqual([], await listener.silence())
        self.assertEqual(200, (await self.boris.call("/room/enter", room={"id": room})).status)
        self.assertEqual(200, (await self.server.call("/server/rooms/kick", room_id=room, user=self.anna.id)).status)
        self.assertIsNone((await self.anna.shown())["room"])
        (shown,) = (await self.anna.call("/room/get", room_id=room)).data["rooms"]
        self.assertEqual((self.anna.id, [self.boris.id]), (shown["admin"], shown["users"]))

    async def test_refused(self) -> None:
        """A banned user stays out, a full room stays full, and what does not exist is 404; the rest is 400."""
        room = await a_room(self.anna, self.anna, self.boris)
        await self.anna.call("/room/ban", room_id=room, user_id=self.boris.id)
        full = (await self.anna.call("/room/create", room={"name": "x", "max_users": 1})).data["room"]["_id"]
        await self.server.call("/server/rooms/put", room_id=full, user=self.anna.id)
        other = await self.a_person()
        nothing = "0" * 24

        for path, body, code in (
            ("put", {"room_id": room, "user": self.boris.id}, "banned"),
            ("put", {"room_id": full, "user": other.id}, "room-full"),
            ("put", {"room_id": nothing, "user": other.id}, "room-not-found"),
            ("put", {"room_id": room, "user": nothing}, "user-not-found"),
            ("kick", {"room_id": room, "user": nothing}, "user-not-found"),
            ("kick", {"room_id": room, "user": self.anna.id, "user_id": self.anna.id}, "invalid-fields"),
            ("kick", {"user": self.anna.id}, "invalid-fields"),
            ("edit", {"room": {"id": nothing}}, "room-not-found"),
            ("remove", {"room": {"id": nothing}}, "room-not-found"),
            ("create", {"user": nothing, "room": {"name": "x"}}, "user-not-found"),
            ("create", {"room": {"name": "x"}}, "invalid-fields"),
        ):
            answer = await self.server.call(f"/server/rooms/{path}", **body)
            self.assertEqual(code, answer.code, (path, body))
        self.assertEqual([], await self.deeds(nothing))

    async def test_put_once(self) -> None:
        """With one Idempotency-Key, somebody is put into a room once: a repeat brings nobody back who has left."""
        room = await a_room(self.anna)
        put: dict[str, Any] = {"room": {"id": room}, "user": self.boris.id}
        first = await self.server.keyed("come", "/server/rooms/put", **put)
        self.assertEqual(200, (await self.boris.call("/room/leave", room_id=room)).status)

        again = await self.server.keyed("come", "/server/rooms/put", **put)

        self.assertEqual((200, first.data), (again.status, again.data))
        self.assertIsNone((await self.boris.shown())["room"])
        self.assertEqual(1, [deed for deed, _ in await self.deeds(self.boris.id)].count("put into room"))

    async def test_once(self) -> None:
        """With one Idempotency-Key, one room is created."""
        rooms = [
            (await self.server.keyed("club", "/server/rooms/create", user=self.anna.id, room={"name": "club"})).data
            for _ in range(2)
        ]

        self.assertEqual(rooms[0], rooms[1])
        self.assertEqual([rooms[0]["room"]["_id"]], (await self.anna.shown())["rooms"])
