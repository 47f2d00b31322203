"""Two daemons on one database tell the same, whatever one of them missed."""

import shutil
import tempfile
from pathlib import Path
from random import Random

from attrs import evolve
from twisted.internet.defer import ensureDeferred

from tests.support.app import Client
from tests.support.chat import ChatTestCase, Person, a_person, a_room
from tests.support.client import Listener
from tests.support.daemon import Daemon
from tests.support.mongo import fresh_uri
from tests.support.operators_mongod import OperatorsMongod
from tests.support.relay import Relay
from tests.support.waiting import eventually


class Agreement(ChatTestCase):
    """``daemon`` and ``other`` are on one database."""

    async def setUp(self) -> None:
        self._logged = 0
        self._listeners: list[Listener] = []
        self.daemons: list[Daemon] = []
        uri, other = await self.uris()
        self.daemon, self.other = await self.a_daemon(uri), await self.a_daemon(other)

    async def uris(self) -> tuple[str, str]:
        """The database of each."""
        uri = fresh_uri()
        return uri, uri

    async def a_daemon(self, uri: str) -> Daemon:
        daemon = Daemon("--mongo", uri)
        self.daemons.append(daemon)
        return await daemon.start()

    async def tearDown(self) -> None:
        try:
            await super().tearDown()
            self.assertNotRegex(self.other.log, r"(?i)traceback|incident|unhandled")
        finally:
            for daemon in self.daemons:
                await daemon.stop()
                daemon.remove()

    def there(self, person: Person) -> Person:
        """The same person in the same session, at the other daemon."""
        return evolve(person, daemon=self.other)

    async def two_people(self) -> tuple[Person, Person]:
        return await a_person(self.daemon), await a_person(self.daemon)


class Recovered(Agreement):
    async def test_missed_elsewhere(self) -> None:
        """A socket that comes back to a daemon is told what came for it through another meanwhile."""
        anna, ben = await self.two_people()
        client = Client(self.there(anna))
        await self.there(ben).call("/user/sendMessage", message={"user": anna.id, "text": "first"})
        await client.come_back()
        await client.part()
        missed = [
            (await ben.call("/user/sendMessage", message={"user": anna.id, "text": text})).data["message"][0]["_id"]
            for text in ("second", "third")
        ]

        await client.come_back()

        self.assertEqual(missed, client.directs[1:])
        self.assertEqual(3, client.n)
        await client.part()


class AnswerLost(Agreement):
    """``daemon`` reaches its database through a relay."""

    async def uris(self) -> tuple[str, str]:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.mongod = await OperatorsMongod(self.folder).start()
        self.relay = Relay(self.mongod.port, Random(1))
        return f"mongodb://127.0.0.1:{self.relay.port}/justchat", self.mongod.uri("justchat")

    async def tearDown(self) -> None:
        try:
            await super().tearDown()
        finally:
            # Not as cleanups, which trial runs before this: a daemon that stops would wait for its database.
            await self.relay.end()
            self.mongod.end()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def test_ban(self) -> None:
        """A ban that is stored and whose answer is lost is a ban at every daemon, or at none."""
        admin, ben = await self.two_people()
        room = await a_room(admin, admin, ben)
        self.relay.last_words = b"\x02insert\x00\x04\x00\x00\x00log\x00"  # of the command, in BSON
        banning = ensureDeferred(admin.call("/room/ban", room_id=room, user_id=ben.id))

        async def banned(person: Person) -> list[str]:
            (document,) = (await person.call("/room/get", room_id=room)).data["rooms"]
            users: list[str] = document["banned"]
            return users

        async def seen_there() -> bool:
            return bool(await banned(self.there(admin)))

        await eventually(seen_there, "the other to see the ban")
        answer = await banning
        self.assertEqual(503, answer.status)
        self.relay.mend()
        self.relay.abort_all()
        await self.there(admin).say(room, "that the log goes on")

        third = evolve(admin, daemon=await self.a_daemon(self.mongod.uri("justchat")))
        everybody = (admin, self.there(admin), third)

        async def agree() -> bool:
            return len({tuple(await banned(person)) for person in everybody}) == 1

        await eventually(agree, "the daemons to agree")
        self.assertEqual(403 if await banned(admin) else 200, (await ben.enter(room)).status)
