"""Socket.IO by polling, at several workers: a request reaches its session whichever worker accepts its connection."""

import json
import socket
import struct

from tests.support.attack import connect
from tests.support.chat import a_room
from tests.support.client import listen_as, request
from tests.support.socketio.by_hand import Packets, ask
from tests.support.socketio.clients import MISSING, Node
from tests.support.waiting import eventually
from tests.support.wire import a_request, exchange
from tests.support.workers import NUMBER, WorkersCase, a_session_of

REQUESTS = 12
"""Each on a connection of its own, so that all workers accept some."""
MESSAGES = 20
WORKERS = range(1, NUMBER + 1)


class Polling(WorkersCase):
    async def test_other_connections(self) -> None:
        """Polls and posts on other connections reach the session: of both protocols, and by JSONP."""
        by_version = {4: b"40/a,", 3: b"5:40/a,"}
        for version, more in ((4, ""), (3, ""), (4, "&j=0"), (3, "&j=0")):
            post = (b"d=" if more else b"") + by_version[version]
            for worker in WORKERS:
                query = await a_session_of(self.daemon.http, worker, version, more)
                for _ in range(REQUESTS):
                    self.assertEqual(200, (await ask(self.daemon.http, query, "POST", post)).code)
                    packets = await ask(self.daemon.http, query)
                    self.assertEqual(200, packets.code)
                    self.assertIn(b"44/a,", packets.body)

    async def test_one_connection(self) -> None:
        """Requests for sessions of all workers, and a call between them, on one connection."""
        queries = [await a_session_of(self.daemon.http, worker) for worker in WORKERS]
        said = b""
        for _ in range(REQUESTS):
            for query in queries:
                said += a_request(f"POST /socket.io/?{query}", body=b"40/a,") + a_request("GET /livez")
                said += a_request(f"GET /socket.io/?{query}")

        answers = await exchange(self.daemon.http, said + a_request("GET /readyz", last=True))

        self.assertEqual([200] * (REQUESTS * NUMBER * 3 + 1), [answer.status for answer in answers])
        self.assertTrue(all(b"44/a," in answer.body for answer in answers[2::3]), answers[2::3])

    async def test_own_port(self) -> None:
        """The same on the socket's own port."""
        for worker in WORKERS:
            query = await a_session_of(self.daemon.websocket, worker)
            for _ in range(REQUESTS):
                self.assertEqual(200, (await ask(self.daemon.websocket, query, "POST", b"40/a,")).code)
                self.assertIn(b"44/a,", (await ask(self.daemon.websocket, query)).body)

    async def test_chunked(self) -> None:
        """A body in chunks arrives whole."""
        for worker in WORKERS:
            query = await a_session_of(self.daemon.http, worker)
            head = a_request(f"POST /socket.io/?{query}", "Transfer-Encoding: chunked", last=True)
            for _ in range(REQUESTS):
                (answer,) = await exchange(self.daemon.http, head + b"3\r\n40/\r\n2\r\na,\r\n0\r\n\r\n")
                self.assertEqual(b"ok", answer.body)
                self.assertIn(b"44/a,", (await ask(self.daemon.http, query)).body)

    async def test_pieces(self) -> None:
        """A request that comes byte by byte is answered."""
        for worker in WORKERS:
            query = await a_session_of(self.daemon.http, worker)
            await ask(self.daemon.http, query, "POST", b"40/a,")
            with connect(self.daemon.http) as connection:
                for byte in a_request(f"GET /socket.io/?{query}", last=True):
                    connection.send(bytes([byte]))
                self.assertIn(b"44/a,", connection.makefile("rb").read())

    async def test_disconnected(self) -> None:
        """A client that resets its connection in that moment leaves nothing in the log, and the session goes on."""
        for worker in WORKERS:
            query = await a_session_of(self.daemon.http, worker)
            for _ in range(40):
                with connect(self.daemon.http) as connection:
                    connection.sendall(a_request(f"POST /socket.io/?{query}", body=b"40/a,"))
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.assertEqual(200, (await ask(self.daemon.http, query)).code)

    async def test_unknown(self) -> None:
        """An unknown session is 400 with code 1, whatever its number; so its client begins another."""
        numbered = [f"{number}.unknown" for number in (0, *WORKERS, NUMBER + 1, 999, 10**9, "٢")]
        for sid in (*numbered, "unknown", "1."):
            for _ in range(4):
                answer = await ask(self.daemon.http, f"EIO=4&transport=polling&sid={sid}")
                self.assertEqual((400, 1), (answer.code, json.loads(answer.body)["code"]), sid)

    async def test_large_post(self) -> None:
        """A body that is too large is 413 at every worker."""
        for worker in WORKERS:
            query = await a_session_of(self.daemon.http, worker)
            for size in (20_000, 60_000):
                self.assertEqual(413, (await ask(self.daemon.http, query, "POST", b"4" * size)).code)

    async def test_upgrade(self) -> None:
        """A WebSocket on another connection takes the session over."""
        for worker in WORKERS:
            for _ in range(REQUESTS // 2):
                query = await a_session_of(self.daemon.http, worker)
                path = f"/socket.io/?{query.replace('polling', 'websocket')}"
                upgraded = await listen_as(Packets, self.daemon.http, path)
                self._listeners.append(upgraded)
                upgraded.send("2probe")
                await upgraded.receive("3probe")
                upgraded.send("5")
                upgraded.send("40/a,")
                await upgraded.receive("44/a,")

    async def test_lost(self) -> None:
        """A session whose worker has been killed is unknown to its successor."""
        query = await a_session_of(self.daemon.http, 1)

        await self.killed(1)

        for _ in range(REQUESTS):
            answer = await ask(self.daemon.http, query)
            self.assertEqual((400, 1), (answer.code, json.loads(answer.body)["code"]))
        self.assertEqual(200, (await request(self.daemon.http, "GET", "/readyz")).status)


class RealClients(WorkersCase):
    skip = MISSING

    async def test_messages(self) -> None:
        """The real clients, every version by each transport, get each message once and in order."""
        node = Node()
        self.addCleanup(node.leave)
        anna = await self.a_person()
        room = await a_room(anna, anna)
        clients = await node.connect(self.daemon.http)
        for client in clients:
            await client.bind(anna.session_key)

        for number in range(MESSAGES):
            self.assertEqual(200, (await anna.say(room, str(number))).status)

        for client in clients:
            received = [(await client.next("message"))["text"] for _ in range(MESSAGES)]
            self.assertEqual([str(number) for number in range(MESSAGES)], received, client.name)
            if client.name.endswith("default"):
                await eventually(
                    lambda client=client: ["upgrade", "websocket"] in client.received, f"{client.name}: upgrade"
                )
            self.assertEqual([], [what for what in client.received if what[0] == "disconnect"], client.name)
