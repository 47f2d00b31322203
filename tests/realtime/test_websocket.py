"""The raw WebSocket, as its clients see it."""

import secrets

from tests.support.chat import ChatTestCase, a_room, sign_in
from tests.support.waiting import eventually
from tests.support.wire import OwnDaemonCase


class SessionBinding(ChatTestCase):
    async def test_ready(self) -> None:
        """``init`` with a session key is answered by ``ready`` with the user."""
        anna = await self.a_person()
        socket = await self.a_socket()

        socket.say({"event": "init", "data": {"session_key": anna.session_key}})

        event = await socket.next()
        self.assertEqual("ready", event["event"])
        self.assertIsNone(event["data"]["error"])
        self.assertEqual(anna.id, event["data"]["user"])

    async def test_http_port(self) -> None:
        """The socket answers at /ws of the HTTP port, too."""
        anna = await self.a_person()
        socket = await self.a_socket("/ws")

        data = await socket.bind(anna.session_key)

        self.assertEqual(anna.id, data["user"])

    async def test_compression_offered(self) -> None:
        """A client that offers compression, as every browser does, is accepted without it."""
        anna = await self.a_person()
        offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}

        for path in (None, "/ws"):
            socket = await self.a_socket(path, headers=offer)

            self.assertEqual(anna.id, (await socket.bind(anna.session_key))["user"])

    async def test_wrong_key(self) -> None:
        """A wrong key is answered ``error`` 440, and the socket closed 4440."""
        socket = await self.a_socket()

        socket.say({"event": "init", "data": {"session_key": secrets.token_hex(24)}})

        data = {"error": "Login Timeout", "code": "login-timeout", "status": 440}
        self.assertEqual({"event": "error", "data": data}, await socket.next())
        self.assertEqual(4440, await socket.closed())

    async def test_malformed_frames(self) -> None:
        """A frame that is not a valid ``init`` closes the socket 4400."""
        for frame in (
            b"{",
            b"[]",
            b"1",
            b'{"event": "init"}',
            b'{"event": "init", "data": {"session_key": 5}}',
            b'{"event": "message", "data": {}}',
            b'{"event": "init", "data": {"session_key": {"$gt": ""}}}',
        ):
            socket = await self.a_socket()

            socket.sendMessage(frame)

            self.assertEqual(4400, await socket.closed(), frame)

    async def test_binary_frame(self) -> None:
        """A binary frame closes the socket 4400."""
        socket = await self.a_socket()

        socket.sendMessage(b'{"event": "init", "data": {"session_key": "x"}}', isBinary=True)

        self.assertEqual(4400, await socket.closed())

    async def test_huge_frame(self) -> None:
        """A frame far larger than any ``init`` closes the socket 1009."""
        socket = await self.a_socket()

        socket.sendMessage(b"x" * 100_000)

        self.assertEqual(1009, await socket.closed())


class Events(ChatTestCase):
    async def test_message(self) -> None:
        """A message reaches everybody in the room, its author too, with all fields."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        sockets = [await self.a_listener(anna), await self.a_listener(boris, "/ws")]

        message = (await anna.say(room, "привет")).data["message"]

        for socket in sockets:
            event = await socket.next()
            self.assertEqual({"event": "message", "data": {"error": None, **message}}, event)

    async def test_reply(self) -> None:
        """A reply carries the whole message that it refers to."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        first = (await anna.say(room, "one")).data["message"]
        socket = await self.a_listener(anna)

        answer = await anna.say(room, "two", ref_message=first["_id"])

        self.assertEqual(first, answer.data["message"]["ref_message"])
        self.assertEqual(first, (await socket.next("message"))["data"]["ref_message"])

    async def test_others_receive_nothing(self) -> None:
        """A user who is not in the room gets no event."""
        anna, eve = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna)
        socket = await self.a_listener(eve)

        await anna.say(room, "secret")

        self.assertEqual([], await socket.silence())

    async def test_several_sockets(self) -> None:
        """Every socket of every session of a user gets each event once."""
        anna = await self.a_person()
        other = await sign_in(self.daemon, anna.phone, anna.key)
        room = await a_room(anna, anna)
        sockets = [await self.a_listener(who) for who in (anna, anna, other)]

        await anna.say(room, "to all")

        for socket in sockets:
            self.assertEqual("to all", (await socket.next())["data"]["text"])
            self.assertEqual([], await socket.silence())

    async def test_new_roommate(self) -> None:
        """The users in a room, and the user who enters, get the event of a new roommate."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna)
        sockets = [await self.a_listener(anna), await self.a_listener(boris)]

        await boris.enter(room)

        for socket in sockets:
            event = await socket.next()
            self.assertEqual("service-message", event["event"])
            data = event["data"]
            self.assertEqual(
                ("new roommate", room, boris.id, boris.id, None, None, 2),
                (
                    data["type"],
                    data["room"],
                    data["user"],
                    data["author"],
                    data["ref_message"],
                    data["error"],
                    data["seq"],
                ),
            )

    async def test_leave(self) -> None:
        """The users in a room, and the user who leaves, get the event; after that, the latter gets none."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        sockets = [await self.a_listener(anna), await self.a_listener(boris)]

        await boris.call("/room/leave", room_id=room)
        await anna.say(room, "he is gone")

        for socket in sockets:
            self.assertEqual("leave", (await socket.next())["data"]["type"])
        self.assertEqual("he is gone", (await sockets[0].next())["data"]["text"])
        self.assertEqual([], await sockets[1].silence())

    async def test_entering_again(self) -> None:
        """Entering a room again publishes no event."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        socket = await self.a_listener(anna)

        answer = await anna.enter(room)

        self.assertEqual(200, answer.status)
        self.assertEqual([], await socket.silence())

    async def test_order(self) -> None:
        """Every socket gets a room's events in the order of their seq, without gaps."""
        people = [await self.a_person() for _ in range(3)]
        room = await a_room(people[0], *people)
        sockets = [await self.a_listener(person) for person in people]

        for n in range(10):
            said = [person.say(room, f"{n}") for person in people]
            for saying in said:
                await saying

        for socket in sockets:
            seqs = [(await socket.next())["data"]["seq"] for _ in range(30)]
            self.assertEqual(list(range(4, 34)), seqs)


class Ending(ChatTestCase):
    async def test_exit(self) -> None:
        """Signing out closes the session's sockets 4440, and no others."""
        anna = await self.a_person()
        other = await sign_in(self.daemon, anna.phone, anna.key)
        mine, others = await self.a_listener(anna), await self.a_listener(other)

        await anna.call("/init/exit")

        self.assertEqual(4440, await mine.closed())
        self.assertFalse(others.gone.called)

    async def test_ended_key(self) -> None:
        """The key of an ended session binds no socket."""
        anna = await self.a_person()
        await anna.call("/init/exit")
        socket = await self.a_socket()

        await socket.bind(anna.session_key)

        self.assertEqual(4440, await socket.closed())


class OwnDaemon(OwnDaemonCase):
    """Tests that need a daemon with other settings."""

    async def test_no_init(self) -> None:
        """A socket that sends no ``init`` in time is closed 4408."""
        await self.start("[websocket]\ninit_timeout = 0.2")

        socket = await self.a_socket()

        self.assertEqual(4408, await socket.closed())

    async def test_silent_peer(self) -> None:
        """A peer that answers no ping is disconnected; one that answers stays."""
        await self.start("[websocket]\nping_interval = 0.1\nping_timeout = 2")
        anna = await self.a_person()
        silent, lively = await self.a_listener(anna), await self.a_listener(anna)

        silent.sendPong = lambda *_: None
        silent.onPing = lambda *_: None

        await silent.closed()
        await lively.silence()
        self.assertFalse(lively.gone.called)

    async def test_expired_session(self) -> None:
        """A session ends after its lifetime: calls answer 440, and its sockets are closed 4440."""
        await self.start("[sessions]\nlifetime = 2")
        anna = await self.a_person()
        socket = await self.a_listener(anna)

        code = await socket.closed()

        self.assertEqual(4440, code)
        self.assertEqual(440, (await anna.call("/init/getUser")).status)

    async def test_going_down(self) -> None:
        """A daemon that is stopped closes its sockets 1001."""
        await self.start("")
        anna = await self.a_person()
        sockets = [await self.a_listener(anna), await self.a_listener(anna, "/ws")]

        await self.daemon.stop()

        self.assertEqual([1001, 1001], [await socket.closed() for socket in sockets])

    async def test_slow_reader(self) -> None:
        """A stalled reader is disconnected once its buffer is full; the others get everything."""
        await self.start("[websocket]\nsend_buffer = 20000")
        anna = await self.a_person()
        room = await a_room(anna, anna)
        stalled, lively = await self.a_listener(anna), await self.a_listener(anna)

        stalled.transport.pauseProducing()
        said = 0
        while "too slow" not in self.daemon.log and said < 3000:
            for saying in [anna.say(room, "x" * 4000) for _ in range(20)]:
                said += (await saying).status == 200
        await eventually(lambda: len(lively.events) == said + 1, "all messages to be received")

        stalled.transport.resumeProducing()
        self.assertEqual(4413, await stalled.closed())

    async def test_foreign_origin(self) -> None:
        """Pages of forbidden origins open no socket; a native app, which has no origin, does."""
        await self.start('[http]\nallow_origins = ["http://good.example"]')

        for path in (None, "/ws"):
            await self.a_socket(path)
            await self.a_socket(path, origin="http://good.example")
            with self.assertRaises(ConnectionError):
                await self.a_socket(path, origin="http://evil.example")
