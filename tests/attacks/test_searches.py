"""Slow searches, as many as one session can send: other sends and reads do not wait for them."""

import json
from datetime import UTC, datetime
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from justchat.model.ids import new_id
from justchat.model.room import Room
from justchat.store.bson import room_to_document
from tests.support.bystanders import LARGE, bystanders, harm
from tests.support.chat import a_person
from tests.support.client import request
from tests.support.waiting import at_once
from tests.support.wire import OwnDatabaseCase

ROOMS = 60_000 if LARGE else 6_000
SECONDS = 8 if LARGE else 1
SEARCHERS = 16 if LARGE else 6
DOING = {"send": 10.0, "history": 5.0, "dialogs": 5.0}


class Searches(OwnDatabaseCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.rooms = self.database["rooms"]
        self.fill()
        await self.daemon.start()

    def fill(self) -> None:
        admin, at = new_id(), datetime.now(UTC).replace(microsecond=0)
        for start in range(0, ROOMS, 1000):
            names = (f"tea and talk, table {number}" for number in range(start, start + 1000))
            rooms = [Room(id=new_id(), name=name, admin=admin, created_at=at, max_users=255) for name in names]
            self.rooms.insert_many([room_to_document(room, 0) for room in rooms], ordered=False)

    async def test_slow_searches(self) -> None:
        """Whatever one session searches for, all at once, others' calls take as long as before."""
        attacker = await a_person(self.daemon)
        headers = {"Authorization": f"Bearer {attacker.session_key}"}
        statuses: set[int] = set()
        until = reactor.seconds() + 3600.0

        async def search(number: int) -> None:
            while reactor.seconds() < until:
                bodies: list[dict[str, Any]] = [
                    {"name": "xq", "sort": {"users": -1}},
                    {"name": "le", "sort": {"name": 1}, "page": 100},
                    {"name": "table", "sort": {"users": 1}},
                ]
                body = json.dumps(bodies[number % 3]).encode()
                answer = await request(self.daemon.http, "POST", "/room/get", body, headers)
                statuses.add(answer.status)
                if answer.status == 429:
                    await deferLater(reactor, 0.5)

        async with bystanders(self.daemon, DOING) as people:
            quiet = await people.during(deferLater(reactor, SECONDS))
            until = reactor.seconds() + SECONDS
            attacked = await people.during(at_once(search(number) for number in range(SEARCHERS)))

        self.assertEqual([], harm(quiet, attacked))
        self.assertLessEqual({200}, statuses)
        self.assertLessEqual(statuses, {200, 429})
