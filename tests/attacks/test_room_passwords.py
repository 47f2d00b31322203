"""Guessing a room's password: attempts are limited by user, address and room, and delay nobody."""

import itertools
import json

from tests.support.attack import AttackCase, flood, post
from tests.support.bystanders import LARGE
from tests.support.chat import Person, a_person, a_room
from tests.support.client import Answer, call
from tests.support.waiting import at_once
from tests.support.wire import OwnDaemonCase

PROXIES = '[http]\nproxies = ["127.0.0.0/8"]\n'
PASSWORD = "correct horse"


class Guessing(OwnDaemonCase):
    async def enter(self, person: Person, room: str, password: str, address: str = "192.0.2.1") -> Answer:
        body = {"session_key": person.session_key, "room": {"id": room, "password": password}}
        return await call(self.daemon.http, "/room/enter", body, {"X-Forwarded-For": address})

    async def test_person(self) -> None:
        """Ten wrong passwords a minute are one person's, over all rooms; then the right one is 429, too, with
        Retry-After. Who enters by the right one is not counted."""
        await self.start(PROXIES)
        admin, eve, bert = [await a_person(self.daemon) for _ in range(3)]
        rooms = [await a_room(admin, password=PASSWORD) for _ in range(2)]
        addresses = (f"10.0.{n}.1" for n in itertools.count())

        right = [(await self.enter(bert, room, PASSWORD, next(addresses))).status for room in rooms * 10]
        wrong = [await self.enter(eve, room, "wrong", next(addresses)) for room in rooms * 6]

        self.assertEqual([200] * 20, right)
        self.assertEqual([401] * 10 + [429] * 2, [answer.status for answer in wrong])
        self.assertIn(int((wrong[-1].headers.getRawHeaders("Retry-After") or ["0"])[0]), range(1, 61))
        refused = await self.enter(eve, rooms[0], PASSWORD, next(addresses))
        self.assertEqual((429, "too-many-requests"), (refused.status, refused.code))
        self.assertEqual(200, (await self.enter(bert, rooms[0], PASSWORD)).status)

    async def test_address(self) -> None:
        """Attempts are limited by address, for all users together."""
        await self.start(f'{PROXIES}[limits]\nwrong_passwords_per_address = ["6/hour"]\n')
        admin, *people = [await a_person(self.daemon) for _ in range(5)]
        room = await a_room(admin, password=PASSWORD)

        answers = [(await self.enter(person, room, "wrong")).status for person in people * 2]

        self.assertEqual([401] * 6 + [429] * 2, answers)
        self.assertEqual(429, (await self.enter(people[0], room, PASSWORD)).status)
        self.assertEqual(200, (await self.enter(people[0], room, PASSWORD, "192.0.2.2")).status)

    async def test_room(self) -> None:
        """Attempts are limited by room, for all users together; users who were inside before can still enter."""
        await self.start(f'{PROXIES}[limits]\nwrong_passwords_per_room = ["6/hour"]\n')
        admin, bert, *people = [await a_person(self.daemon) for _ in range(6)]
        room, other = [await a_room(admin, password=PASSWORD) for _ in range(2)]
        addresses = (f"10.0.{n}.1" for n in itertools.count())
        await self.enter(bert, room, PASSWORD)
        await bert.call("/room/leave", room_id=room)

        login_attempts = at_once(self.enter(person, room, "wrong", next(addresses)) for person in people * 3)
        answers = sorted(answer.status for answer in await login_attempts)

        self.assertEqual([401] * 6 + [429] * 6, answers)
        self.assertEqual(429, (await self.enter(people[0], room, PASSWORD, next(addresses))).status)
        self.assertEqual(200, (await self.enter(bert, room, PASSWORD, next(addresses))).status)
        self.assertEqual(200, (await self.enter(admin, room, "", next(addresses))).status)
        self.assertEqual(200, (await self.enter(people[0], other, PASSWORD, next(addresses))).status)

    async def test_disabled(self) -> None:
        """Without limits nothing is counted."""
        await self.start(f"{PROXIES}[limits]\nenabled = false\n")
        admin, eve = [await a_person(self.daemon) for _ in range(2)]
        room = await a_room(admin, password=PASSWORD)

        self.assertEqual([401] * 15, [(await self.enter(eve, room, "wrong")).status for _ in range(15)])


class Flood(AttackCase):
    settings = "[limits]\nenabled = false\n"

    async def test_sign_ins_of_others(self) -> None:
        """Beside guesses that no limit stops, others sign in as fast as before, or nearly, and none is 503."""
        admin, *people = [await a_person(self.daemon) for _ in range(9)]
        room = await a_room(admin, password=PASSWORD)
        body = json.dumps({"room": {"id": room, "password": "wrong"}}).encode()
        said = [post("/room/enter", body, f"Authorization: Bearer {person.session_key}") for person in people]

        connections, pause = (48, 0) if LARGE else (4, 0.05)
        await self.assert_unharmed(
            "room passwords",
            lambda: flood(self.daemon.http, connections, lambda number, _: said[number % len(said)], pause=pause),
        )
