"""Reading the messages of a room."""

from typing import Any

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.waiting import at_once
from tests.support.wire import MESSAGE_FIELDS, NOBODY, TIME


async def chat(person: Person, room: str, **more: Any) -> list[dict[str, Any]]:
    answer = await person.call("/room/chat", room=room, **more)
    assert answer.status == 200, answer
    assert set(answer.data) == {"chat"}, answer
    messages: list[dict[str, Any]] = answer.data["chat"]
    return messages


async def a_room_of(person: Person, entries: int) -> str:
    """A room whose chat has this many entries; the person entered first and is inside."""
    room = await a_room(person, person)
    for begun in range(0, entries - 1, 100):
        await at_once(person.say(room, "hello") for _ in range(min(100, entries - 1 - begun)))
    return room


class Reading(ChatTestCase):
    async def seqs(self, person: Person, room: str, **more: Any) -> list[int]:
        return [message["seq"] for message in await chat(person, room, **more)]

    async def test_order(self) -> None:
        """The chat is oldest first. Its messages equal the answers to their calls, and are numbered 1, 2, 3 …."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        said = [(await person.say(room, "hello")).data["message"] for person in (anna, boris, anna)]

        messages = await chat(boris, room)

        self.assertEqual(said, messages[2:])
        self.assertEqual([1, 2, 3, 4, 5], [message["seq"] for message in messages])

    async def test_at_once(self) -> None:
        """Simultaneous messages are numbered without gaps or duplicates, and everybody reads the same order."""
        people = [await self.a_person() for _ in range(3)]
        room = await a_room(people[0], *people)

        await at_once(person.say(room, "hello") for person in people for _ in range(10))

        chats = [await chat(person, room) for person in people]
        self.assertEqual(list(range(1, 34)), [message["seq"] for message in chats[0]])
        self.assertEqual([chats[0]] * 3, chats)

    async def test_service_messages(self) -> None:
        """Service messages are part of the chat, with their type and their subject."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        await boris.call("/room/leave", room_id=room)

        messages = await chat(anna, room)

        for message in messages:
            self.assertEqual(MESSAGE_FIELDS, set(message))
            self.assertRegex(message["create_at"], TIME)
        self.assertEqual(
            [("new roommate", anna.id, room), ("new roommate", boris.id, room), ("leave", boris.id, room)],
            [(message["type"], message["user"], message["room"]) for message in messages],
        )

    async def test_default(self) -> None:
        """Without skip and limit the chat is its first 100 messages."""
        anna = await self.a_person()
        room = await a_room_of(anna, 103)

        self.assertEqual(list(range(1, 101)), await self.seqs(anna, room))

    async def test_cut(self) -> None:
        """A limit beyond 500 is cut to 500."""
        anna = await self.a_person()
        room = await a_room_of(anna, 505)

        for limit in (501, 10_000, 2**40):
            self.assertEqual(list(range(1, 501)), await self.seqs(anna, room, limit=limit))

    async def test_skip(self) -> None:
        """skip leaves out the first n; a negative one starts n from the end, or at the first if there are fewer."""
        anna = await self.a_person()
        room = await a_room_of(anna, 7)

        for skip, limit, expected in (
            (0, 3, [1, 2, 3]),
            (2, 3, [3, 4, 5]),
            (5, 10, [6, 7]),
            (7, 10, []),
            (2**40, 10, []),
            (-1, 10, [7]),
            (-3, 10, [5, 6, 7]),
            (-3, 2, [5, 6]),
            (-7, 10, [1, 2, 3, 4, 5, 6, 7]),
            (-8, 3, [1, 2, 3]),
            (-(2**40), 10, [1, 2, 3, 4, 5, 6, 7]),
        ):
            self.assertEqual(expected, await self.seqs(anna, room, skip=skip, limit=limit), (skip, limit))

    async def test_empty(self) -> None:
        """The chat of a new room is empty, whatever ``skip`` is."""
        anna = await self.a_person()
        room = await a_room(anna)

        self.assertEqual([[], [], []], [await chat(anna, room, skip=skip) for skip in (0, 5, -5)])

    async def test_wrong(self) -> None:
        """A limit below 1 is 400, and so is a limit or skip that is not a whole number."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        for limit in (0, -1, 1.5, "10", True, [], {}, {"$gt": 0}):
            self.assertEqual(400, (await anna.call("/room/chat", room=room, limit=limit)).status, limit)
        for skip in (1.5, "10", False, [], {}, 10**30, -(10**30)):
            self.assertEqual(400, (await anna.call("/room/chat", room=room, skip=skip)).status, skip)

    async def test_strangers(self) -> None:
        """Reading is 403 for users who are not in the room or have left it."""
        anna, boris, eve = [await self.a_person() for _ in range(3)]
        room = await a_room(anna, anna, boris)
        await boris.call("/room/leave", room_id=room)

        statuses = [(await person.call("/room/chat", room=room)).status for person in (boris, eve)]

        self.assertEqual([403, 403], statuses)

    async def test_admin(self) -> None:
        """The admin may read the chat from outside."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, boris)
        await boris.say(room, "she hears us")

        self.assertEqual([1, 2], await self.seqs(anna, room))

    async def test_no_room(self) -> None:
        """An unknown room is 404, also with a malformed id; an id that is not a string is 400."""
        anna = await self.a_person()

        for id in (NOBODY, "", "room", anna.id):
            self.assertEqual(404, (await anna.call("/room/chat", room=id)).status, id)
        for malformed in (None, 5, True, {"$gt": ""}, [NOBODY]):
            self.assertEqual(400, (await anna.call("/room/chat", room=malformed)).status, malformed)
