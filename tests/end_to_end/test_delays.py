"""What happens at one daemon is received at another in time: within 1 s, and within 2 s while the bus is away."""

import time
from collections.abc import Awaitable
from typing import Any

from attrs import evolve

from tests.support.chat import ChatTestCase, Person, a_person, a_room
from tests.support.client import Answer, Listener, listen
from tests.support.daemon import Daemon
from tests.support.mongo import empty_uri
from tests.support.redis_server import RedisServer
from tests.support.waiting import assert_within, at_once


class WithBus(ChatTestCase):
    """Calls are made at ``daemon``, and sockets are at ``other``."""

    within = 1.0
    """Seconds in which an event is received."""
    ended_within = 1.0
    """Seconds in which the sockets of a session that has ended are closed."""

    async def setUp(self) -> None:
        self.redis = RedisServer()
        self.addCleanup(self.redis.end)
        self._logged = 0
        self._listeners: list[Listener] = []
        uri = empty_uri()
        self.daemon, self.other = (Daemon("--mongo", uri, *self.options()) for _ in range(2))
        await at_once([self.daemon.start(), self.other.start()])

    def options(self) -> list[str]:
        config = self.redis.folder / "justchat.toml"
        config.write_text('[limits]\nexempt = ["127.0.0.0/8"]\n[payments]\nsecret_key = "a secret of the tests"\n')
        return ["--bus", self.redis.uri(), "--config", str(config)]

    async def tearDown(self) -> None:
        try:
            await super().tearDown()
            self.assertNotRegex(self.other.log, r"(?i)traceback|incident|unhandled")
        finally:
            for daemon in (self.daemon, self.other):
                await daemon.stop()
                daemon.remove()

    async def a_socket_there(self, person: Person) -> Listener:
        """A socket of a person at the other daemon."""
        listener = await listen(self.other.websocket)
        self._listeners.append(listener)
        await listener.bind(person.session_key)
        return listener

    async def assert_received(self, doing: Awaitable[Answer], event: str, *listeners: Listener) -> list[dict[str, Any]]:
        """Assert that a call succeeds, and that each of these gets this event in time."""
        began = time.monotonic()
        answer = await doing
        self.assertIn(answer.status, (200, 201), answer)
        received = []
        for listener in listeners:
            received.append(await listener.next(event))
            assert_within(self.within, time.monotonic() - began)
        return received

    async def test_events(self) -> None:
        """Events, and the end of a session, are received in time."""
        await self.room()
        await self.put_out()
        await self.user()
        await self.session_ended()

    async def room(self) -> None:
        """A room's events are received by those inside, in time."""
        admin, anna, ben = [await a_person(self.daemon) for _ in range(3)]
        room = await a_room(admin, admin, anna)
        sockets = [await self.a_socket_there(person) for person in (admin, anna)]
        target = {"room_id": room, "user_id": ben.id}

        await self.assert_received(admin.say(room, "a message"), "message", *sockets)
        await self.assert_received(ben.enter(room), "service-message", *sockets)
        await self.assert_received(admin.call("/room/add-moderator", **target), "service-message", *sockets)
        await self.assert_received(admin.call("/room/remove-moderator", **target), "service-message", *sockets)
        await self.assert_received(ben.call("/room/leave", room_id=room), "service-message", *sockets)
        await self.assert_received(admin.call("/room/remove", room={"id": room}), "service-message", *sockets)

    async def put_out(self) -> None:
        """Who is put out receives that and nothing of the room any more, in time, and may come back."""
        admin, anna = [await a_person(self.daemon) for _ in range(2)]
        room = await a_room(admin, admin, anna)
        sockets = [await self.a_socket_there(person) for person in (admin, anna)]

        await self.assert_received(admin.call("/room/kick", room_id=room, user_id=anna.id), "service-message", *sockets)
        there = evolve(anna, daemon=self.other)
        self.assertEqual(403, (await there.say(room, "from outside")).status)
        await self.assert_received(admin.say(room, "for those inside"), "message", sockets[0])
        self.assertEqual([], await sockets[1].silence())
        await self.assert_received(anna.enter(room), "service-message", *sockets)
        await self.assert_received(admin.say(room, "for both"), "message", *sockets)

    async def user(self) -> None:
        """A user's own events are received in time, and gifts by the others in the room, too."""
        anna, ben = [await a_person(self.daemon) for _ in range(2)]
        await a_room(anna, anna, ben)
        annas, bens = [await self.a_socket_there(person) for person in (anna, ben)]
        message = {"user": anna.id, "text": "a direct message"}

        (event,) = await self.assert_received(ben.call("/user/sendMessage", message=message), "direct-message", annas)
        await self.assert_received(
            anna.call("/user/messages/mark-as-read", message=event["data"]["_id"]), "read-message", bens
        )
        await ben.call("/user/free-coins", type="vk")
        (gift, *_) = (await ben.call("/gifts")).data["gifts"]
        await self.assert_received(
            ben.call("/gifts/send", gift=gift["_id"], user=anna.id, text="for you"), "gift-message", annas, bens
        )

    async def session_ended(self) -> None:
        """The sockets of a session that has ended are closed, and its key opens nothing, in time."""
        anna = await a_person(self.daemon)
        socket = await self.a_socket_there(anna)

        began = time.monotonic()
        await anna.call("/init/exit")
        self.assertEqual(4440, await socket.closed())

        assert_within(self.ended_within, time.monotonic() - began)
        self.assertEqual(440, (await evolve(anna, daemon=self.other).call("/init/getUser")).status)


class BusAway(WithBus):
    """The bus goes away before anybody connects."""

    within = 2.0
    ended_within = 4.0

    async def setUp(self) -> None:
        await super().setUp()
        self.redis.kill()
