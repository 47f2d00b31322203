"""Users, rooms and sockets for tests, through the API alone."""

import itertools
import json
import re
import secrets
from typing import Any

from attrs import define
from twisted.trial.unittest import TestCase

from tests.support.client import Answer, Listener, call, listen, request
from tests.support.daemon import Daemon, shared_daemon
from tests.support.kept import note_module
from tests.support.waiting import eventually

_phones = itertools.count(secrets.randbelow(10**6) * 10)


def a_phone() -> str:
    """An unused phone."""
    return f"79{next(_phones) % 10**9:09d}"


@define
class Person:
    """A user who has signed in."""

    daemon: Daemon
    phone: str
    key: str
    session_key: str
    id: str

    async def call(self, path: str, **body: Any) -> Answer:
        """A call in their session."""
        return await call(self.daemon.http, path, {"session_key": self.session_key, **body})

    async def say(self, room: str, text: str, **more: Any) -> Answer:
        return await self.call("/room/sendMessage", message={"room_id": room, "text": text, **more})

    async def enter(self, room: str, **more: Any) -> Answer:
        return await self.call("/room/enter", room={"id": room, **more})

    async def shown(self) -> dict[str, Any]:
        """The user's own document."""
        return (await self.call("/init/getUser")).data["user"]


def last_sms(daemon: Daemon, phone: str) -> str:
    """The text of the last SMS to a phone."""
    lines = [json.loads(line) for line in (daemon.data / "sms-outbox.jsonl").read_text().splitlines()]
    return [line["text"] for line in lines if line["phone"] == phone][-1]


async def register(daemon: Daemon, phone: str, **profile: Any) -> str:
    """Register; returns the key of the SMS."""
    answer = await call(daemon.http, "/init/reg", {"phone": phone, **profile})
    assert answer.status in (200, 201), answer
    return re.findall(r"\d+", last_sms(daemon, phone))[0]


async def sign_in(daemon: Daemon, phone: str, key: str) -> Person:
    answer = await call(daemon.http, "/init/auth", {"phone": phone, "key": key})
    assert answer.status == 200, answer
    return Person(daemon, phone, key, answer.data["session_key"], answer.data["user"]["_id"])


async def a_person(daemon: Daemon, **profile: Any) -> Person:
    """A new user, signed in."""
    phone = a_phone()
    return await sign_in(daemon, phone, await register(daemon, phone, **profile))


async def a_room(admin: Person, *people: Person, **room: Any) -> str:
    """Create a room with these users inside; returns its id."""
    answer = await admin.call("/room/create", room={"name": "a room", **room})
    assert answer.status == 201, answer
    id: str = answer.data["room"]["_id"]
    for person in people:
        entered = await person.enter(id, password=room.get("password"))
        assert entered.status == 200, entered
    return id


class ChatTestCase(TestCase):
    """Tests of the shared daemon. A test fails if the daemon logs an incident or a traceback."""

    fast_lane = True
    """The daemon's setting ``[http] fast_lane``."""

    async def setUp(self) -> None:
        note_module(self)
        self.daemon = await self.its_daemon()
        self._logged = len(self.daemon.log)
        self._listeners: list[Listener] = []

    async def its_daemon(self) -> Daemon:
        """The daemon of a test."""
        return await shared_daemon(fast_lane=self.fast_lane)

    async def tearDown(self) -> None:
        for listener in self._listeners:
            await listener.leave()
            self.assertEqual([], listener.undeclared)
        said = self.daemon.log[self._logged :]
        self.assertNotRegex(said, r"(?i)traceback|unhandled")

    async def ready(self) -> None:
        """Returns once the daemon and its database answer."""

        async def answers() -> bool:
            return (await request(self.daemon.http, "GET", "/readyz")).status == 200

        await eventually(answers, "the daemon to be ready")

    async def a_person(self, **profile: Any) -> Person:
        return await a_person(self.daemon, **profile)

    async def a_socket(self, path: str | None = None, **more: Any) -> Listener:
        """A socket on the socket's own port, or on a path of the HTTP port."""
        port = self.daemon.websocket if path is None else self.daemon.http
        listener = await listen(port, path or "/", **more)
        listener.is_checked = True
        self._listeners.append(listener)
        return listener

    async def a_listener(self, person: Person, path: str | None = None) -> Listener:
        """A socket bound to a person's session."""
        listener = await self.a_socket(path)
        await listener.bind(person.session_key)
        return listener

    async def assert_received(self, *listeners: Listener) -> list[dict[str, Any]]:
        """Assert that these listeners, and no others of the test, get one event each; returns the events."""
        received = [await listener.next() for listener in listeners]
        for listener in self._listeners:
            self.assertEqual([], await listener.silence() if listener is self._listeners[0] else listener.untaken())
        return received


async def keyed(person: Person, key: str, path: str, **body: Any) -> Answer:
    """A call with an Idempotency-Key."""
    document = {"session_key": person.session_key, **body}
    return await call(person.daemon.http, path, document, {"Idempotency-Key": key})
