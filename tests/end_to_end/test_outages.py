"""A database that is killed or stopped under load: 503, then recovery without help; nothing is lost."""

import contextlib  # a global "suppress" would be a setting of trial's
import itertools
import os
import signal
import time
from collections import Counter

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.support.attack import connect
from tests.support.chat import a_phone, a_room
from tests.support.client import Answer, Listener, call, request
from tests.support.crashes import TALKERS, CrashCase
from tests.support.daemon import Daemon
from tests.support.mongo import RunningMongod, pause
from tests.support.waiting import assert_within, eventually
from tests.support.wire import a_request


class DatabaseKilled(CrashCase):
    async def test_under_load(self) -> None:
        """The daemon starts its database again, and serves as before. Every message acknowledged, before and after, is
        there once; none that was refused, with 503 and Retry-After, is. Sockets stay open, and get each acknowledged
        message once, in order, and no refused one.
        """
        await self.talk()
        sockets = [await self.a_listener(person) for person in self.talkers]

        os.kill(self.daemon.mongod_pid(), signal.SIGKILL)
        await self.crowd.reach(100)
        await self.crowd.end()

        self.assertEqual(200, (await request(self.daemon.http, "GET", "/readyz")).status)
        self.assertLessEqual({(outcome.status, outcome.retry_after) for outcome in self.crowd.refused}, {(503, "1")})
        await self.check_kept()
        await self.assert_none_refused_is_there()
        await self.assert_each_received(sockets)

    async def assert_each_received(self, sockets: list[Listener]) -> None:
        wanted = sorted(
            outcome.json["data"]["message"]["seq"]
            for outcome in self.crowd.outcomes
            if outcome.json and outcome.status == 200
        )
        for socket in sockets:
            await eventually(lambda s=socket: s.events[-1]["data"]["seq"] == wanted[-1], "the last message")
            received = [event["data"]["seq"] for event in socket.events if event["event"] == "message"]
            # Threads note their answers in any order, so the seq shows what came since it listens.
            self.assertEqual([seq for seq in wanted if seq >= received[0]], received)
            self.assertEqual(sorted(set(received)), received)
            self.assertFalse(socket.gone.called)


class DatabaseStopped(CrashCase):
    """The database neither answers nor closes its connections."""

    async def outage(self, *, listens: bool = False) -> None:
        await self.talk()
        if listens:
            self.listener = await self.a_listener(self.talkers[1])
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
        """Every call is 503 with Retry-After within about 5 s, and watchers are told."""
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

        assert_within(6, time.monotonic() - began)
        for answer in answers:
            self.assertEqual((503, ["1"]), (answer.status, answer.headers.getRawHeaders("Retry-After")), answer)
        await self.assert_said_to_watchers()

    async def assert_said_to_watchers(self) -> None:
        """/livez is 200 and /readyz 503. A watcher who does not wait for the answer is nothing to log. The log has the
        outage, and its end.
        """
        with connect(self.daemon.http) as impatient:
            impatient.sendall(a_request("GET /readyz", last=True))

        alive = await request(self.daemon.http, "GET", "/livez")
        ready = await request(self.daemon.http, "GET", "/readyz")

        self.assertEqual((200, 503), (alive.status, ready.status))
        # Not by the call above, perhaps: an answer of before may have been read after it began.
        await eventually(lambda: "Outage#error] the database is away" in self.daemon.log, lambda: self.daemon.log)
        self.go_on()
        await eventually(lambda: "Outage#info] the database is back" in self.daemon.log, lambda: self.daemon.log)

    async def test_goes_on(self) -> None:
        """Calls that need no database are answered. Service is back within 2 s of the database. Sockets stay open and
        get later messages. Acknowledged messages are in the room afterwards, once, and refused ones are not; so a
        client that skips as many as it has gets each one once.
        """
        await self.outage(listens=True)
        await self.refusals()

        described = await request(self.daemon.http, "GET", "/openapi.json")
        again = await self.admin.call("/room/leave", room_id="nowhere")
        self.assertEqual((200, 404), (described.status, again.status))
        self.assertFalse(self.listener.gone.called)

        self.go_on()
        began = time.monotonic()
        tries = itertools.count()
        while (await self.admin.say(self.room, f"back {next(tries)}")).status != 200 and time.monotonic() - began < 60:
            await deferLater(reactor, 0.05)
        assert_within(2.5, time.monotonic() - began)

        await self.crowd.reach(100)
        await self.crowd.end()
        last = max(outcome.json["data"]["message"]["seq"] for outcome in self.crowd.said)
        await eventually(lambda: self.listener.events[-1]["data"].get("seq") == last, "what was said afterwards")
        await self.check_kept()
        await self.assert_none_refused_is_there()
        messages = await self.history(page=60)
        self.assertEqual({1}, set(Counter(message["_id"] for message in messages).values()))

    async def test_daemon_ends(self) -> None:
        """The daemon can be stopped meanwhile, before systemd would kill it (TimeoutStopSec)."""
        await self.outage()
        await self.refusals()
        assert self.daemon.process is not None

        self.daemon.process.send_signal(signal.SIGTERM)
        began = time.monotonic()

        await self.daemon.ended()
        assert_within(28, time.monotonic() - began)
        self.assertTrue(self.database_gone(self.pid))


class OperatorsDatabaseStopped(CrashCase):
    """The same of a database that the daemon has not started: with leases, signs of life and webhooks."""

    SETTINGS = """
        [retention]
        messages = 30
        direct_messages = 30
        [[webhooks]]
        url = "https://127.0.0.1:9/"
        allow_private = true
        secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
        events = ["message.new"]
    """

    def make_daemon(self) -> Daemon:
        self.mongod = RunningMongod()
        return Daemon("--mongo", self.mongod.uri("justchat"), settings=self.SETTINGS)

    async def tearDown(self) -> None:
        self.mongod.go_on()
        try:
            await super().tearDown()
        finally:
            self.mongod.end()

    async def test_daemon_ends(self) -> None:
        """The daemon can be stopped meanwhile, before systemd would kill it (TimeoutStopSec)."""
        await self.talk()
        await self.talkers[1].call("/user/sendMessage", message={"user": self.talkers[2].id, "text": "hello"})
        await self.a_listener(self.talkers[1])
        self.mongod.pause()
        await eventually(lambda: len(self.crowd.refused) >= TALKERS, "refusals")
        assert self.daemon.process is not None

        self.daemon.process.send_signal(signal.SIGTERM)
        began = time.monotonic()

        await self.daemon.ended()
        assert_within(28, time.monotonic() - began)
