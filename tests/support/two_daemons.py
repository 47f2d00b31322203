"""Two daemons on one database."""

import hashlib
import random
from collections.abc import Awaitable
from time import monotonic
from typing import Any

from attrs import evolve

from tests.support.chat import ChatTestCase, Person, a_person
from tests.support.client import Listener
from tests.support.daemon import Daemon
from tests.support.kept import Kept, note_module
from tests.support.mongo import drop, empty_uri
from tests.support.redis_server import RedisServer
from tests.support.relay import Relay
from tests.support.waiting import assert_within, at_once

SECRET_KEY = "the secret key of both"
SOON = 1.0
"""Seconds in which the contract wants everything at all daemons."""
LATE = 2.0
"""Seconds for the same while the bus is away."""


class Pair:
    """Two daemons, joined by a Redis if ``joined``. ``settings`` are more lines of both their settings.

    With ``relayed`` the second reaches Redis through ``relay``.
    """

    def __init__(self, settings: str = "", *, joined: bool = False, relayed: bool = False) -> None:
        self.redis = RedisServer() if joined else None
        self.relay: Relay | None = None
        of_each = [settings, settings]
        if self.redis is not None:
            uris = [self.redis.socket_uri()] * 2
            if relayed:
                self.relay = Relay(self.redis.port, random.Random(1))
                uris[1] = f"redis://127.0.0.1:{self.relay.port}"
            secret = f'[payments]\nsecret_key = "{SECRET_KEY}"\n'
            of_each = [f'{settings}{secret}[bus]\nuri = ["{uri}"]\n' for uri in uris]
        self._uri = mongo = empty_uri()
        self.daemons = [Daemon("--mongo", mongo, settings=each) for each in of_each]

    async def start(self) -> "Pair":
        await at_once([daemon.start() for daemon in self.daemons])
        return self

    def end(self) -> None:
        for daemon in self.daemons:
            daemon.remove()
        drop(self._uri)
        if self.redis is not None:
            self.redis.end()


_pairs = Kept[Pair](Pair.end)


class TwoDaemonsCase(ChatTestCase):
    """``daemon`` and ``other`` serve the same users. Tests share them unless they have other ``settings``."""

    settings = ""
    joined = False

    async def setUp(self) -> None:
        note_module(self)
        self._listeners: list[Listener] = []
        pair = await self.a_pair()
        self.redis, (self.daemon, self.other) = pair.redis, pair.daemons
        self._logged, self._other_logged = len(self.daemon.log), len(self.other.log)

    async def a_pair(self) -> Pair:
        """The pair of this test."""
        return await _pairs.get((self.settings, self.joined), lambda: Pair(self.settings, joined=self.joined).start())

    async def tearDown(self) -> None:
        await super().tearDown()
        self.assertNotRegex(self.other.log[self._other_logged :], r"(?i)traceback|unhandled")

    def there(self, person: Person) -> Person:
        """The same person in the same session, at the other daemon."""
        return evolve(person, daemon=self.other)

    async def people(self, number: int) -> list[Person]:
        return [await a_person(self.daemon) for _ in range(number)]

    async def at_both(self, person: Person, path: str, times: int = 1, **body: Any) -> list[Any]:
        """The answers to the same call, made at both daemons at once."""
        voices = [person, self.there(person)] * times
        return await at_once([voice.call(path, **body) for voice in voices])


class JoinedDaemonsCase(TwoDaemonsCase):
    joined = True
    within = SOON

    async def listener_there(self, person: Person) -> Listener:
        """A socket of a person at the other daemon."""
        return await self.a_listener(self.there(person))

    async def a_listener(self, person: Person, path: str | None = None) -> Listener:
        here, self.daemon = self.daemon, person.daemon
        try:
            return await super().a_listener(person, path)
        finally:
            self.daemon = here

    async def soon(self, doing: Awaitable[Any], *listeners: Listener) -> list[dict[str, Any]]:
        """The next event of each listener, which must come soon after what is done."""
        answer = await doing
        began = monotonic()
        assert answer.status in (200, 201), answer
        events = [await listener.next() for listener in listeners]
        assert_within(self.within, monotonic() - began)
        return events

    async def pay(self, person: Person, coins: int) -> None:
        secret = hashlib.md5(f"{SECRET_KEY}{coins}".encode()).hexdigest()
        answer = await person.call("/user/updateBalance", balance=coins, secret=secret)
        assert answer.status == 200, answer

    async def quiet(self, *listeners: Listener) -> None:
        """Nothing more comes to these."""
        self.assertEqual([], await listeners[0].silence())
        self.assertEqual([[]] * len(listeners), [listener.untaken() for listener in listeners])


def type_of(event: dict[str, Any]) -> tuple[str, str | None]:
    return event["event"], event["data"].get("type")
