"""Crashes of the daemon and of its database under load: what was acknowledged stays, once and in one order."""

import contextlib  # a global "suppress" would be a setting of trial's
import http.client
import itertools
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.support.chat import ChatTestCase, Person, a_phone, a_room
from tests.support.client import Answer, Listener, call, eventually, request
from tests.support.daemon import Daemon
from tests.support.mongo import RunningMongod, pause

TALKERS = 6
"""Fewer than the reactor has threads."""
Call = tuple[str, dict[str, Any]]


@frozen
class Told:
    """What became of a call; ``status`` 0 is a connection that broke."""

    body: dict[str, Any]
    status: int
    retry_after: str | None = None
    json: Any = None

    @property
    def text(self) -> str:
        text: str = self.body["message"]["text"]
        return text


class Crowd:
    """People who each make one call after another, in a thread, over a connection that is kept alive."""

    def __init__(self, daemon: Daemon, people: list[Person], next_call: Callable[[Person, int], Call]) -> None:
        self.told: list[Told] = []
        self._port = daemon.http
        self._next_call = next_call
        self._enough = threading.Event()
        self._threads: list[Deferred[None]] = [deferToThread(self._run, person) for person in people]

    @property
    def said(self) -> list[Told]:
        return [told for told in self.told if told.status in (200, 201)]

    @property
    def refused(self) -> list[Told]:
        return [told for told in self.told if told.status not in (0, 200, 201)]

    def _run(self, person: Person) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        for number in itertools.count():
            if self._enough.is_set():
                break
            path, body = self._next_call(person, number)
            try:
                connection.request("POST", path, json.dumps({"session_key": person.session_key, **body}))
                response = connection.getresponse()
                answer = json.loads(response.read())
                self.told.append(Told(body, response.status, response.getheader("Retry-After"), answer))
            except (OSError, http.client.HTTPException):
                self.told.append(Told(body, 0))
                connection.close()
                time.sleep(0.02)
        connection.close()

    async def reach(self, more: int) -> None:
        """Returns when so many more calls have succeeded."""
        wanted = len(self.said) + more
        await eventually(lambda: len(self.said) >= wanted, f"{wanted} calls to succeed; last: {self.told[-3:]}")

    async def end(self) -> None:
        self._enough.set()
        await gatherResults(self._threads)


class CrashCase(ChatTestCase):
    """Each test has a daemon of its own."""

    async def setUp(self) -> None:
        self._logged = 0
        self._listeners: list[Listener] = []
        self.daemon = await Daemon(*self.options()).start()

    def options(self) -> list[str]:
        return []

    async def tearDown(self) -> None:
        # trial runs the cleanups before this: the crowd has gone, a database that was stopped goes on.
        try:
            await super().tearDown()
        finally:
            if self.daemon.process is not None and self.daemon.process.poll() is None:
                await self.daemon.stop()
            self.daemon.remove()

    async def people(self, number: int) -> list[Person]:
        return [await self.a_person() for _ in range(number)]

    def a_crowd(self, people: list[Person], next_call: Callable[[Person, int], Call]) -> Crowd:
        crowd = Crowd(self.daemon, people, next_call)
        self.addCleanup(crowd.end)
        return crowd

    async def talk(self) -> None:
        """Sets ``admin``, ``room`` and ``crowd``: people who talk in the room by now."""
        self.talkers = await self.people(TALKERS)
        self.admin = self.talkers[0]
        room = self.room = await a_room(self.admin, *self.talkers)

        def say(person: Person, number: int) -> Call:
            return "/room/sendMessage", {"message": {"room_id": room, "text": f"{person.phone} {number}"}}

        self.crowd = self.a_crowd(self.talkers, say)
        await self.crowd.reach(100)

    async def history(self, *, by_count: bool = False) -> list[dict[str, Any]]:
        """The room from its beginning; ``by_count``: paged as a client does who skips what it has."""
        messages: list[dict[str, Any]] = []
        for _ in range(1000):
            seen = 0 if not messages else len(messages) if by_count else messages[-1]["seq"]
            page = (await self.admin.call("/room/chat", room=self.room, skip=seen, limit=500)).data["chat"]
            if not page:
                return messages
            messages += page
        raise AssertionError("the history has no end")

    async def check_kept(self) -> None:
        """Every message acknowledged is in the room once, as it was acknowledged, and in one order."""
        messages = await self.history()
        numbers = [message["seq"] for message in messages]
        self.assertEqual(sorted(set(numbers)), numbers)
        times = Counter(message["text"] for message in messages if message["type"] is None)
        self.assertEqual({1}, set(times.values()))
        by_id = {message["_id"]: message for message in messages}
        for told in self.crowd.said:
            message = told.json["data"]["message"]
            self.assertEqual(message, by_id.get(message["_id"]))

    def database_gone(self, pid: int) -> bool:
        return not Path(f"/proc/{pid}").exists()


class DaemonKilled(CrashCase):
    async def test_database_follows(self) -> None:
        """The embedded database of a daemon that was killed ends by itself."""
        await self.talk()
        pid = self.daemon.mongod_pid()

        await self.daemon.kill()

        await eventually(lambda: self.database_gone(pid), "mongod to end")

    async def test_kept(self) -> None:
        """A daemon killed and started at once has every message acknowledged, once, numbered without a gap."""
        await self.talk()

        await self.daemon.kill()
        await self.crowd.end()
        await self.daemon.start()

        await self.check_kept()
        messages = await self.history()
        self.assertEqual(list(range(1, len(messages) + 1)), [message["seq"] for message in messages])

    async def test_both_killed(self) -> None:
        """The same when the database was killed with it, and has left its lock."""
        await self.talk()
        pid = self.daemon.mongod_pid()

        os.kill(pid, signal.SIGKILL)
        await self.daemon.kill()
        await self.crowd.end()
        await self.daemon.start()

        await self.check_kept()
        messages = await self.history()
        self.assertEqual(list(range(1, len(messages) + 1)), [message["seq"] for message in messages])


class Moving(CrashCase):
    async def check_places(self, next_call: Callable[[Person, int], Call], rooms: list[str], admin: Person) -> None:
        """Kill the daemon amid these calls, some times; each time everybody is where they are said to be."""
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
        """After a crash amid people who go from room to room, each is in the one room that their user names."""
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
        """After a crash amid somebody's leaving, they are in the room that their user names, or in none."""
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


class DatabaseKilled(CrashCase):
    async def outage(self) -> None:
        """People talk, the database is killed, they go on, and some more is said."""
        await self.talk()
        self.sockets = [await self.a_listener(person) for person in self.talkers]
        os.kill(self.daemon.mongod_pid(), signal.SIGKILL)
        await self.crowd.reach(200)
        await self.crowd.end()

    async def test_comes_back(self) -> None:
        """The daemon starts its database again, and serves as before."""
        await self.outage()

        self.assertEqual(200, (await request(self.daemon.http, "GET", "/readyz")).status)

    async def test_kept(self) -> None:
        """Every message acknowledged, before and after, is there once; none that was refused is."""
        await self.outage()

        await self.check_kept()
        texts = {message["text"] for message in await self.history()}
        self.assertEqual(set(), texts & {told.text for told in self.crowd.refused})

    async def test_refused(self) -> None:
        """Who could not be served was told 503 and when to try again."""
        await self.outage()

        self.assertLessEqual({(told.status, told.retry_after) for told in self.crowd.refused}, {(503, "1")})

    async def test_heard(self) -> None:
        """Sockets stay open, and hear each message acknowledged once, in order, and none that was refused."""
        await self.outage()

        wanted = sorted(
            told.json["data"]["message"]["seq"] for told in self.crowd.told if told.json and told.status == 200
        )
        for socket in self.sockets:
            await eventually(lambda s=socket: s.events[-1]["data"]["seq"] == wanted[-1], "the last message")
            heard = [event["data"]["seq"] for event in socket.events if event["event"] == "message"]
            # Threads note their answers in any order, so that it is the seq which tells what came since it listens.
            self.assertEqual([seq for seq in wanted if seq >= heard[0]], heard)
            self.assertEqual(sorted(set(heard)), heard)
            self.assertFalse(socket.gone.called)


class DatabaseStopped(CrashCase):
    """The database neither answers nor hangs up."""

    async def outage(self) -> None:
        await self.talk()
        self.pid = self.daemon.mongod_pid()
        self.addCleanup(self.go_on)
        pause(self.pid)

    def go_on(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    async def refusals(self) -> None:
        """Returns when everybody has been refused."""
        await eventually(lambda: len(self.crowd.refused) >= TALKERS, "refusals")

    async def test_refused(self) -> None:
        """Every call is answered 503 within about 5 s, with when to try again."""
        other = await a_room(await self.a_person())
        await self.outage()
        began = time.monotonic()
        calls = [
            self.admin.say(self.room, "hello"),
            self.admin.enter(other),
            self.admin.call("/room/chat", room=self.room),
            self.admin.call("/init/getUser"),
            self.admin.call("/room/create", room={"name": "another"}),
            call(self.daemon.http, "/init/reg", {"phone": a_phone()}),
            call(self.daemon.http, "/init/auth", {"phone": self.admin.phone, "key": self.admin.key}),
        ]

        answers: list[Answer] = await gatherResults([Deferred.fromCoroutine(each) for each in calls])

        self.assertLess(time.monotonic() - began, 6)
        for answer in answers:
            self.assertEqual((503, ["1"]), (answer.status, answer.headers.getRawHeaders("Retry-After")), answer)

    async def test_said_to_watchers(self) -> None:
        """/livez is 200 and /readyz 503."""
        await self.outage()

        alive = await request(self.daemon.http, "GET", "/livez")
        ready = await request(self.daemon.http, "GET", "/readyz")

        self.assertEqual((200, 503), (alive.status, ready.status))

    async def test_comes_back(self) -> None:
        """Service is back within 2 s of the database."""
        await self.outage()
        await self.refusals()

        self.go_on()
        began = time.monotonic()
        while (await self.admin.say(self.room, "back")).status != 200 and time.monotonic() - began < 10:
            await deferLater(reactor, 0.05)

        self.assertLess(time.monotonic() - began, 2.5)

    async def test_daemon_ends(self) -> None:
        """The daemon can be stopped meanwhile, before systemd would kill it (TimeoutStopSec)."""
        await self.outage()
        await self.refusals()
        assert self.daemon.process is not None

        self.daemon.process.send_signal(signal.SIGTERM)

        await self.daemon.ended(28)
        self.assertTrue(self.database_gone(self.pid))

    async def test_nothing_refused_appears(self) -> None:
        """What was refused is not in the room afterwards, and what was acknowledged is, once."""
        await self.outage()
        await self.refusals()

        self.go_on()
        await self.crowd.reach(50)
        await self.crowd.end()

        await self.check_kept()
        texts = {message["text"] for message in await self.history()}
        self.assertEqual(set(), texts & {told.text for told in self.crowd.refused})

    async def test_paging(self) -> None:
        """A client that skips as many messages as it has gets each one once, refusals or not."""
        await self.outage()
        await self.refusals()
        self.go_on()
        await self.crowd.reach(600)
        await self.crowd.end()

        messages = await self.history(by_count=True)

        self.assertEqual({1}, set(Counter(message["_id"] for message in messages).values()))


class Stopped(CrashCase):
    """SIGTERM under load."""

    async def test_ends(self) -> None:
        """It ends within 10 s, and its database with it."""
        await self.talk()
        pid = self.daemon.mongod_pid()
        assert self.daemon.process is not None

        self.daemon.process.send_signal(signal.SIGTERM)

        await self.daemon.ended(10)
        self.assertTrue(self.database_gone(pid))

    async def test_kept(self) -> None:
        """What was acknowledged is kept; what was refused, with 503, is not there."""
        await self.talk()

        await self.daemon.stop()
        await self.crowd.end()
        await self.daemon.start()

        self.assertLessEqual({told.status for told in self.crowd.told}, {0, 200, 503})
        await self.check_kept()
        texts = {message["text"] for message in await self.history()}
        self.assertEqual(set(), texts & {told.text for told in self.crowd.refused})
