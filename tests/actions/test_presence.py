"""A user is in one room at most, also when they enter and leave several at once."""

from typing import Any

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.waiting import at_once


async def inside(room: str, admin: Person) -> list[str]:
    """The users in a room by its chat, as its admin reads it. Fails where a user enters twice or leaves before
    entering.
    """
    answer = await admin.call("/room/chat", room=room, limit=500)
    people: list[str] = []
    for entry in answer.data["chat"]:
        if entry["type"] == "new roommate":
            assert entry["user"] not in people, entry
            people.append(entry["user"])
        elif entry["type"] == "leave":
            people.remove(entry["user"])
    return people


class Moves(ChatTestCase):
    async def places(self, person: Person, rooms: list[str], admin: Person) -> list[str]:
        """The rooms that a person is in. The chats, the rooms and the person's document must agree."""
        by_chat = [room for room in rooms if person.id in await inside(room, admin)]
        visitor = await self.a_person()
        by_users = [room for room in rooms if person.id in (await visitor.enter(room)).data["room"]["users"]]
        own = (await person.shown())["room"]
        self.assertEqual(by_chat, by_users)
        self.assertEqual(by_chat, [] if own is None else [own])
        return by_chat

    async def rooms(self, n: int) -> tuple[Person, list[str]]:
        admin = await self.a_person()
        return admin, [await a_room(admin) for _ in range(n)]

    async def test_five_rooms(self) -> None:
        """A user who enters five rooms at once is in exactly one of them and has visited all."""
        anna = await self.a_person()
        admin, rooms = await self.rooms(5)

        answers = await at_once(anna.enter(room) for room in rooms)

        self.assertEqual([200] * 5, [answer.status for answer in answers])
        self.assertEqual(1, len(await self.places(anna, rooms, admin)))
        self.assertEqual(set(rooms), set((await anna.shown())["visitedRooms"]))

    async def test_from_a_room(self) -> None:
        """A user who enters four rooms at once leaves the one they were in."""
        anna = await self.a_person()
        admin, rooms = await self.rooms(5)
        await anna.enter(rooms[0])

        await at_once(anna.enter(room) for room in rooms[1:])

        places = await self.places(anna, rooms, admin)
        self.assertEqual(1, len(places))
        self.assertNotEqual(rooms[0], places[0])

    async def test_same_room(self) -> None:
        """A user who enters one room five times at once enters it once."""
        anna = await self.a_person()
        admin, [room] = await self.rooms(1)

        answers = await at_once(anna.enter(room) for _ in range(5))

        self.assertEqual([200] * 5, [answer.status for answer in answers])
        self.assertEqual(1, len((await admin.call("/room/chat", room=room)).data["chat"]))

    async def test_entering_and_leaving(self) -> None:
        """A user who enters and leaves rooms at once is in one at most, and all documents agree on which."""
        anna = await self.a_person()
        admin, rooms = await self.rooms(3)

        for _ in range(5):
            answers: list[Any] = await at_once(
                call
                for room in rooms
                for call in (anna.enter(room), anna.call("/room/leave", room_id=room), anna.enter(room))
            )

            self.assertEqual({200}, {answer.status for answer in answers})
            self.assertLessEqual(len(await self.places(anna, rooms, admin)), 1)

    async def test_swapping(self) -> None:
        """Several people who swap rooms at once are each in one."""
        people = [await self.a_person() for _ in range(3)]
        admin, rooms = await self.rooms(3)

        await at_once(person.enter(room) for person in people for room in rooms)

        for person in people:
            self.assertEqual(1, len(await self.places(person, rooms, admin)))
