"""Events and calls show the same documents: one parser serves both."""

import hashlib
import json
from typing import Any

from tests.support.chat import ChatTestCase, Person, a_room

Document = dict[str, Any]


class OneParser(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(), await self.a_person()
        self.room = await a_room(self.anna, self.anna)
        self.listener = await self.a_listener(self.anna)

    def assert_shows(self, document: Document, received: Document, **apart: Any) -> None:
        """An event has every field of a document with its value, except those named."""
        self.assertIsNone(received["error"])
        self.assertEqual({**document, **apart}, {name: received[name] for name in document})
        self.assertEqual(received["create_at"], received["created_at"])

    async def test_room(self) -> None:
        """Events of messages and service messages are as in the history and in the answers."""
        entering = await self.boris.enter(self.room)
        self.assertEqual(200, entering.status)
        first = (await self.boris.say(self.room, "one")).data["message"]
        await self.boris.say(self.room, "two", ref_message=first["_id"])
        about = {"room_id": self.room, "user_id": self.boris.id}
        await self.anna.call("/room/silence", **about, finished="2040-01-01T00:00:00Z", text="hush")
        await self.anna.call("/room/add-moderator", **about)
        await self.anna.call("/room/remove-moderator", **about)
        await self.anna.call("/room/kick", **about, ref_message=first["_id"])

        chat = (await self.anna.call("/room/chat", room=self.room)).data["chat"]

        self.assertEqual(8, len(chat))
        received = {}
        for document in chat[1:]:
            event = await self.listener.next()
            self.assertEqual("message" if document["type"] is None else "service-message", event["event"])
            self.assert_shows(document, event["data"])
            self.assertEqual({*document, "error"}, {*event["data"]})
            received[document["seq"]] = event["data"]
        self.assert_shows(first, received[first["seq"]])
        self.assertEqual([2208988800000], [each["finished"] for each in received.values() if "finished" in each])

    async def test_notice(self) -> None:
        """A user who is out gets the same event with ``n``."""
        listener = await self.a_listener(self.boris)
        await self.boris.enter(self.room)
        await self.anna.call("/room/ban", room_id=self.room, user_id=self.boris.id)

        (*_, document) = (await self.anna.call("/room/chat", room=self.room)).data["chat"]

        await listener.next()
        received = (await listener.next())["data"]
        self.assert_shows(document, received)
        self.assertEqual(1, received["n"])

    async def test_direct_message(self) -> None:
        """Events of direct messages and receipts are as in the dialogs, with the message's ``_id``."""
        listener = await self.a_listener(self.boris)
        sent = (await self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": "psst"})).data
        (message,) = sent["message"]

        received = (await listener.next("direct-message"))["data"]

        self.assert_shows(message, received, type="direct-message")
        (shown,) = (await self.boris.call("/user/dialog", user=self.anna.id)).data["dialog"]
        self.assert_shows(shown, received, type="direct-message")
        read = (await self.boris.call("/user/messages/mark-as-read", message=message["_id"])).data["message"]
        receipt = (await self.listener.next("read-message"))["data"]
        self.assertEqual(read, receipt["data"])
        self.assertEqual(message["_id"], receipt["_id"])
        self.assertEqual((self.boris.id, self.anna.id), (receipt["author"], receipt["user"]))
        self.assertEqual([read["read_at"]] * 2, [receipt["created_at"], receipt["create_at"]])

    async def test_gift(self) -> None:
        """The event of a gift is as in the profile."""
        neighbour = await self.a_listener(self.boris)
        await self.boris.enter(self.room)
        await self.pay(self.boris, 1000)
        gift = (await self.boris.call("/gifts")).data["gifts"][0]
        await self.boris.call("/gifts/send", gift=gift["_id"], user=self.anna.id, text="for you")

        (given,) = (await self.anna.shown())["gifts"]

        for listener in (self.listener, neighbour):
            received = (await listener.next("gift-message"))["data"]
            self.assert_shows(given, received)
            self.assertEqual(gift, received["gift"])
            self.assertEqual((self.room, self.anna.id), (received["room"], received["user"]))

    async def pay(self, who: Person, coins: int) -> None:
        secret = (self.daemon.data / "payments-secret-key").read_text()
        signed = hashlib.md5((secret + str(coins)).encode()).hexdigest()
        self.assertEqual(200, (await who.call("/user/updateBalance", balance=coins, secret=signed)).status)

    async def test_replay(self) -> None:
        """A replayed event is the event as it was first sent."""
        await self.boris.enter(self.room)
        await self.boris.say(self.room, "one")
        await self.boris.call("/user/sendMessage", message={"user": self.anna.id, "text": "psst"})
        live = [await self.listener.next() for _ in range(3)]

        again = await self.a_socket()
        have = {"n": 0, "room": self.room, "seq": 1}
        again.say({"event": "init", "data": {"session_key": self.anna.session_key, **have}})

        await again.next("ready")
        replayed = [await again.next() for _ in range(3)]
        self.assertEqual(sorted(map(json.dumps, live)), sorted(map(json.dumps, replayed)))

    async def test_error(self) -> None:
        """The frame before a close has the error's code, like answers."""
        socket = await self.a_socket()
        socket.say({"event": "init", "data": {"session_key": "nobody's"}})

        self.assertEqual(
            {"event": "error", "data": {"error": "Login Timeout", "code": "login-timeout", "status": 440}},
            await socket.next(),
        )
        self.assertEqual(4440, await socket.closed())
