"""Commands beside daemons that are joined by a bus."""

from contextlib import closing
from pathlib import Path
from socket import AF_UNIX
from socket import socket as Socket
from urllib.parse import quote

from twisted.internet import reactor

from justchat.bus.bus import Bus
from justchat.bus.server import BusServer
from justchat.bus.uri import parse_uris
from justchat.interfaces.bus import CONTROL, PacketKind
from tests.support.admin import AdminCase, run
from tests.support.bus_case import Nobody, Subscriber
from tests.support.redis_server import RedisServer
from tests.support.starting import free_port
from tests.support.waiting import eventually

SESSION_OVER = PacketKind.SESSION_OVER


class Commands(AdminCase):
    async def a_subscriber(self, uri: str) -> Subscriber:
        """Another daemon."""
        subscriber = Subscriber(Bus(parse_uris([uri]), "justchat", reactor))
        await subscriber.bus.start()
        self.addCleanup(subscriber.bus.stop)
        return subscriber

    @property
    def mongo(self) -> str:
        """The URI of the daemon's database."""
        return f"mongodb://{quote(str(self.daemon.data / 'mongo' / 'mongod.sock'), safe='')}/justchat"

    async def test_workers(self) -> None:
        """Ended sessions are published at once to the workers of a daemon, by a socket in its data directory.

        One that a killed worker left is no hindrance.
        """
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        socket = folder / "2.sock"
        with closing(Socket(AF_UNIX)) as left:
            left.bind(str(folder / "1.sock"))
        server = BusServer(reactor, Nobody())
        server.listen(socket)
        self.addCleanup(server.stop)
        place = self.daemon.data / "bus"
        place.symlink_to(folder)
        self.addCleanup(place.unlink)
        anna = await self.a_person()
        subscriber = await self.a_subscriber(f"unix://{socket}")

        await self.answer("users", "end-sessions", anna.id)
        await eventually(lambda: len(subscriber.received[SESSION_OVER, CONTROL]) == 1, "the packet")

        # The workers' database need not be embedded.
        anna = await self.a_person()
        await self.answer("--mongo", self.mongo, "users", "end-sessions", anna.id)
        await eventually(lambda: len(subscriber.received[SESSION_OVER, CONTROL]) == 2, "the packet")

    async def test_redis(self) -> None:
        """And by [bus] uri to several daemons."""
        redis = RedisServer(password="hush")
        self.addCleanup(redis.end)
        anna = await self.a_person()
        subscriber = await self.a_subscriber(redis.uri())

        done = await run("--mongo", self.mongo, "--bus", redis.uri(), "users", "end-sessions", anna.id)

        self.assertEqual(0, done.code, done)
        await eventually(lambda: subscriber.received[SESSION_OVER, CONTROL], "the packet")

    async def test_away(self) -> None:
        """A bus that is away keeps no operator from their work."""
        anna = await self.a_person()

        done = await self.admin("--bus", f"redis://127.0.0.1:{free_port()}", "users", "end-sessions", anna.id)

        self.assertEqual(0, done.code, done)
