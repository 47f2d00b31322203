"""Two daemons on one database."""

from typing import Any

from attrs import evolve

from tests.support.chat import ChatTestCase, Person, a_person
from tests.support.client import Listener
from tests.support.daemon import Daemon
from tests.support.mongo import fresh_uri
from tests.support.redis_server import RedisServer
from tests.support.waiting import at_once

SECRET_KEY = "the secret key of both"


class Pair:
    """Two daemons, joined by a Redis if ``joined``. ``settings`` are more lines of both their settings."""

    def __init__(self, settings: str = "", *, joined: bool = False) -> None:
        self.redis = RedisServer() if joined else None
        if self.redis is not None:
            bus = f'[bus]\nuri = ["{self.redis.socket_uri()}"]\n'
            settings += f'[payments]\nsecret_key = "{SECRET_KEY}"\n{bus}'
        uri = fresh_uri()
        self.daemons = [Daemon("--mongo", uri, settings=settings) for _ in range(2)]

    async def start(self) -> "Pair":
        await at_once([daemon.start() for daemon in self.daemons])
        return self

    def end(self) -> None:
        for daemon in self.daemons:
            daemon.remove()
        if self.redis is not None:
            self.redis.end()


_pairs: dict[tuple[str, bool], Pair] = {}
"""The pairs that tests share. They run until the tests end."""


class TwoDaemonsCase(ChatTestCase):
    """``daemon`` and ``other`` serve the same users. Tests share them unless they have other ``settings``."""

    settings = ""
    joined = False

    async def setUp(self) -> None:
        self._listeners: list[Listener] = []
        pair = await self.a_pair()
        self.redis, (self.daemon, self.other) = pair.redis, pair.daemons
        self._logged, self._other_logged = len(self.daemon.log), len(self.other.log)

    async def a_pair(self) -> Pair:
        """The pair of this test."""
        key = self.settings, self.joined
        if key not in _pairs:
            _pairs[key] = await Pair(self.settings, joined=self.joined).start()
        return _pairs[key]

    async def tearDown(self) -> None:
        await super().tearDown()
        self.assertNotRegex(self.other.log[self._other_logged :], r"(?i)traceback|incident|unhandled")

    def there(self, person: Person) -> Person:
        """The same person in the same session, at the other daemon."""
        return evolve(person, daemon=self.other)

    async def people(self, number: int) -> list[Person]:
        return [await a_person(self.daemon) for _ in range(number)]

    async def at_both(self, person: Person, path: str, times: int = 1, **body: Any) -> list[Any]:
        """The answers to the same call, made at both daemons at once."""
        voices = [person, self.there(person)] * times
        return await at_once([voice.call(path, **body) for voice in voices])
