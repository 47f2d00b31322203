"""Clients that disconnect before the answer: their call happens completely or not at all."""

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from tests.support.chat import ChatTestCase, Person, a_phone, a_room
from tests.support.client import call
from tests.support.waiting import eventually
from tests.support.wire import a_request


class Impatient(Protocol):
    """Knows when its connection is gone."""

    gone = False

    def connectionLost(self, reason: object = None) -> None:
        self.gone = True


class Disconnects(ChatTestCase):
    async def disconnect_after(self, path: str, body: dict[str, Any], seconds: float) -> None:
        """Send a request, and disconnect after so many seconds."""
        wire: Impatient = await TCP4ClientEndpoint(reactor, "127.0.0.1", self.daemon.http).connect(
            Factory.forProtocol(Impatient)
        )
        wire.transport.write(a_request(f"POST {path}", body=json.dumps(body).encode()))
        await deferLater(reactor, seconds)
        wire.transport.abortConnection()
        await eventually(lambda: wire.gone, "the connection to be gone")

    async def entered(self, person: Person, room: str, seconds: float) -> None:
        await self.disconnect_after("/room/enter", {"session_key": person.session_key, "room": {"id": room}}, seconds)

    async def agreed(self, person: Person, rooms: list[str], admin: Person) -> bool:
        """Whether a person is in one room, and the rooms' chats and the person's document agree on it."""
        by_chat = []
        for room in rooms:
            chat = (await admin.call("/room/chat", room=room, limit=500)).data["chat"]
            by_chat += [room] * sum({"new roommate": 1, "leave": -1}[entry["type"]] for entry in chat)
        return by_chat == [(await person.shown())["room"]]

    async def test_entering(self) -> None:
        """A user who disconnected while entering a room enters another without waiting, and is in one room."""
        anna, admin = await self.a_person(), await self.a_person()
        rooms = [await a_room(admin) for _ in range(3)]

        statuses = []
        for n in range(16):
            await self.entered(anna, rooms[n % 2], n * 0.0005)
            statuses.append((await anna.enter(rooms[2])).status)

        self.assertEqual([200] * 16, statuses)
        await eventually(lambda: self.agreed(anna, rooms, admin), "the rooms and the person to agree")

    async def test_registering(self) -> None:
        """A client that disconnects while registering may register again."""
        for n in range(5):
            phone = a_phone()
            await self.disconnect_after("/init/reg", {"phone": phone}, n * 0.005)

            answer = await call(self.daemon.http, "/init/reg", {"phone": phone})

            self.assertIn(answer.status, (200, 201))

    async def test_saying(self) -> None:
        """A message whose author disconnected is stored once or not at all; sent again with its client_id, once."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        for n in range(15):
            message = {"room_id": room, "text": f"{n}", "client_id": f"{n}"}
            await self.disconnect_after(
                "/room/sendMessage", {"session_key": anna.session_key, "message": message}, n * 0.0006
            )
            await anna.say(room, f"{n}", client_id=f"{n}")

        chat = (await anna.call("/room/chat", room=room)).data["chat"]
        self.assertEqual([f"{n}" for n in range(15)], [entry["text"] for entry in chat[1:]])
