"""Deletions of accounts over two daemons, and over kill -9 of the daemon (contract, section 6)."""

from time import monotonic
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.chat import ChatTestCase, a_person, a_room
from tests.support.daemon import Daemon
from tests.support.mongo import words_in
from tests.support.two_daemons import JoinedDaemonsCase
from tests.support.waiting import assert_within, eventually

AT_ONCE = "[accounts]\ndeletion_grace = 0\n"


class Joined(JoinedDaemonsCase):
    async def test_everywhere(self) -> None:
        """Within a second the sessions are over and the person is found by nobody, at the other daemon, too."""
        anna, boris = await self.people(2)
        room = await a_room(boris, boris, anna)
        far, listener = self.there(anna), await self.listener_there(boris)
        socket = await self.listener_there(anna)
        message = {"user": anna.id, "text": "hello"}
        self.assertEqual(200, (await self.there(boris).call("/user/sendMessage", message=message)).status)

        self.assertEqual(202, (await anna.call("/user/delete", key=anna.key)).status)

        async def is_gone() -> bool:
            sent = await self.there(boris).call("/user/sendMessage", message=message)
            return (await far.call("/init/getUser")).status == 440 and sent.status == 404

        since = monotonic()
        await eventually(is_gone, "the person to be gone")
        assert_within(1.0, monotonic() - since)
        await socket.closed()
        event = await listener.next("service-message")
        self.assertEqual(("leave", room), (event["data"]["type"], event["data"]["room"]))


class Killed(ChatTestCase):
    async def setUp(self) -> None:
        self.daemon = await Daemon(settings=AT_ONCE).start()
        self._logged, self._listeners = 0, []

    async def tearDown(self) -> None:
        await super().tearDown()
        await self.daemon.stop()
        self.daemon.remove()

    async def test_killed(self) -> None:
        """A deletion whose daemon is killed again and again is completed after the next start."""
        word = "an-unmistakable-word"
        anna, boris = [await a_person(self.daemon, nickname=name) for name in (f"{word} 0", "boris")]
        rooms = [await a_room(boris, anna) for _ in range(3)]
        for room in rooms:
            await anna.enter(room)
            for number in range(80):
                await anna.say(room, f"{word} {number}")
        for number in range(50):
            await anna.call("/user/sendMessage", message={"user": boris.id, "text": f"{word} {number}"})
        own = await a_room(anna, name="hers")
        await anna.call("/room/add-moderator", room_id=own, user_id=boris.id)

        await anna.call("/user/delete", key=anna.key)
        for pause in (0.0, 0.1, 0.2, 0.4):
            await deferLater(reactor, pause)  # so far the deletion comes each time
            await self.daemon.kill()
            await self.daemon.start()

        await eventually(lambda: not self.found(word) + self.found(anna.phone), "nothing to be left", 60.0)
        (shown,) = (await boris.call("/room/get", room_id=own)).data["rooms"]
        self.assertEqual(boris.id, shown["admin"])

    def found(self, word: str) -> list[str]:
        (socket,) = (path for path in (self.daemon.data / "mongo").iterdir() if path.is_socket())
        with MongoClient[Any](f"mongodb://{quote(str(socket), safe='')}") as client:
            return words_in(client["justchat"], word)
