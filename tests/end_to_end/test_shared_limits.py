"""[limits] shared: two daemons count as one."""

import itertools

from twisted.trial.unittest import TestCase

from tests.support.chat import Person, a_person
from tests.support.client import Answer, Listener, call, listen
from tests.support.daemon import Daemon
from tests.support.kept import Kept, note_module
from tests.support.mongo import fresh_uri
from tests.support.redis_server import RedisServer
from tests.support.starting import StartCase
from tests.support.waiting import at_once, eventually, quietly, slowness

SETTINGS = """
[http]
proxies = ["127.0.0.0/8"]
[payments]
secret_key = "the key of both"
[limits]
shared = true
change = "6/hour"
sign_in = "4/minute"
sockets_per_address = 3
sockets_per_session = 2
"""
addresses = (f"198.51.100.{n}" for n in itertools.count(1))


class BothDaemons:
    """They are shared by the tests."""

    def __init__(self) -> None:
        self.redis, uri = RedisServer(), fresh_uri()
        self.daemons = [Daemon("--mongo", uri) for _ in range(2)]
        for daemon in self.daemons:
            config = daemon.folder / "justchat.toml"
            config.write_text(SETTINGS + f"[bus]\nuri = '{self.redis.socket_uri()}'\n")
            daemon.options += "--config", str(config)

    async def start(self) -> "BothDaemons":
        await at_once([daemon.start() for daemon in self.daemons])
        return self

    def end(self) -> None:
        for daemon in self.daemons:
            daemon.remove()
        self.redis.end()


_both = Kept[BothDaemons](BothDaemons.end)


class TwoDaemons(TestCase):
    async def setUp(self) -> None:
        note_module(self)
        self.daemons = (await _both.get(None, lambda: BothDaemons().start())).daemons
        self.listeners: list[Listener] = []
        self.addCleanup(self.leave)

    async def leave(self) -> None:
        for listener in self.listeners:
            await listener.leave()
        for daemon in self.daemons:
            self.assertNotRegex(daemon.log, r"(?i)traceback|incident|unhandled")

    async def edit(self, daemon: Daemon, person: Person, address: str) -> Answer:
        body = {"session_key": person.session_key, "user": {}}
        return await call(daemon.http, "/init/edit", body, {"X-Forwarded-For": address})

    async def register(self, daemon: Daemon, phone: int, address: str) -> int:
        body = {"phone": f"7999000{phone:04}"}
        return (await call(daemon.http, "/init/reg", body, {"X-Forwarded-For": address})).status

    async def a_socket(self, daemon: Daemon, address: str) -> Listener:
        listener = await listen(daemon.websocket, "/", headers={"X-Forwarded-For": address})
        self.listeners.append(listener)
        return listener

    async def test_rates(self) -> None:
        """N calls of a session, or of an address, that are split over both daemons are followed by 429 at either."""
        anna, address = await a_person(self.daemons[0]), next(addresses)
        other = next(addresses)

        allowed = [(await self.edit(daemon, anna, next(addresses))).status for daemon in self.daemons * 3]
        await self.packets_come()
        refused = [await self.edit(daemon, anna, address) for daemon in self.daemons]
        signed_up = [await self.register(daemon, n, other) for n, daemon in enumerate(self.daemons * 2)]
        await self.packets_come()
        too_many = [await self.register(daemon, 9, other) for daemon in self.daemons]

        self.assertEqual([200] * 6, allowed)
        self.assertEqual(["too-many-requests"] * 2, [answer.code for answer in refused])
        self.assertEqual(([201] * 4, [429, 429]), (signed_up, too_many))

    async def packets_come(self) -> None:
        """Returns once the last packet has come to the other daemon, as far as one can tell: nothing shows it."""
        await quietly(0.05 * slowness())

    async def test_sockets(self) -> None:
        """So it is with the sockets of an address; one that closes makes room at the other daemon."""
        one, other = self.daemons
        address = next(addresses)
        first = await self.a_socket(one, address)
        await self.a_socket(other, address)
        await self.a_socket(one, address)

        async def is_refused(daemon: Daemon) -> bool:
            try:
                socket = await self.a_socket(daemon, address)
            except Exception:
                return True
            await socket.leave()
            return False

        for daemon in self.daemons:
            await eventually(lambda daemon=daemon: is_refused(daemon), "a refusal")
        await first.leave()

        await eventually(lambda: self.is_free(other, address), "room for another")

    async def is_free(self, daemon: Daemon, address: str) -> bool:
        try:
            await self.a_socket(daemon, address)
        except Exception:
            return False
        return True

    async def test_sessions(self) -> None:
        """And with those of a session."""
        one, other = self.daemons
        anna = await a_person(one)
        for daemon in (one, other):
            socket = await self.a_socket(daemon, next(addresses))
            await socket.bind(anna.session_key)

        async def is_refused() -> bool:
            socket = await self.a_socket(one, next(addresses))
            socket.say({"event": "init", "data": {"session_key": anna.session_key}})
            await eventually(lambda: socket.gone.called or socket.events, "an answer")
            return bool(socket.gone.called)

        await eventually(is_refused, "a refusal")


class Workers(StartCase):
    embedded = False

    async def test_rates(self) -> None:
        """Workers of one daemon count together, whatever the setting is."""
        config = self.a_config("[http]\nproxies = ['127.0.0.0/8']\n[limits]\nchange = '6/hour'\n")
        daemon = await self.a_daemon("--config", config, "--workers", "2").start()
        anna = await a_person(daemon)
        body = {"session_key": anna.session_key, "user": {}}

        async def edit() -> int:
            # Each call comes on a connection of its own, which either worker may accept.
            headers = {"X-Forwarded-For": next(addresses), "Connection": "close"}
            return (await call(daemon.http, "/init/edit", body, headers)).status

        statuses = [await edit() for _ in range(30)]

        self.assertLess(statuses.count(200), 9, statuses)
        self.assertEqual({200, 429}, {*statuses})
