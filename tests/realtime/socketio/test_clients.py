"""The real clients, every version by each transport, go through the same scenarios side by side."""

import hashlib
import secrets
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.protocols.portforward import ProxyFactory, ProxyServer

from tests.support.chat import a_room
from tests.support.client import SILENCE
from tests.support.socketio.clients import KINDS, MISSING, Node
from tests.support.waiting import eventually
from tests.support.wire import SettingsCase

SETTINGS = """
[limits]
enabled = false
text = 5120
"""
TEN_KB = "я" * 5110 + ' 🎈 \u2028\\"'
BY_DEFAULT = [kind for kind in KINDS if kind[1] == "default"]


class Clients(SettingsCase):
    skip = MISSING
    settings = SETTINGS

    async def setUp(self) -> None:
        await super().setUp()
        self.node = Node()

    async def tearDown(self) -> None:
        await self.node.leave()
        await super().tearDown()

    async def test_events(self) -> None:
        """``init`` is answered ``ready``; then every kind of event comes, as on the raw socket, and no other."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna)
        raw = await self.a_listener(anna)
        clients = await self.node.connect(self.daemon.http)
        for client in clients:
            self.assertEqual(anna.id, (await client.bind(anna.session_key))["user"], client.name)
            if client.name.endswith("default"):
                await eventually(
                    lambda client=client: ["upgrade", "websocket"] in client.received, f"{client.name}: upgrade"
                )
        signed = hashlib.md5(((self.daemon.data / "payments-secret-key").read_text() + "1000").encode()).hexdigest()
        await boris.call("/user/updateBalance", balance=1000, secret=signed)
        gift = (await boris.call("/gifts")).data["gifts"][0]["_id"]

        await boris.enter(room)
        self.assertEqual(200, (await boris.say(room, TEN_KB)).status)
        await boris.call("/user/sendMessage", message={"user": anna.id, "text": "psst"})
        own = (await anna.call("/user/sendMessage", message={"user": boris.id, "text": "yes?"})).data["message"][0]
        await boris.call("/user/messages/mark-as-read", message=own["_id"])
        self.assertEqual(200, (await boris.call("/gifts/send", gift=gift, user=anna.id, text="for you")).status)

        wanted = {}
        for name in ("service-message", "message", "direct-message", "read-message", "gift-message"):
            wanted[name] = (await raw.next(name))["data"]
            for client in clients:
                self.assertEqual(wanted[name], await client.next(name), client.name)
        self.assertEqual(TEN_KB, wanted["message"]["text"])
        self.assertGreater(len(TEN_KB.encode()), 10 * 1024 - 20)
        await deferLater(reactor, SILENCE)
        self.assertEqual([], [event for client in clients for event in client.untaken() if event[0] != "upgrade"])

    async def test_acknowledgement(self) -> None:
        """An acknowledgement asked for on ``init`` brings what ``ready`` brings; on the socket's own port, too."""
        anna = await self.a_person()
        clients = await self.node.connect(self.daemon.websocket)

        for client in clients:
            client.emit("init", {"session_key": anna.session_key}, acknowledge=True)

        for client in clients:
            ready = await client.next("ready")
            self.assertEqual(ready, await client.next("acknowledged"), client.name)
            self.assertEqual(anna.id, ready["user"])

    async def test_wrong_key(self) -> None:
        """A wrong key gets ``error``, and the client is disconnected for good."""
        clients = await self.node.connect(self.daemon.http)

        for client in clients:
            client.emit("init", {"session_key": secrets.token_hex(24)})

        for client in clients:
            expected = {"error": "Login Timeout", "code": "login-timeout", "status": 440}
            self.assertEqual(expected, await client.next("error"), client.name)
            self.assertEqual(4440, (await client.next("closing"))["code"], client.name)
            self.assertEqual("io server disconnect", await client.next("disconnect"), client.name)

    async def test_coming_back(self) -> None:
        """A client that sends its position gets what it missed, then ``caught-up``."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        clients = await self.node.connect(self.daemon.http)
        stands = [await client.bind(anna.session_key) for client in clients]
        for client in clients:
            client.close()
        for text in ("one", "two"):
            await boris.say(room, text)

        back = await self.node.connect(self.daemon.http)

        for client, at in zip(back, stands, strict=True):
            await client.bind(anna.session_key, n=at["n"], room=room, seq=at["seq"])
            self.assertEqual(["one", "two"], [(await client.next("message"))["text"] for _ in range(2)], client.name)
            self.assertEqual({"error": None, "recovered": True}, await client.next("caught-up"), client.name)

    async def test_burst(self) -> None:
        """Events during a change of transport come once each, in order."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        gate = Gate("127.0.0.1", self.daemon.http)
        port = reactor.listenTCP(0, gate, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        clients = await self.node.connect(port.getHost().port, BY_DEFAULT)
        for client in clients:
            await client.bind(anna.session_key)
        await eventually(lambda: len(gate.waiting) == len(clients), "every client to want a WebSocket")
        said: list[int] = []

        async def say(times: int) -> None:
            for _ in range(times):
                said.append((await anna.say(room, f"{len(said)}")).data["message"]["seq"])

        await say(10)
        gate.open()
        while not all(["upgrade", "websocket"] in client.received for client in clients):
            self.assertLess(len(said), 2000, "no upgrade")
            await say(1)
        await say(10)

        for client in clients:
            while (await client.next("message"))["seq"] != said[-1]:
                pass
            received = [what[1]["seq"] if what[0] == "message" else what[0] for what in client.received]
            self.assertEqual(said, [each for each in received if isinstance(each, int)], client.name)
            place = received.index("upgrade")
            self.assertTrue(said[0] in received[:place] and said[-1] in received[place:], client.name)


class _HoldsWebSockets(ProxyServer):
    factory: "Gate"

    def dataReceived(self, data: bytes) -> None:
        if self.factory.waiting is not None and b"transport=websocket" in data.partition(b"\r\n")[0]:
            self.factory.waiting.append((self, data))
        else:
            super().dataReceived(data)

    def go_on(self, data: bytes) -> None:
        super().dataReceived(data)


class Gate(ProxyFactory):
    """A proxy that lets polling through at once, and WebSockets when it is opened."""

    protocol = _HoldsWebSockets
    noisy = False

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.waiting: Any = []

    def open(self) -> None:
        waiting, self.waiting = self.waiting, None
        for held, data in waiting:
            held.go_on(data)
