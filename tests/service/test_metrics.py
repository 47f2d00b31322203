"""``GET /metrics`` of a daemon (contract, section 10): what it counts is what happened."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from justchat.config.settings import Metrics, Settings
from justchat.errors import StartupError
from justchat.metrics.declarations import DECLARED
from justchat.metrics.snapshots import Snapshot
from justchat.service.metrics import MetricsSite
from justchat.service.preflight import check_start, endpoints_of_metrics
from tests.support.chat import ChatTestCase, a_phone, a_room, register
from tests.support.client import call, request
from tests.support.money import with_coins
from tests.support.scraping import Scrape, get, scrape, scrape_when
from tests.support.socketio.by_hand import a_session, ask
from tests.support.waiting import eventually
from tests.support.workers import WorkersCase, worker_pids


class FormatTests(ChatTestCase):
    """The port of metrics."""

    async def test_text(self) -> None:
        """It answers Prometheus' text, with each metric that is declared, and no other."""
        await self.a_person()
        response, text = await get(self.daemon.metrics)

        self.assertEqual(["text/plain; version=0.0.4; charset=utf-8"], response.headers.getRawHeaders("content-type"))
        shown = {
            family.name + ("_total" if family.type == "counter" else "") for family in Scrape(text).families.values()
        }
        self.assertLessEqual(shown, DECLARED.keys())

    async def test_openmetrics(self) -> None:
        """It answers OpenMetrics to a client that accepts it."""
        response, text = await get(self.daemon.metrics, accept="application/openmetrics-text;version=1.0.0")

        (content_type,) = response.headers.getRawHeaders("content-type") or ()
        self.assertTrue(content_type.startswith("application/openmetrics-text; version=1.0.0"), content_type)
        self.assertIn("justchat_sockets", {family.name for family in parse_openmetrics(text)})

    async def test_nothing_else(self) -> None:
        """Nothing else answers there, and /metrics answers nowhere else."""
        for path in ("/", "/readyz", "/metrics/", "/metrics/more", "/init/auth"):
            self.assertEqual(404, (await get(self.daemon.metrics, path))[0].code, path)
        response, _ = await get(self.daemon.metrics, method="POST", body=b" " * 10**6)
        self.assertEqual(405, response.code)
        self.assertEqual(["JustChat"], response.headers.getRawHeaders("server"))
        self.assertEqual(404, (await request(self.daemon.http, "GET", "/metrics")).status)

    async def test_head(self) -> None:
        """HEAD has the fields of GET and no body."""
        response, text = await get(self.daemon.metrics, method="HEAD")

        self.assertEqual((200, ""), (response.code, text))


class CountTests(ChatTestCase):
    """What a daemon counts. Other tests use the same daemon, but none at the same time."""

    async def setUp(self) -> None:
        await super().setUp()
        self.person = await self.a_person()
        self.before = await scrape(self.daemon)

    async def grown(self, name: str, **labels: str) -> float:
        """By how much a counter has grown in this test."""
        return (await scrape(self.daemon)).of(name, **labels) - self.before.of(name, **labels)

    async def test_calls(self) -> None:
        """A call counts by its path and status, and once in the histogram of its path."""
        room = await a_room(self.person, self.person)
        await self.person.say(room, "one")
        await self.person.say(room, "two")
        await self.person.say("f" * 24, "three")

        name = "justchat_calls_total"
        self.assertEqual(2, await self.grown(name, path="/room/sendMessage", status="200"))
        self.assertEqual(1, await self.grown(name, path="/room/sendMessage", status="404"))
        name = "justchat_call_duration_seconds_bucket"
        self.assertEqual(3, await self.grown(name, path="/room/sendMessage", le="+Inf"))

    async def test_refused_heads(self) -> None:
        """A call that is refused before it is read counts, too: too large a body, an upload without a session."""
        await request(self.daemon.http, "POST", "/room/sendMessage", b" " * 10**6)
        fields = {"Content-Type": "image/png", "Authorization": "Bearer nothing"}
        answers = [await request(self.daemon.http, "POST", "/upload", body, fields) for body in (b"", b"a picture")]

        self.assertEqual(1, await self.grown("justchat_calls_total", path="/room/sendMessage", status="413"))
        self.assertEqual([440, 440], [answer.status for answer in answers])
        self.assertEqual(2, await self.grown("justchat_calls_total", path="/upload", status="440"))

    async def test_unknown_paths(self) -> None:
        """What clients ask for makes no series."""
        await request(self.daemon.http, "POST", "/nothing/here", b"{}")
        await call(self.daemon.http, "/init/getUser", {"session_key": "nothing"})

        after = await scrape(self.daemon)
        self.assertFalse(after.has("justchat_calls_total", path="/nothing/here"))
        self.assertEqual(1, await self.grown("justchat_calls_total", path="/init/getUser", status="440"))

    async def test_sockets(self) -> None:
        """A socket counts when it opens, while it is open, and with its close code."""
        listener = await self.a_listener(self.person)
        while_open = await scrape(self.daemon)
        await self.person.call("/init/exit")
        await listener.closed()

        async def is_counted() -> bool:
            return await self.grown("justchat_sockets_closed_total", protocol="websocket", code="4440") >= 1

        await eventually(is_counted, "the socket to count as closed")
        self.assert_balanced(while_open, "websocket")
        self.assertEqual(1, await self.grown("justchat_sockets_opened_total", protocol="websocket"))

    def assert_balanced(self, found: Scrape, protocol: str) -> None:
        """Those that are open were opened and not closed; sockets of earlier tests may still be going."""
        opened = found.of("justchat_sockets_opened_total", protocol=protocol)
        is_open = found.of("justchat_sockets", protocol=protocol)
        self.assertEqual(opened - found.of("justchat_sockets_closed_total", protocol=protocol), is_open)
        self.assertGreaterEqual(is_open, 1)

    async def test_deliveries(self) -> None:
        """An event counts once for each socket that it is sent to."""
        room = await a_room(self.person, self.person)
        listeners = [await self.a_listener(self.person) for _ in range(3)]
        before = await scrape(self.daemon)

        await self.person.say(room, "hello")
        for listener in listeners:
            await listener.next()

        self.assertEqual(
            3, (await scrape(self.daemon)).of("justchat_deliveries_total") - before.of("justchat_deliveries_total")
        )

    async def test_log(self) -> None:
        """An entry counts in its log, and so does what a rule refuses."""
        room = await a_room(self.person, self.person)
        before = await scrape(self.daemon)

        await self.person.say(room, "hello")

        after = await scrape(self.daemon)
        for name in (
            "justchat_log_entries_total",
            "justchat_log_batches_total",
            "justchat_log_batch_duration_seconds_count",
        ):
            self.assertEqual(1, after.of(name, log="rooms") - before.of(name, log="rooms"), name)

    async def test_sign_ins(self) -> None:
        """A sign-in counts, and so does a wrong key; an SMS counts by sender and outcome."""
        phone = a_phone()
        key = await register(self.daemon, phone)
        await call(self.daemon.http, "/init/auth", {"phone": phone, "key": "1" * len(key)})
        await call(self.daemon.http, "/init/auth", {"phone": phone, "key": key})

        self.assertEqual(1, await self.grown("justchat_sign_ins_total", by="phone"))
        self.assertEqual(1, await self.grown("justchat_wrong_keys_total", kind="phone"))
        self.assertEqual(1, await self.grown("justchat_sms_total", outcome="accepted"))

    async def test_coins(self) -> None:
        """Coins count by their reason."""
        answer = await self.person.call("/user/free-coins", type="vk")

        self.assertEqual(200, answer.status, answer)
        self.assertEqual(10, await self.grown("justchat_coins_in_total", reason="free coins"))

    async def test_gifts(self) -> None:
        """What a gift costs counts as paid."""
        await with_coins(self.person, 1000)
        gift = (await self.person.call("/gifts")).data["gifts"][0]
        answer = await self.person.call("/gifts/send", gift=gift["_id"], user=(await self.a_person()).id, text="")

        self.assertEqual(200, answer.status, answer)
        self.assertEqual(1000, await self.grown("justchat_coins_in_total", reason="payment"))
        self.assertEqual(gift["price"], await self.grown("justchat_coins_out_total", reason="gift"))

    async def test_socketio(self) -> None:
        """Socket.IO sockets count like others, whatever their transport is."""
        query = await a_session(self.daemon.http)
        while_open = await scrape(self.daemon)
        await ask(self.daemon.http, query, "POST", b"1")

        async def is_counted() -> bool:
            return await self.grown("justchat_sockets_closed_total", protocol="socketio", code="1000") >= 1

        await eventually(is_counted, "the socket to count as closed")
        self.assert_balanced(while_open, "socketio")
        self.assertEqual(1, await self.grown("justchat_sockets_opened_total", protocol="socketio"))

    async def test_replays(self) -> None:
        """A resume counts by how it ended."""
        room = await a_room(self.person, self.person)
        socket = await self.a_socket()
        ready = await socket.bind(self.person.session_key)
        position = {"room": ready["room"], "seq": ready["seq"]}
        await self.person.say(room, "missed")
        for n in (ready["n"], 10**6):
            again = await self.a_socket()
            again.say({"event": "init", "data": {**position, "session_key": self.person.session_key, "n": n}})
            await again.next("caught-up")

        async def are_counted() -> bool:
            name = "justchat_replays_total"
            return (await self.grown(name, outcome="recovered"), await self.grown(name, outcome="not_recovered")) == (
                1,
                1,
            )

        await eventually(are_counted, "both resumes to count")

    async def test_process(self) -> None:
        """It says what the process, the machine and the database are like."""
        after = self.before

        self.assertGreater(after.of("justchat_memory_bytes", worker="0"), 10 * 2**20)
        self.assertGreater(after.of("justchat_reactor_turn_duration_seconds_count", worker="0"), 10)
        self.assertGreater(after.of("justchat_disk_size_bytes"), after.of("justchat_disk_free_bytes"))
        self.assertGreater(after.of("justchat_database_duration_seconds_count", command="find"), 0)
        self.assertEqual(1, after.of("justchat_build_info"))
        self.assertEqual(10_000, after.of("justchat_queue_bound", queue="log_rooms"))


class UnreadTests(TestCase):
    """Clients that do not read what they asked for."""

    async def test_pipelined(self) -> None:
        """Of scrapes that a client asks for at once and does not read, not all are made. Others are answered."""
        made = 0

        async def collect() -> Snapshot:
            nonlocal made
            made += 1
            return {"justchat_build_info": {("x" * 2**20, "", ""): 1}}

        listening: Any = reactor
        port = listening.listenTCP(0, MetricsSite(collect, reactor), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number, asked = port.getHost().port, 30
        with socket.socket() as unread:
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            unread.connect(("127.0.0.1", number))
            unread.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * asked)
            for _ in range(asked):
                response, text = await get(number)
                self.assertEqual((200, True), (response.code, len(text) > 2**20))

        self.assertLess(made - asked, asked)


class SettingTests(SynchronousTestCase):
    """``[metrics] endpoint``."""

    def test_nonsense(self) -> None:
        """An endpoint that is none is a fault of the settings, found before anything starts."""
        settings = Settings(metrics=Metrics(endpoint="nowhere:1"), data_dir=Path(self.mktemp()))

        error = self.assertRaises(StartupError, check_start, settings, {})

        self.assertTrue(str(error).startswith("[metrics] endpoint: 'nowhere:1' is no endpoint"), error)

    def test_off(self) -> None:
        """By default there is none."""
        self.assertEqual({}, endpoints_of_metrics(Settings()))


BOTH = {"1": 1, "2": 1}
"""All workers answer."""


class WorkerTests(WorkersCase):
    """A daemon of several workers."""

    async def test_one_scrape(self) -> None:
        """One scrape has the calls of all workers, and each of them answers it."""
        person = await self.a_person()
        before = await scrape_when(self.daemon, BOTH)

        for _ in range(20):  # each on a connection of its own: the kernel spreads them
            await person.shown()

        after = await scrape_when(self.daemon, BOTH)
        labels = {"path": "/init/getUser", "status": "200"}
        self.assertEqual(20, after.of("justchat_calls_total", **labels) - before.of("justchat_calls_total", **labels))
        for worker in BOTH:
            self.assertTrue(after.has("justchat_bus_up", worker=worker))
            self.assertTrue(after.has("justchat_memory_bytes", worker=worker))

    async def test_hanging(self) -> None:
        """A worker that hangs is shown as down, with what it had counted."""
        await self.a_person()
        pid = worker_pids(self.daemon)[2]
        before = await scrape_when(self.daemon, BOTH)
        os.kill(pid, signal.SIGSTOP)
        try:
            during = await scrape_when(self.daemon, {"1": 1, "2": 0})
        finally:
            os.kill(pid, signal.SIGCONT)

        name = "justchat_calls_total"
        self.assertGreaterEqual(during.of(name, path="/init/auth"), before.of(name, path="/init/auth"))
        await scrape_when(self.daemon, BOTH)

    async def test_killed(self) -> None:
        """What a worker that was killed had counted stays, and its successor is in the next scrape."""
        person = await self.a_person()
        for _ in range(20):
            await person.shown()
        before = await scrape_when(self.daemon, BOTH)

        await self.killed(1)
        after = await scrape_when(self.daemon, BOTH)

        name = "justchat_calls_total"
        self.assertGreaterEqual(after.of(name, path="/init/getUser"), before.of(name, path="/init/getUser"))
        restarts = after.of("justchat_worker_restarts_total") - before.of("justchat_worker_restarts_total")
        self.assertGreaterEqual(restarts, 1)
