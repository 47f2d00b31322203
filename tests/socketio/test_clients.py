"""The real clients, each by each transport, go through the same scenario."""

import secrets
from typing import Any

from tests.socketio.clients import MISSING, Client, install
from tests.support.chat import ChatTestCase, a_room
from tests.support.client import eventually


class _Scenario:
    """What every client must be able to do; mixed into a TestCase per version and transport."""

    version = "v4"
    transports = "default"
    skip = MISSING

    async def setUp(self: Any) -> None:
        install()
        await ChatTestCase.setUp(self)
        self._clients: list[Client] = []

    async def tearDown(self: Any) -> None:
        for client in self._clients:
            await client.leave()
        await ChatTestCase.tearDown(self)

    async def a_client(self: Any, *, own_port: bool = False) -> Client:
        port = self.daemon.websocket if own_port else self.daemon.http
        client = Client(self.version, f"http://127.0.0.1:{port}", self.transports)
        self._clients.append(client)
        await client.next("connect")
        return client

    async def test_events(self: Any) -> None:
        """``init`` is answered ``ready``; then every kind of event comes, with the data of the raw socket."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna)
        raw = await self.a_listener(anna)
        client = await self.a_client()
        self.assertEqual(anna.id, (await client.bind(anna.session_key))["user"])
        if self.transports == "default":
            await eventually(lambda: ["upgrade", "websocket"] in client.heard, "the upgrade")

        await boris.enter(room)
        await boris.say(room, "привет 🎈" + "я" * 3000)
        direct = (await boris.call("/user/sendMessage", message={"user": anna.id, "text": "psst"})).data["message"][0]
        own = (await anna.call("/user/sendMessage", message={"user": boris.id, "text": "yes?"})).data["message"][0]
        await boris.call("/user/messages/mark-as-read", message=own["_id"])

        for name in ("service-message", "message", "direct-message", "read-message"):
            self.assertEqual((await raw.next(name))["data"], await client.next(name))
        self.assertEqual("psst", direct["text"])
        self.assertEqual([], await client.silence())

    async def test_acknowledgement(self: Any) -> None:
        """An acknowledgement asked for on ``init`` brings what ``ready`` brings."""
        anna = await self.a_person()
        client = await self.a_client(own_port=True)

        client.emit("init", {"session_key": anna.session_key}, acknowledge=True)

        ready = await client.next("ready")
        self.assertEqual(ready, await client.next("acknowledged"))
        self.assertEqual(anna.id, ready["user"])

    async def test_wrong_key(self: Any) -> None:
        """A wrong key is told as an error, and the client is disconnected for good."""
        client = await self.a_client()

        client.emit("init", {"session_key": secrets.token_hex(24)})

        self.assertEqual({"error": "Login Timeout", "status": 440}, await client.next("error"))
        self.assertEqual(4440, (await client.next("closing"))["code"])
        self.assertEqual("io server disconnect", await client.next("disconnect"))

    async def test_burst(self: Any) -> None:
        """What is said while a client changes its transport comes once each and in order."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        client = await self.a_client()
        client.emit("init", {"session_key": anna.session_key})

        said = [(await anna.say(room, f"{number}")).data["message"]["seq"] for number in range(60)]
        await client.next("ready")
        last = await client.next("message")
        heard = [last["seq"]]
        while heard[-1] != said[-1]:
            heard.append((await client.next("message"))["seq"])

        self.assertEqual(said[-len(heard) :], heard)

    async def test_coming_back(self: Any) -> None:
        """One who says what it has is told what it missed, then that it has caught up."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        client = await self.a_client()
        at = await client.bind(anna.session_key)
        await client.leave()
        for text in ("one", "two"):
            await boris.say(room, text)

        again = await self.a_client()
        await again.bind(anna.session_key, n=at["n"], room=room, seq=at["seq"])

        self.assertEqual(["one", "two"], [(await again.next("message"))["text"] for _ in range(2)])
        self.assertEqual({"error": None, "recovered": True}, await again.next("caught-up"))


def _cases() -> dict[str, type]:
    cases: dict[str, type] = {}
    for version in ("v4", "v3", "v2", "v1"):
        for transports in ("default", "polling", "websocket"):
            name = f"{version.upper()}{transports.capitalize()}"
            attributes = {"version": version, "transports": transports, "__module__": __name__}
            cases[name] = type(name, (_Scenario, ChatTestCase), attributes)
    return cases


globals().update(_cases())
