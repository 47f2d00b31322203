"""``justchat-admin rooms``: the rooms that there are, and their removal."""

from typing import Any

from tests.support.admin import AdminCase
from tests.support.chat import a_phone, a_room
from tests.support.waiting import eventually

NOBODY = "0" * 24


class Listing(AdminCase):
    async def listed(self, *arguments: str) -> list[dict[str, Any]]:
        rooms: list[dict[str, Any]] = (await self.answer("rooms", "list", *arguments))["rooms"]
        return rooms

    async def test_list(self) -> None:
        """Rooms are listed with who is inside, the latest first, page by page; or those with a part in their name."""
        anna, boris = [await self.a_person() for _ in range(2)]
        name = f"chess {a_phone()}"
        first, second, third = [await a_room(anna, name=f"{name} {n}") for n in "cab"]
        await boris.enter(second)

        async def entered() -> list[dict[str, Any]]:
            rooms = await self.listed("--name", name)
            return rooms if any(room["users"] for room in rooms) else []

        listed = await eventually(entered, "the snapshot of the room")  # the daemon writes it behind the log

        self.assertEqual([third, second, first], [room["_id"] for room in listed])
        self.assertEqual([boris.id], listed[1]["users"])
        self.assertEqual([second, first], [room["_id"] for room in await self.listed("--name", name, "--skip", "1")])
        self.assertEqual(second, (await self.listed("--name", name, "--limit", "1", "--sort", "users"))[0]["_id"])
        by_name = await self.listed("--name", name, "--sort", "name")
        self.assertEqual([second, third, first], [room["_id"] for room in by_name])
        text = (await self.admin("rooms", "list", "--name", name, "--limit", "2")).output
        self.assertRegex(text, rf"\AID .*\n{third} .*\n{second}  {name} a  1/\d+ .*\n\(1 to 2; .*--skip 2\)\n\Z")


class Showing(AdminCase):
    async def test_show(self) -> None:
        """A room is shown with who is inside, and its latest messages."""
        anna, boris = [await self.a_person() for _ in range(2)]
        room = await a_room(anna, anna, boris, name="chess", password="x")
        for text in ("one", "two", "three"):
            await boris.say(room, text)

        shown = await self.answer("rooms", "show", room, "--messages", "2")
        text = (await self.admin("rooms", "show", room)).output

        self.assertEqual((room, "chess", True), tuple(shown["room"][each] for each in ("_id", "name", "is_private")))
        self.assertEqual({anna.id, boris.id}, {*shown["room"]["users"]})
        self.assertEqual(["two", "three"], [message["text"] for message in shown["messages"]])
        self.assertRegex(text, rf"(?m)^admin +{anna.id}$")
        self.assertRegex(text, rf"(?m)^[0-9a-f]{{24}} .* {boris.id} +one$")

    async def test_unknown(self) -> None:
        """A room that is not there is refused."""
        self.assert_refused(await self.admin("rooms", "show", NOBODY), "room")


class Removing(AdminCase):
    async def test_remove(self) -> None:
        """Everybody inside is told and out within seconds; the audit log says who did it, and why."""
        anna, boris = [await self.a_person() for _ in range(2)]
        room = await a_room(anna, anna, boris)
        listener = await self.a_listener(boris)

        done = await self.answer("rooms", "remove", room, "--reason", "against the rules")

        self.assertEqual({"removing": room}, done)
        event = (await listener.next("service-message"))["data"]
        self.assertEqual(("remove room", room), (event["type"], event["room"]))

        async def is_gone() -> bool:
            return (await anna.enter(room)).code == "room-not-found"

        await eventually(is_gone, "the end of the room")
        self.assertIsNone((await boris.shown())["room"])
        (line,) = (await self.answer("audit", "list", "--whom", room))["audit"]
        self.assertEqual(("remove room", "against the rules"), (line["deed"], line["why"]))
        self.assert_refused(await self.admin("rooms", "remove", room), "room")

    async def test_unknown(self) -> None:
        """A room that is not there is refused, and is no deed."""
        self.assert_refused(await self.admin("rooms", "remove", NOBODY), "room")

        self.assertEqual([], (await self.answer("audit", "list", "--whom", NOBODY))["audit"])
