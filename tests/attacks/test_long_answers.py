"""Answers that could be megabytes: lists are bounded, so that other calls do not wait for them."""

import json
from datetime import UTC, datetime
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from justchat.model.entry import Entry, Kind
from justchat.model.gift import Gift
from justchat.model.ids import Id, new_id
from justchat.model.room import Room
from justchat.store.bson import entry_to_document, room_to_document
from tests.support.bystanders import LARGE, bystanders, harm
from tests.support.chat import Person, a_person
from tests.support.client import request
from tests.support.waiting import at_once
from tests.support.wire import OwnDatabaseCase

ROOMS, VISITORS, GIFTS = 500, 1_000, 1_000
SECONDS = 6 if LARGE else 1
AT_ONCE = 8 if LARGE else 3
DOING = {"send": 10.0, "history": 5.0, "dialogs": 5.0}
LARGEST = {"/room/get": 2 * 2**20, "/init/getUser": 2**19, "/init/auth": 2**19, "/user/gifts": 3 * 2**20}
"""Bytes of an answer."""


class LongAnswers(OwnDatabaseCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.at = datetime.now(UTC).replace(microsecond=0)
        await self.daemon.start()

    def fill(self, rich: Person) -> None:
        """Rooms full of visitors, and a user with a thousand gifts that have long texts."""
        visitors = dict.fromkeys(new_id() for _ in range(VISITORS))
        users = dict.fromkeys(list(visitors)[:200])
        for _ in range(ROOMS):
            room = Room(
                id=new_id(),
                name="a full room",
                admin=new_id(),
                created_at=self.at,
                max_users=255,
                users=users,
                visitors=visitors,
                banned=visitors,
            )
            self.database["rooms"].insert_one(room_to_document(room, 0))
        gift = Gift(id=new_id(), name="rose", image="uploads/rose.png", price=1, created_at=self.at)
        gifts = [
            Entry(
                id=new_id(),
                stream=Id(rich.id),
                seq=number,
                kind=Kind.GIFT,
                author=new_id(),
                user=Id(rich.id),
                text="x" * 4096,
                created_at=self.at,
                gift=gift,
            )
            for number in range(1, GIFTS + 1)
        ]
        self.database["log"].insert_many([entry_to_document(entry) for entry in gifts])

    async def test_long_answers(self) -> None:
        """The longest answers, requested repeatedly, delay no other call."""
        rich, attacker = await a_person(self.daemon), await a_person(self.daemon)
        self.fill(rich)
        longest: dict[str, int] = {}
        until = 0.0

        async def ask(path: str, **body: Any) -> None:
            headers = {"Authorization": f"Bearer {attacker.session_key}"}
            answer = await request(self.daemon.http, "POST", path, json.dumps(body).encode(), headers)
            self.assertEqual(200, answer.status)
            longest[path] = max(longest.get(path, 0), len(json.dumps(answer.json)))

        async def keep_asking() -> None:
            while reactor.seconds() < until:
                await ask("/room/get", per_page=500)
                await ask("/init/getUser", user_id=rich.id)
                await ask("/init/getUsers", user_ids=[rich.id])
                await ask("/user/gifts", user=rich.id, limit=500)

        async with bystanders(self.daemon, DOING) as people:
            quiet = await people.during(deferLater(reactor, SECONDS))
            until = reactor.seconds() + SECONDS
            attacked = await people.during(at_once(keep_asking() for _ in range(AT_ONCE)))
        await ask("/init/auth", phone=rich.phone, key=rich.key)

        self.assertEqual([], harm(quiet, attacked))
        self.assertEqual([], [path for path, most in LARGEST.items() if longest[path] > most], longest)
