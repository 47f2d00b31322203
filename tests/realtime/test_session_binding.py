"""Several inits on one socket, sent before the first is answered: raw and Socket.IO."""

import json
import re
from pathlib import Path

from twisted.trial.unittest import TestCase

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import Position
from justchat.realtime.session_binding import LaterEvents
from tests.support.chat import a_room
from tests.support.daemon import Daemon
from tests.support.mongo import drop, fresh_uri
from tests.support.socketio.by_hand import ask
from tests.support.waiting import eventually
from tests.support.wire import SettingsCase

MANY = 100
SETTINGS = """
[limits]
enabled = false
"""


class Later(TestCase):
    def test_stays(self) -> None:
        """What a socket's gate holds of other rooms comes after its position if the user has entered them since."""
        anna, boris, here, there = [new_id() for _ in range(4)]
        later = LaterEvents(anna, Position(n=2, room=here, seq=5, entered=100))

        def entering(user: Id, place: int, seq: int) -> EncodedEvent:
            entry = Entry(
                id=new_id(),
                stream=there,
                seq=seq,
                kind=Kind.NEW_ROOMMATE,
                author=user,
                user=user,
                created_at=now(),
                order=place,
            )
            return EncodedEvent.of_entry(b"", entry)

        rows = (
            (EncodedEvent(b"", anna, 2), False),
            (EncodedEvent(b"", anna, 3), True),
            (EncodedEvent(b"", here, 5), False),
            (EncodedEvent(b"", here, 6), True),
            (EncodedEvent(b""), True),
            (entering(anna, 100, 7), False),
            (entering(boris, 150, 8), False),
            (EncodedEvent(b"", there, 9), False),
            (entering(anna, 200, 10), True),
            (EncodedEvent(b"", there, 11), True),
        )
        self.assertEqual([is_later for _, is_later in rows], [later.has(event) for event, _ in rows])


class Inits(SettingsCase):
    settings = SETTINGS

    async def test_raw(self) -> None:
        """A hundred at once get a hundred ``ready``s, in order; then the last one's user gets events."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(boris, boris)
        socket = await self.a_socket()

        for _ in range(MANY // 2):
            for person in (anna, boris):
                socket.say({"event": "init", "data": {"session_key": person.session_key}})

        readies = [(await socket.next("ready"))["data"]["user"] for _ in range(MANY)]
        self.assertEqual([anna.id, boris.id] * (MANY // 2), readies)
        await boris.say(room, "received")
        self.assertEqual("received", (await socket.next())["data"]["text"])
        self.assertEqual([], await socket.silence())

    async def test_floats(self) -> None:
        """A position may be written as any language writes numbers, also after a byte order mark."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna)
        for text in ("one", "two"):
            await boris.call("/user/sendMessage", message={"user": anna.id, "text": text})
        socket = await self.a_socket()

        for start in (b"", b"\xef\xbb\xbf"):
            have = f'"session_key": "{anna.session_key}", "n": 1.0, "room": "{room}", "seq": 1e0'
            socket.sendMessage(start + b'{"event": "init", "data": {%s}}' % have.encode())

            received = [await socket.next() for _ in range(3)]
            self.assertEqual(["ready", "direct-message", "caught-up"], [event["event"] for event in received])
            self.assertTrue(received[2]["data"]["recovered"])

    async def test_halves(self) -> None:
        """A fractional position is 4400."""
        for have in ('"n": 1.5', '"n": -1.0', '"seq": 1e300', '"n": true'):
            socket = await self.a_socket()

            socket.sendMessage(b'{"event": "init", "data": {"session_key": "x", %s}}' % have.encode())

            self.assertEqual(4400, await socket.closed(), have)

    async def test_missed_events(self) -> None:
        """Each gets its complete replay before the next is answered."""
        anna, boris = await self.a_person(), await self.a_person()
        for text in ("one", "two"):
            await boris.call("/user/sendMessage", message={"user": anna.id, "text": text})
        socket = await self.a_socket()

        for _ in range(3):
            socket.say({"event": "init", "data": {"session_key": anna.session_key, "n": 0}})

        received = [(await socket.next())["event"] for _ in range(12)]
        self.assertEqual(["ready", "direct-message", "direct-message", "caught-up"] * 3, received)

    async def test_bound(self) -> None:
        """Hundreds at once are 4429, or each is answered if that is fast enough."""
        anna = await self.a_person()
        socket = await self.a_socket()

        for _ in range(300):
            socket.say({"event": "init", "data": {"session_key": anna.session_key}})

        await eventually(lambda: socket.gone.called or len(socket.events) == 300, "an end")
        if socket.gone.called:
            self.assertEqual(4429, socket.close_code)

    async def test_rate(self) -> None:
        """Inits count as read calls of the session, on any socket: one too many is closed 4429."""
        uri = fresh_uri()
        self.addCleanup(drop, uri)
        self.daemon = await Daemon("--mongo", uri, "--config", self.config("[limits]\nread = '5/hour'\n")).start()
        self.addCleanup(self.daemon.stop)
        anna, boris = await self.a_person(), await self.a_person()
        for _ in range(5):
            await self.a_listener(anna)

        for path in (None, "/ws"):
            socket = await self.a_socket(path)
            socket.say({"event": "init", "data": {"session_key": anna.session_key}})

            data = (await socket.next("error"))["data"]
            self.assertEqual(("too-many-requests", 429), (data["code"], data["status"]))
            self.assertEqual(4429, await socket.closed())
        await self.a_listener(boris)

    def config(self, text: str) -> str:
        file = Path(self.mktemp())
        file.write_text(text)
        return str(file.absolute())

    async def test_wrong_key(self) -> None:
        """One with a wrong key ends the socket in its order: those before it are answered, none after it."""
        anna = await self.a_person()
        socket = await self.a_socket()

        for key in (anna.session_key, "wrong", anna.session_key):
            socket.say({"event": "init", "data": {"session_key": key}})

        self.assertEqual(4440, await socket.closed())
        self.assertEqual(["ready", "error"], [event["event"] for event in socket.events])

    async def test_socketio(self) -> None:
        """In one payload of Socket.IO, too, of either protocol; each is acknowledged under its own id."""
        anna, boris = await self.a_person(), await self.a_person()
        for version in (3, 4):
            answer = await ask(self.daemon.http, f"EIO={version}&transport=polling")
            (sid,) = re.findall(rb'"sid":"([^"]+)"', answer.body)
            query = f"EIO={version}&transport=polling&sid={sid.decode()}"
            inits = [
                f'42{id if id % 2 else ""}["init",{{"session_key":"{who.session_key}"}}]'
                for id, who in enumerate([anna, boris] * (MANY // 2))
            ]
            packets = ["40", *inits]
            payload = "\x1e".join(packets) if version == 4 else "".join(f"{len(each)}:{each}" for each in packets)

            posted = await ask(self.daemon.http, query, "POST", payload.encode())

            self.assertEqual(200, posted.code)
            received = ""
            while received.count('42["ready"') < MANY or received.count("[{") < MANY // 2:
                answer = await ask(self.daemon.http, query)
                self.assertEqual(200, answer.code, received[-200:])
                received += answer.body.decode()
            users = [json.loads(data)["user"] for data in re.findall(r'42\["ready",({[^}]+})\]', received)]
            self.assertEqual([anna.id, boris.id] * (MANY // 2), users)
            acks = [(int(id), json.loads(data)["user"]) for id, data in re.findall(r"43(\d+)\[({[^}]+})\]", received)]
            self.assertEqual([(id, boris.id) for id in range(1, MANY, 2)], acks)
