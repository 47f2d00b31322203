"""Rooms as a means to reach users who were never there, and entering and leaving a full room repeatedly."""

import json
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from tests.support.attack import AttackCase, flood, post
from tests.support.bystanders import LARGE
from tests.support.chat import a_room
from tests.support.client import Answer

MANY = 1000 if LARGE else 100
"""Sockets in the room."""
ENTER, MODERATE = 60, 120
"""A minute, of one person in one room: the defaults."""
TRIES = 8
LATER = "2040-01-01T00:00:00Z"


class Words(AttackCase):
    async def test_strangers(self) -> None:
        """A user gets events about themselves from rooms that they were in, and from no other."""
        eve, anna, boris = [await self.a_person() for _ in range(3)]
        room = await a_room(eve, eve, boris)
        await boris.call("/room/leave", room_id=room)
        outsiders, visitors = await self.a_listener(anna), await self.a_listener(boris)
        text = "word " * 800
        calls: list[tuple[str, dict[str, Any]]] = [
            ("/room/silence", {"finished": LATER, "text": text}),
            ("/room/silence", {"finished": 0, "text": text}),
            ("/room/add-moderator", {}),
            ("/room/remove-moderator", {}),
            ("/room/ban", {}),
            ("/room/unban", {}),
        ]

        for path, more in calls:
            for whom in (anna, boris):
                answer = await eve.call(path, room_id=room, user_id=whom.id, **more)
                self.assertIn(answer.status, (200, 201), (path, answer.json))

        types = [(await visitors.next("service-message"))["data"]["type"] for _ in calls]
        wanted = ["silence", "silence", "new moderator", "remove moderator", "ban", "unban"]
        self.assertEqual(wanted, types)
        self.assertEqual([], await outsiders.silence())
        back = await self.a_socket()
        back.say({"event": "init", "data": {"session_key": anna.session_key, "n": 0}})
        self.assertEqual(0, (await back.next("ready"))["data"]["n"])
        self.assertEqual("caught-up", (await back.next())["event"])

    async def test_put_out(self) -> None:
        """A user who is kicked or banned while inside gets the event."""
        eve, boris = await self.a_person(), await self.a_person()
        room = await a_room(eve, boris)
        listener = await self.a_listener(boris)

        await eve.call("/room/ban", room_id=room, user_id=boris.id)

        self.assertEqual("ban", (await listener.next("service-message"))["data"]["type"])


class InAndOut(AttackCase):
    """Actions that publish to everybody inside are rate limited by user."""

    async def tries(self, most: int, attempt: Callable[[int], Awaitable[Answer]]) -> int:
        """Twice as many attempts as are allowed; how many were carried out. The others are 429."""
        began = time.monotonic()
        statuses = []
        for number in range(2 * most):
            answer = await attempt(number)
            statuses.append(answer.status)
            if answer.status == 429:
                self.assertTrue(answer.headers.getRawHeaders("Retry-After"))
        done = sum(status in (200, 201) for status in statuses)
        self.assertEqual(2 * most, done + statuses.count(429), set(statuses))
        # The window slides: some have been forgotten by the end.
        self.assertLessEqual(done, most + (time.monotonic() - began) * most / 60 + 1)
        self.assertGreaterEqual(done, most)
        return done

    async def test_entering(self) -> None:
        """In and out: entering is 429 after so many times, leaving never; others enter, and so does one elsewhere."""
        anna, eve = await self.a_person(), await self.a_person()
        room, other = await a_room(anna, anna), await a_room(anna)
        listener = await self.a_listener(anna)

        async def in_and_out(_: int) -> Answer:
            answer = await eve.enter(room)
            self.assertEqual(200, (await eve.call("/room/leave", room_id=room)).status)
            return answer

        done = await self.tries(ENTER, in_and_out)

        received = [(await listener.next("service-message"))["data"]["type"] for _ in range(2 * done)]
        self.assertEqual(["new roommate", "leave"] * done, received)
        self.assertEqual([], await listener.silence())
        self.assertEqual(200, (await eve.enter(other)).status)
        self.assertEqual(200, (await (await self.a_person()).enter(room)).status)

    async def test_ranks(self) -> None:
        """Ranks, silences, bans and kicks are counted together; entering again and what is true already are not."""
        eve, boris, *others = [await self.a_person() for _ in range(2 + TRIES)]
        room = await a_room(eve, eve, boris, *others)
        about = {"room_id": room, "user_id": boris.id}
        for _ in range(2 * ENTER):
            self.assertEqual(200, (await boris.enter(room)).status)
            self.assertEqual(200, (await eve.call("/room/unban", **about)).status)

        async def silence(number: int) -> Answer:
            return await eve.call("/room/silence", **about, finished=2**41 + number)

        await self.tries(MODERATE, silence)

        numbers = count(2 * MODERATE)
        for path in ("/room/add-moderator", "/room/kick", "/room/ban"):
            statuses = []
            for person in others:  # the window slides: now and then one call more is allowed
                while (await silence(next(numbers))).status == 200:
                    pass
                statuses.append((await eve.call(path, room_id=room, user_id=person.id)).status)
                if statuses[-1] == 429:
                    break
            self.assertEqual(429, statuses[-1], (path, statuses))

    async def test_big_room(self) -> None:
        """One connection that enters and leaves a full room repeatedly delays nobody."""
        eve, *people = [await self.a_person() for _ in range(5)]
        room = await a_room(people[0], *people)
        for number in range(MANY):
            await self.a_listener(people[number % len(people)])
        bearer = f"Authorization: Bearer {eve.session_key}"
        said = [
            post("/room/enter", json.dumps({"room": {"id": room}}).encode(), bearer),
            post("/room/leave", json.dumps({"room_id": room}).encode(), bearer),
        ]

        await self.assert_unharmed("in and out", lambda: flood(self.daemon.http, 1, lambda _, number: said[number % 2]))
