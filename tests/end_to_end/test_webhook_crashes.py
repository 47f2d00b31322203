"""Webhooks while daemons and the database are killed."""

import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from bson import ObjectId
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.web.client import RequestTransmissionFailed, ResponseFailed

from tests.support.chat import Person, a_person, a_room
from tests.support.client import request
from tests.support.daemon import Daemon
from tests.support.gateway import with_status
from tests.support.operators_mongod import OperatorsMongod
from tests.support.waiting import at_once, eventually, quietly
from tests.support.webhooks import WebhooksCase

ENDED = {"$set": {"until": datetime(2000, 1, 1)}}
"""A change of a lease."""


class Outage(WebhooksCase):
    async def test_database_killed(self) -> None:
        """What was answered comes, in order, though the database is killed while it is sent."""
        folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.addCleanup(shutil.rmtree, folder)
        mongod = await OperatorsMongod(folder).start()
        self.addCleanup(mongod.end)
        self.uri = mongod.uri("hooks")
        daemon = await self.a_daemon(self.receiver.settings("message.new"))
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        said = [str(number) for number in range(40)]
        await self.say(anna, room, *said[:20])
        mongod.end()
        await mongod.restart()
        await eventually(lambda: self.is_ready(daemon), "the daemon to be ready")
        await self.say(anna, room, *said[20:])

        self.assertEqual(said, await self.receiver.texts(room, len(said)))

    async def is_ready(self, daemon: Daemon) -> bool:
        return (await request(daemon.http, "GET", "/readyz")).status == 200


class Crashes(WebhooksCase):
    async def test_killed(self) -> None:
        """Every message that was answered comes, in order, though the daemon is killed while it sends."""
        daemon = await self.a_daemon(self.receiver.settings("message.new"))
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        said: list[str] = []
        for turn in range(3):
            texts = [f"{turn} {number}" for number in range(20)]
            await self.say(anna, room, *texts)
            said += texts
            await daemon.kill()
            await daemon.start()

        self.assertEqual(said, await self.receiver.texts(room, len(said)))
        await self.nothing_waits()

    async def test_two_daemons(self) -> None:
        """Of two daemons one sends; when it is killed, the other goes on, with the messages of both in their order."""
        settings = self.receiver.settings("message.new")
        first, second = await self.a_daemon(settings), await self.a_daemon(settings)
        anna = await a_person(first)
        room = await a_room(anna, anna)
        also_anna = Person(second, anna.phone, anna.key, anna.session_key, anna.id)
        await self.say(anna, room, "one")
        self.assertEqual(["one"], await self.receiver.texts(room, 1))
        self.receiver.answer = with_status(500)
        await self.say(anna, room, "two")
        await self.say(also_anna, room, "three")
        await first.kill()
        self.database.leases.update_one({"_id": "webhooks"}, ENDED)  # as if 20 s had passed
        await self.say(also_anna, room, "four")
        self.receiver.answer = with_status(200)

        self.assertEqual(["one", "two", "three", "four"], await self.receiver.texts(room, 4))
        sent = [hook.id for hook in self.receiver.taken]
        self.assertEqual(4, len(set(sent)))

    async def test_three_daemons(self) -> None:
        """Of three daemons the one that sends is killed while people talk through all. Every event comes, in order."""
        settings = self.receiver.settings("message.new")
        sending = await self.a_daemon(settings)
        await eventually(lambda: self.database.leases.find_one({"_id": "webhooks", "holder": {"$ne": None}}), "a lease")
        daemons = [sending, await self.a_daemon(settings), await self.a_daemon(settings)]
        people = [await a_person(sending) for _ in daemons]
        rooms = [await a_room(people[0], people[0], people[2]), await a_room(people[1], people[1])]
        said: dict[str, list[str]] = {room: [] for room in rooms}
        is_over = False

        async def talk(person: Person, daemon: Daemon, room: str) -> None:
            there = Person(daemon, person.phone, person.key, person.session_key, person.id)
            number = 0
            while not is_over:
                try:
                    sent = await there.say(room, f"{person.id} {number}")
                except (ResponseFailed, RequestTransmissionFailed, ConnectError, ConnectionClosed):
                    return  # its daemon was killed, and nobody knows about this text
                if sent.status == 200:
                    said[room].append(f"{person.id} {number}")
                number += 1
                await quietly(0.05)

        async def kill() -> None:
            nonlocal is_over
            await eventually(lambda: len(self.receiver.taken) >= 30, "webhooks", 60)
            await sending.kill()
            self.database.leases.update_one(
                {"_id": "webhooks"}, {"$set": {"until": datetime(2000, 1, 1)}}
            )  # 20 s later
            before = len(self.receiver.taken)
            await eventually(lambda: len(self.receiver.taken) >= before + 30, "webhooks by another", 60)
            is_over = True

        where = [rooms[0], rooms[1], rooms[0]]
        talks = [talk(person, daemon, room) for person, daemon, room in zip(people, daemons, where, strict=True)]
        await at_once([kill(), *talks])

        for room in rooms:
            entries = self.database.log.find({"stream": ObjectId(room), "text": {"$ne": None}}).sort("seq")
            stored = [entry["text"] for entry in entries]
            self.assertLessEqual(set(said[room]), set(stored))
            self.assertEqual(stored, await self.receiver.texts(room, len(stored)))
