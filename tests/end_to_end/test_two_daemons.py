"""Two daemons on one database: logs and users' rooms are consistent at both."""

import itertools
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.support.chat import Person, a_phone, a_room, register
from tests.support.client import Answer, call
from tests.support.two_daemons import TwoDaemonsCase


async def together(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """What calls made at once return."""
    results: list[Any] = await gatherResults([Deferred.fromCoroutine(each) for each in calls], consumeErrors=True)
    return results


class TwoDaemons(TwoDaemonsCase):
    async def history(self, reader: Person, room: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        for _ in range(100):
            page = (await reader.call("/room/chat", room=room, skip=len(messages), limit=500)).data["chat"]
            if not page:
                break
            messages += page
        return messages

    async def test_session(self) -> None:
        """A session of one is a session of the other."""
        (anna,) = await self.people(1)

        answer = await self.there(anna).call("/init/getUser")

        self.assertEqual(anna.id, answer.data["user"]["_id"])

    async def test_one_log(self) -> None:
        """A room with messages through both has one log without gaps, and both show the same."""
        people = await self.people(4)
        room = await a_room(people[0], *people)
        voices = [*people, *map(self.there, people)]
        said: list[dict[str, Any]] = []

        async def talk(voice: Person, name: int) -> None:
            for number in range(30):
                answer = await voice.say(room, f"{name} {number}")
                self.assertEqual(200, answer.status, answer)
                said.append(answer.data["message"])

        await together(*(talk(voice, name) for name, voice in enumerate(voices)))

        log = await self.history(people[0], room)
        self.assertEqual(log, await self.history(self.there(people[0]), room))
        self.assertEqual(list(range(1, len(log) + 1)), [message["seq"] for message in log])
        spoken = [message for message in log if message["type"] is None]
        self.assertEqual(sorted(said, key=lambda message: message["seq"]), spoken)

    async def test_leaving(self) -> None:
        """No message through one comes between a user's leaving and entering through the other."""
        admin, *people = await self.people(5)
        room = await a_room(admin, admin, *people)
        statuses: Counter[int] = Counter()
        walkers = len(people)

        async def come_and_go(person: Person) -> None:
            nonlocal walkers
            for _ in range(12):
                self.assertEqual(200, (await person.call("/room/leave", room_id=room)).status)
                self.assertEqual(200, (await person.enter(room)).status)
                await deferLater(reactor, 0.02)
            walkers -= 1

        async def talk(person: Person) -> None:
            for number in itertools.count():
                if not walkers:
                    break
                statuses[(await person.say(room, f"{number}")).status] += 1

        await together(*map(come_and_go, people), *(talk(self.there(person)) for person in (admin, *people)))

        self.assertEqual({200, 403}, set(statuses))
        inside: set[str] = set()
        for message in await self.history(admin, room):
            if message["type"] == "new roommate":
                inside.add(message["user"])
            elif message["type"] == "leave":
                inside.remove(message["user"])
            else:
                self.assertIn(message["author"], inside, message)

    async def test_places(self) -> None:
        """Of eight users who enter a room for three through both, three are inside and five are 409."""
        admin, *people = await self.people(9)
        room = await a_room(admin, max_users=3)
        voices = [self.there(person) if number % 2 else person for number, person in enumerate(people)]

        answers: list[Answer] = await together(*(voice.enter(room) for voice in voices))

        self.assertEqual({200: 3, 409: 5}, Counter(answer.status for answer in answers))
        entered = [message for message in await self.history(admin, room) if message["type"] == "new roommate"]
        self.assertEqual(3, len(entered))

    async def test_wrong_keys(self) -> None:
        """Of simultaneous wrong keys at both five are checked: then both refuse the right one."""
        phone = a_phone()
        key = await register(self.daemon, phone)
        ports = (self.daemon.http, self.other.http)

        async def auth(port: int, key: str) -> int:
            return (await call(port, "/init/auth", {"phone": phone, "key": key})).status

        wrong = await together(*(auth(port, "1" + key) for port in ports * 8))

        self.assertEqual({401}, set(wrong))
        self.assertEqual([401, 401], [await auth(port, key) for port in ports])

    async def test_client_id(self) -> None:
        """The same client_id through both at once is one message."""
        (anna,) = await self.people(1)
        room = await a_room(anna, anna)
        await self.there(anna).say(room, "the first")

        for number in range(10):
            pair: list[Answer] = await together(
                *(voice.say(room, "once", client_id=f"id {number}") for voice in (anna, self.there(anna)))
            )
            one, other = pair
            self.assertEqual((200, 200), (one.status, other.status))
            self.assertEqual(one.data, other.data)

        texts = Counter(message["text"] for message in await self.history(anna, room))
        self.assertEqual(10, texts["once"])

    async def test_one_place(self) -> None:
        """A user who enters different rooms through both at once is in exactly one, which their document names."""
        admin, anna = await self.people(2)
        rooms = [await a_room(admin) for _ in range(2)]

        for _ in range(8):
            answers: list[Answer] = await together(anna.enter(rooms[0]), self.there(anna).enter(rooms[1]))

            self.assertEqual({200}, {answer.status for answer in answers})
            for asked in (admin, self.there(admin)):
                seen = [(await asked.enter(room)).data["room"]["users"] for room in rooms]
                inside = [room for room, users in zip(rooms, seen, strict=True) if anna.id in users]
                self.assertEqual([(await anna.shown())["room"]], inside)
            await admin.call("/room/leave", room_id=rooms[1])

    async def test_entered_elsewhere(self) -> None:
        """A user who has entered through one may send and read through the other at once."""
        admin, anna = await self.people(2)
        room = await a_room(admin, admin)
        await self.there(admin).say(room, "so that the other knows the room")
        await anna.enter(room)

        said, read = await together(self.there(anna).say(room, "here"), self.there(anna).call("/room/chat", room=room))

        self.assertEqual((200, 200), (said.status, read.status))

    async def test_left_elsewhere(self) -> None:
        """A user who has left through one and enters through the other is inside."""
        admin, anna = await self.people(2)
        room = await a_room(admin, admin, anna)
        await self.there(anna).say(room, "so that the other knows the room")
        await anna.call("/room/leave", room_id=room)

        await self.there(anna).enter(room)

        self.assertEqual(room, (await anna.shown())["room"])
        self.assertEqual(200, (await anna.say(room, "back")).status)

    async def test_place_freed_elsewhere(self) -> None:
        """A place that is left through one can be taken through the other at once."""
        admin, anna = await self.people(2)
        room = await a_room(admin, admin, max_users=1)
        await self.there(admin).say(room, "so that the other knows the room")
        await admin.call("/room/leave", room_id=room)

        answer = await self.there(anna).enter(room)

        self.assertEqual(200, answer.status)

    async def test_listed_elsewhere(self) -> None:
        """Who has entered or left through one is counted at once in the other's list of rooms."""
        admin, anna = await self.people(2)
        room = await a_room(admin, name="a room that is listed elsewhere")

        for path, count in (("/room/enter", 1), ("/room/leave", 0)) * 5:
            await anna.call(path, room={"id": room}, room_id=room)
            listed = (await self.there(admin).call("/room/get", name="listed elsewhere")).data["rooms"]
            self.assertEqual([count], [len(each["users"]) for each in listed])

    async def test_dialogs_elsewhere(self) -> None:
        """A message that was sent through one is at once the last of its dialog at the other."""
        anna, boris = await self.people(2)

        for number in range(5):
            await anna.call("/user/sendMessage", message={"user": boris.id, "text": f"{number}"})
            (dialog,) = (await self.there(boris).call("/user/dialogs")).data["dialogs"]
            self.assertEqual((f"{number}", number + 1), (dialog["last_message"]["text"], dialog["unread"]))

    async def test_removed_dialog_elsewhere(self) -> None:
        """A dialog that is removed through one, right after a message through the other, does not come back."""
        anna, boris = await self.people(2)

        for _ in range(5):
            await anna.call("/user/sendMessage", message={"user": boris.id, "text": "hello"})
            await self.there(boris).call("/user/remove-dialog", user=anna.id)
            await deferLater(reactor, 0.2)  # longer than dialogs are written behind
            for voice in (boris, self.there(boris)):
                self.assertEqual([], (await voice.call("/user/dialogs")).data["dialogs"])
