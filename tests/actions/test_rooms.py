"""Creating, entering and leaving rooms."""

from typing import Any

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.waiting import at_once
from tests.support.wire import NOBODY, ROOM_FIELDS, TIME

NO_ROOMS = (NOBODY, "", "room", "x" * 1000, "\0", "$ne", NOBODY[:-1], NOBODY + "0")


async def created(person: Person, **room: Any) -> dict[str, Any]:
    """The room that /room/create returns."""
    answer = await person.call("/room/create", room={"name": "a room", **room})
    assert answer.status == 201, answer
    document: dict[str, Any] = answer.data["room"]
    return document


async def users(room: str, visitor: Person) -> list[str]:
    """The users in a room besides the visitor, who enters to look."""
    answer = await visitor.enter(room)
    assert answer.status == 200, answer
    return [id for id in answer.data["room"]["users"] if id != visitor.id]


class Creating(ChatTestCase):
    async def test_room(self) -> None:
        """A new room is 201 with every field of a room and no other; it is empty, and takes 255."""
        anna = await self.a_person()

        room = await created(anna, name="Кухня 🌻")

        self.assertEqual(ROOM_FIELDS, set(room))
        self.assertRegex(room.pop("_id"), r"\A[0-9a-f]{24}\Z")
        self.assertRegex(room["create_at"], TIME)
        self.assertEqual(room.pop("create_at"), room.pop("created_at"))
        self.assertEqual(
            {
                "name": "Кухня 🌻",
                "max_users": 255,
                "admin": anna.id,
                "moderators": [],
                "users": [],
                "users_count": 0,
                "banned": [],
                "visiters": [],
                "silently": {},
                "slow_mode": 0,
                "is_private": False,
            },
            room,
        )

    async def test_private(self) -> None:
        """A room with a password is private, one whose password is null is not; the password is shown to nobody."""
        anna = await self.a_person()

        rooms = [await created(anna, password=password) for password in ("sesame", None)]

        self.assertEqual([True, False], [room["is_private"] for room in rooms])
        self.assertNotIn("password", rooms[0])
        self.assertNotIn("sesame", str(rooms[0]))

    async def test_max_users(self) -> None:
        """The creator chooses the maximum number of users."""
        anna = await self.a_person()

        self.assertEqual([1, 1000], [(await created(anna, max_users=most))["max_users"] for most in (1, 1000)])

    async def test_rooms_of_admin(self) -> None:
        """A user's own rooms are in their ``rooms``; they are not inside yet, nor have they visited them."""
        anna = await self.a_person()

        rooms = [(await created(anna))["_id"] for _ in range(3)]

        shown = await anna.shown()
        self.assertEqual((rooms, None, []), (shown["rooms"], shown["room"], shown["visitedRooms"]))

    async def test_wrong(self) -> None:
        """A room without a name, or with a wrong field, is 400 and is not created."""
        anna = await self.a_person()

        for room in (
            *(None, 5, "a room", [], {}, {"max_users": 5}, {"name": None}, {"name": 5}, {"name": {"$gt": ""}}),
            *({"name": name} for name in ("", " \t\n", "x" * 129, ["a"], True)),
            *({"name": "a room", "max_users": most} for most in (0, -1, 1.5, "5", True, [], 10**30)),
            *({"name": "a room", "password": password} for password in (5, True, [], {"$gt": ""}, "x" * 10_000)),
        ):
            self.assertEqual(400, (await anna.call("/room/create", room=room)).status, room)
        self.assertEqual(400, (await anna.call("/room/create")).status)
        self.assertEqual([], (await anna.shown())["rooms"])

    async def test_longest_name(self) -> None:
        """A room's name may have 128 characters."""
        anna = await self.a_person()

        self.assertEqual("я" * 128, (await created(anna, name="я" * 128))["name"])


class Entering(ChatTestCase):
    async def test_enter(self) -> None:
        """A user who enters is in the room's users and visiters, and the room is in their document."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna)

        answer = await boris.enter(room)

        self.assertEqual((200, ROOM_FIELDS), (answer.status, set(answer.data["room"])))
        self.assertEqual([anna.id, boris.id], answer.data["room"]["users"])
        self.assertEqual([anna.id, boris.id], answer.data["room"]["visiters"])
        shown = await boris.shown()
        self.assertEqual((room, [room]), (shown["room"], shown["visitedRooms"]))

    async def test_room_of_others(self) -> None:
        """Others see which room a user is in."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, boris)

        answer = await anna.call("/init/getUser", user_id=boris.id)

        self.assertEqual(room, answer.data["user"]["room"])

    async def test_again(self) -> None:
        """Entering again is 200 and adds nothing, to the room, its chat or the user."""
        anna = await self.a_person()
        room = await a_room(anna)
        first, shown = await anna.enter(room), await anna.shown()

        again = await anna.enter(room)

        self.assertEqual((200, first.data), (again.status, again.data))
        self.assertEqual(shown, await anna.shown())
        self.assertEqual(1, len((await anna.call("/room/chat", room=room)).data["chat"]))

    async def test_upper_case(self) -> None:
        """The digits of an id may be in upper case."""
        anna = await self.a_person()
        room = await a_room(anna)

        self.assertEqual(room, (await anna.enter(room.upper())).data["room"]["_id"])

    async def test_another(self) -> None:
        """Entering another room leaves the first, whose users no longer have one; both have been visited."""
        anna, boris = await self.a_person(), await self.a_person()
        first, second = await a_room(anna, anna, boris), await a_room(anna)

        answer = await boris.enter(second)

        self.assertEqual([boris.id], answer.data["room"]["users"])
        self.assertEqual([anna.id], (await anna.enter(first)).data["room"]["users"])
        shown = await boris.shown()
        self.assertEqual((second, [first, second]), (shown["room"], shown["visitedRooms"]))

    async def test_back(self) -> None:
        """A user who enters again is in visiters and visitedRooms once."""
        anna, boris = await self.a_person(), await self.a_person()
        first, second = await a_room(anna, boris), await a_room(anna, boris)

        answer = await boris.enter(first)

        self.assertEqual([boris.id], answer.data["room"]["visiters"])
        self.assertEqual(sorted([first, second]), sorted((await boris.shown())["visitedRooms"]))

    async def test_password(self) -> None:
        """Entering a private room without its password, or with a wrong one, is 401, and the user stays outside."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, password="sesame")

        refused = [
            await boris.enter(room),
            *[await boris.enter(room, password=wrong) for wrong in ("", "Sesame", None)],
        ]

        self.assertEqual([401] * 4, [answer.status for answer in refused])
        self.assertIsNone((await boris.shown())["room"])
        self.assertEqual(200, (await boris.enter(room, password="sesame")).status)

    async def test_needless_password(self) -> None:
        """A room without a password ignores one that is sent."""
        anna = await self.a_person()

        self.assertEqual(200, (await anna.enter(await a_room(anna), password="sesame")).status)

    async def test_admin(self) -> None:
        """The admin needs no password."""
        anna = await self.a_person()
        room = await a_room(anna, password="sesame")

        self.assertEqual(200, (await anna.enter(room)).status)

    async def test_no_room(self) -> None:
        """An id that names no room is 404, malformed or not."""
        anna = await self.a_person()

        for id in (*NO_ROOMS, anna.id):
            answer = await anna.enter(id)

            self.assertEqual((404, "room-not-found"), (answer.status, answer.code), id)

    async def test_refused(self) -> None:
        """A user whom a room refuses stays in the one they were in."""
        anna, boris = await self.a_person(), await self.a_person()
        home = await a_room(boris, boris)
        locked, full = await a_room(anna, password="sesame"), await a_room(anna, anna, max_users=1)

        answers = [await boris.enter(room) for room in (locked, full, NOBODY)]

        self.assertEqual([401, 409, 404], [answer.status for answer in answers])
        shown = await boris.shown()
        self.assertEqual((home, [home]), (shown["room"], shown["visitedRooms"]))
        self.assertEqual([boris.id], await users(home, anna))

    async def test_full(self) -> None:
        """A full room is 409, also for its admin; a place that a user leaves is free."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, boris, max_users=1)

        refused = await anna.enter(room)
        await boris.call("/room/leave", room_id=room)

        self.assertEqual((409, "Conflict"), (refused.status, refused.json["error"]))
        self.assertEqual(200, (await anna.enter(room)).status)

    async def test_last_places(self) -> None:
        """Of eight users who enter a room for three at once, three are inside and five get 409."""
        people = [await self.a_person() for _ in range(8)]
        room = await a_room(people[0], max_users=3)

        answers = await at_once(person.enter(room) for person in people)

        self.assertEqual([200] * 3 + [409] * 5, sorted(answer.status for answer in answers))
        inside = [person for person, answer in zip(people, answers, strict=True) if answer.status == 200]
        places = [(await person.shown())["room"] for person in people]
        self.assertEqual([room if person in inside else None for person in people], places)
        again = await inside[0].enter(room)
        self.assertEqual({person.id for person in inside}, set(again.data["room"]["users"]))


class Leaving(ChatTestCase):
    async def test_leave(self) -> None:
        """A user who leaves is in no room; the room has them in its visiters, not in its users."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)

        answer = await boris.call("/room/leave", room_id=room)

        self.assertEqual((200, {}), (answer.status, answer.json))
        shown = await boris.shown()
        self.assertEqual((None, [room]), (shown["room"], shown["visitedRooms"]))
        document = (await anna.enter(room)).data["room"]
        self.assertEqual(([anna.id], [anna.id, boris.id]), (document["users"], document["visiters"]))

    async def test_outside(self) -> None:
        """Leaving a room that the user is not in is 200 and changes nothing."""
        anna, boris = await self.a_person(), await self.a_person()
        room, home = await a_room(anna, anna), await a_room(boris, boris)

        answer = await boris.call("/room/leave", room_id=room)

        self.assertEqual(200, answer.status)
        self.assertEqual(home, (await boris.shown())["room"])
        self.assertEqual(1, len((await anna.call("/room/chat", room=room)).data["chat"]))

    async def test_no_room(self) -> None:
        """Leaving an unknown room is 404."""
        anna = await self.a_person()

        for id in NO_ROOMS:
            self.assertEqual(404, (await anna.call("/room/leave", room_id=id)).status, id)
