"""Crashes and stops of the daemon under load: acknowledged messages stay, once and in one order."""

import os
import random
import signal
import time
from collections.abc import Callable

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.support.chat import Person, a_room
from tests.support.client import Answer, call
from tests.support.crashes import TALKERS, Call, CrashCase
from tests.support.mongo import RunningMongod
from tests.support.waiting import assert_within, eventually


class DaemonKilled(CrashCase):
    async def test_kept(self) -> None:
        """A daemon killed and started at once has every message acknowledged, once, numbered without a gap. The
        embedded database of the killed one ends.
        """
        await self.talk()
        pid = self.daemon.mongod_pid()

        await self.kill_and_check()

        await eventually(lambda: self.database_gone(pid), "mongod to end")

    async def test_both_killed(self) -> None:
        """The same if the database was killed too and left its lock."""
        await self.talk()
        pid = self.daemon.mongod_pid()

        os.kill(pid, signal.SIGKILL)
        await self.kill_and_check()

    async def kill_and_check(self) -> None:
        await self.daemon.kill()
        await self.crowd.end()
        await self.daemon.start()

        await self.check_kept()
        messages = await self.history()
        self.assertEqual(list(range(1, len(messages) + 1)), [message["seq"] for message in messages])


class UnderWay(CrashCase):
    async def test_sent_again(self) -> None:
        """Calls that were under way are carried out once, also when they are sent again after the restart."""
        people = await self.people(TALKERS)
        calls = [(person, f"{person.phone}-{number}") for person in people for number in range(5)]

        def create(person: Person, name: str) -> Deferred[Answer]:
            document = {"session_key": person.session_key, "room": {"name": name}}
            headers = {"Idempotency-Key": name}
            return Deferred.fromCoroutine(call(self.daemon.http, "/room/create", document, headers))

        under_way = [create(*each).addErrback(lambda _: None) for each in calls]
        await deferLater(reactor, 0.1)
        await self.daemon.kill()
        await gatherResults(under_way)
        await self.daemon.start()

        answers = await gatherResults([create(*each) for each in calls])

        self.assertEqual({201}, {answer.status for answer in answers})
        self.assertEqual([5] * TALKERS, [len((await person.shown())["rooms"]) for person in people])


class Moving(CrashCase):
    async def check_places(self, next_call: Callable[[Person, int], Call], rooms: list[str], admin: Person) -> None:
        """Kill the daemon during these calls; each time the rooms and the users' documents agree."""
        people = await self.people(8)
        for _ in range(2):
            crowd = self.a_crowd(people, next_call)
            await crowd.reach(60)
            await self.daemon.kill()
            await crowd.end()

            await self.daemon.start()

            said = {person.id: (await person.shown())["room"] for person in people}
            inside: dict[str, list[str]] = {person.id: [] for person in people}
            for room in rooms:
                for user in (await admin.enter(room)).data["room"]["users"]:
                    inside.setdefault(user, []).append(room)
            for user, room in said.items():
                self.assertEqual([room] if room else [], inside[user])

    async def test_enter(self) -> None:
        """After a crash during moves between rooms, each user is in the one room that their document names."""
        admin = await self.a_person()
        rooms = [await a_room(admin) for _ in range(3)]

        def enter(person: Person, number: int) -> Call:
            return "/room/enter", {"room": {"id": random.choice(rooms)}}

        await self.check_places(enter, rooms, admin)


class Leaving(CrashCase):
    """On a database that outlives the daemon, which can so be killed while a write of its is on the way."""

    async def setUp(self) -> None:
        self.mongod = RunningMongod()
        await super().setUp()

    async def tearDown(self) -> None:
        await super().tearDown()
        self.mongod.end()

    def options(self) -> list[str]:
        return ["--mongo", self.mongod.uri("chat")]

    async def test_leave(self) -> None:
        """After a crash during a leave, the user is in the room that their document names, or in none."""
        anna, boris = await self.people(2)
        room = await a_room(anna, boris)

        self.mongod.pause()
        leaving = Deferred.fromCoroutine(boris.call("/room/leave", room_id=room))
        leaving.addErrback(lambda failure: None)  # the connection breaks
        await deferLater(reactor, 0.5)
        await self.daemon.kill()
        self.mongod.go_on()
        await leaving
        await self.daemon.start()

        inside = boris.id in (await anna.enter(room)).data["room"]["users"]
        self.assertEqual(room if inside else None, (await boris.shown())["room"])


class Stopped(CrashCase):
    """SIGTERM under load."""

    async def test_ends(self) -> None:
        """It ends within 10 s, and its database with it. Acknowledged messages are kept; those refused with 503 are not
        stored.
        """
        await self.talk()
        pid = self.daemon.mongod_pid()
        assert self.daemon.process is not None

        self.daemon.process.send_signal(signal.SIGTERM)
        began = time.monotonic()

        await self.daemon.ended()
        assert_within(10, time.monotonic() - began)
        self.assertTrue(self.database_gone(pid))
        await self.crowd.end()
        await self.daemon.start()

        self.assertLessEqual({outcome.status for outcome in self.crowd.outcomes}, {0, 200, 503})
        await self.check_kept()
        await self.assert_none_refused_is_there()
