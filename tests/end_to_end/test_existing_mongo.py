"""--mongo: the daemon on an existing MongoDB, as its operator has secured it."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import quote

from pymongo import MongoClient
from twisted.trial.unittest import TestCase

from tests.support.certificates import Authority
from tests.support.chat import a_person, a_room
from tests.support.daemon import Daemon
from tests.support.kept import Kept, note_module
from tests.support.operators_mongod import OperatorsMongod
from tests.support.waiting import eventually

PASSWORD = "p@ss:w/rd%25?"


_mongods = Kept[OperatorsMongod](OperatorsMongod.end)


def a_folder() -> Path:
    """A folder that is removed when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="jc-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def authority() -> Authority:
    return Authority(a_folder())


@cache
def certificate(name: str) -> Path:
    """The file of a certificate of ``authority()``, and its key."""
    return authority().issue(name)


class MongoCase(TestCase):
    def setUp(self) -> None:
        note_module(self)

    async def a_mongod(self, *options: str) -> OperatorsMongod:
        """One with these options, which may have chats of other tests."""

        async def make() -> OperatorsMongod:
            mongod = OperatorsMongod(a_folder(), *options)
            atexit.register(mongod.end)
            await mongod.start()
            await self.prepare(mongod)
            return mongod

        return await _mongods.get(options, make)

    async def prepare(self, mongod: OperatorsMongod) -> None:
        """What its operator does once it runs."""

    def a_daemon(self, uri: str) -> Daemon:
        daemon = Daemon("--mongo", uri)

        async def end() -> None:
            if daemon.process is not None and daemon.process.poll() is None:
                await daemon.stop()
            daemon.remove()

        self.addCleanup(end)
        return daemon

    async def check_chat(self, uri: str) -> None:
        """People register, sign in, create a room, enter it, speak and read on the database of this URI."""
        daemon = await self.a_daemon(uri).start()
        anna, boris = await a_person(daemon), await a_person(daemon)
        room = await a_room(anna, anna, boris)
        await anna.say(room, "one")
        await boris.say(room, "two")

        chat = (await anna.call("/room/chat", room=room)).data["chat"]

        self.assertEqual(["one", "two"], [message["text"] for message in chat if message["type"] is None])

    async def refusal(self, uri: str) -> str:
        """The one line with which the daemon refuses this URI."""
        daemon = self.a_daemon(uri)
        daemon.spawn()
        self.assertGreater(await daemon.ended(), 0, daemon.log)
        self.assertEqual(1, len(daemon.log.splitlines()), daemon.log)
        self.assertTrue(daemon.log.startswith("justchat: [mongo] uri: "), daemon.log)
        return daemon.log


class Plain(MongoCase):
    async def test_chat(self) -> None:
        """A database without users serves a chat."""
        mongod = await self.a_mongod()

        await self.check_chat(f"mongodb://127.0.0.1:{mongod.port}/chat")

    async def test_no_name(self) -> None:
        """A URI that names no database means justchat."""
        mongod = await self.a_mongod()

        await self.check_chat(f"mongodb://127.0.0.1:{mongod.port}")

        with MongoClient[dict[str, object]](port=mongod.port) as client:
            self.assertIn("justchat", client.list_database_names())

    async def test_replica_set(self) -> None:
        """A replica set serves a chat."""
        mongod = await self.a_mongod("--replSet", "rs0")
        with MongoClient[dict[str, object]](port=mongod.port, directConnection=True) as client:
            members = [{"_id": 0, "host": f"127.0.0.1:{mongod.port}"}]
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            await eventually(lambda: client.admin.command("hello")["isWritablePrimary"], "a primary")

        await self.check_chat(f"mongodb://127.0.0.1:{mongod.port}/chat?replicaSet=rs0")

    async def test_none_of_its_own(self) -> None:
        """The daemon starts no database of its own beside it."""
        mongod = await self.a_mongod()

        daemon = await self.a_daemon(f"mongodb://127.0.0.1:{mongod.port}/chat").start()

        self.assertFalse((daemon.data / "mongo").exists())


class Users(MongoCase):
    """A mongod that wants a user and a password."""

    async def a_uri(self, rest: str, *, user: str = "chatter", password: str = PASSWORD) -> str:
        mongod = await self.a_mongod("--auth")
        return f"mongodb://{quote(user)}:{quote(password, safe='')}@127.0.0.1:{mongod.port}{rest}"

    async def prepare(self, mongod: OperatorsMongod) -> None:
        # While there is no user, any client on this machine may create the first one.
        with MongoClient[dict[str, object]](port=mongod.port) as client:
            client.admin.command("createUser", "root", pwd="root", roles=["root"])
        with MongoClient[dict[str, object]](port=mongod.port, username="root", password="root") as client:
            roles = [{"role": "readWrite", "db": name} for name in ("chat", "justchat")]
            client.admin.command("createUser", "chatter", pwd=PASSWORD, roles=roles)
            client.chat.command("createUser", "local", pwd=PASSWORD, roles=["readWrite"])

    async def test_source(self) -> None:
        """A user of another database, by authSource."""
        await self.check_chat(await self.a_uri("/chat?authSource=admin"))

    async def test_no_name(self) -> None:
        """A URI that names no database: the user is admin's."""
        await self.check_chat(await self.a_uri("/"))

    async def test_source_alone(self) -> None:
        """authSource without a database's name."""
        await self.check_chat(await self.a_uri("/?authSource=admin"))

    async def test_own_user(self) -> None:
        """Without authSource the user is the named database's own."""
        await self.check_chat(await self.a_uri("/chat", user="local"))

    async def test_wrong_password(self) -> None:
        """A wrong password is one line and an exit code, and the line does not repeat it."""
        line = await self.refusal(await self.a_uri("/chat?authSource=admin", password="guessed"))

        self.assertIn("Authentication failed", line)
        self.assertNotIn("guessed", line)

    async def test_no_password(self) -> None:
        """A database that requires a user refuses a start without one."""
        uri = await self.a_uri("/chat")

        line = await self.refusal(f"mongodb://{uri.partition('@')[2]}")

        self.assertIn("authentication", line.lower())


class Encrypted(MongoCase):
    """A mongod that speaks TLS alone."""

    async def a_tls_mongod(self, *options: str) -> OperatorsMongod:
        files = ["--tlsCertificateKeyFile", str(certificate("server")), "--tlsCAFile", str(authority().certificate)]
        return await self.a_mongod("--tlsMode", "requireTLS", *files, *options)

    def uri(self, mongod: OperatorsMongod, authority: Path, host: str = "127.0.0.1") -> str:
        return f"mongodb://{host}:{mongod.port}/chat?tls=true&tlsCAFile={quote(str(authority), safe='')}"

    async def test_chat(self) -> None:
        """A database whose authority the URI names, by its address and by its name."""
        mongod = await self.a_tls_mongod("--tlsAllowConnectionsWithoutCertificates")

        for host in ("127.0.0.1", "localhost"):
            await self.check_chat(self.uri(mongod, authority().certificate, host))

    async def test_client_certificate(self) -> None:
        """A database that wants a certificate of its clients, too."""
        mongod = await self.a_tls_mongod()
        pair = quote(str(certificate("client")), safe="")

        await self.check_chat(f"{self.uri(mongod, authority().certificate)}&tlsCertificateKeyFile={pair}")

    async def test_wrong_authority(self) -> None:
        """A certificate of another authority is one line and an exit code."""
        mongod = await self.a_tls_mongod("--tlsAllowConnectionsWithoutCertificates")
        other = Authority(a_folder(), "another authority")

        line = await self.refusal(self.uri(mongod, other.certificate))

        self.assertIn("certificate verify failed", line)

    async def test_without_tls(self) -> None:
        """A URI that asks for no TLS is one line and an exit code."""
        mongod = await self.a_tls_mongod("--tlsAllowConnectionsWithoutCertificates")

        line = await self.refusal(f"mongodb://127.0.0.1:{mongod.port}/chat")

        self.assertIn(str(mongod.port), line)
