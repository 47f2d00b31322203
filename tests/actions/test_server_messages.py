"""``/server/messages/…``: the app's own server speaks in anybody's name."""

from tests.support.admin import AdminCase
from tests.support.chat import a_room
from tests.support.servers import an_app_server
from tests.support.waiting import eventually

SEND, REMOVE = "/server/messages/send", "/server/messages/remove"


class ServerMessages(AdminCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.server = await an_app_server(self.daemon)
        self.anna, self.boris, self.bot = [await self.a_person() for _ in range(3)]

    async def test_room(self) -> None:
        """An author speaks from outside, silenced and in slow mode; the room hears it, and has it in its history."""
        room = await a_room(self.anna, self.anna, self.boris, slow_mode=3600)
        await self.anna.call("/room/silence", room_id=room, user_id=self.boris.id, finished="2099-01-01")
        listener = await self.a_listener(self.anna)

        first = (await self.server.call(SEND, room=room, author=self.bot.id, text="hello")).data["message"]
        answers = [
            await self.server.call(SEND, room=room, author=self.boris.id, text=text, ref_message=first["_id"])
            for text in ("one", "two")
        ]

        self.assertEqual([200, 200], [answer.status for answer in answers])
        heard = [(await listener.next("message"))["data"] for _ in range(3)]
        self.assertEqual([self.bot.id, self.boris.id, self.boris.id], [data["author"] for data in heard])
        self.assertEqual(first["_id"], heard[1]["ref_message"]["_id"])
        chat = (await self.anna.call("/room/chat", room=room, skip=-3)).data["chat"]
        self.assertEqual(["hello", "one", "two"], [message["text"] for message in chat])
        lines = (await self.answer("audit", "list", "--whom", room))["audit"]
        self.assertEqual([("send message", f"from {self.bot.id}")], [(x["deed"], x["why"]) for x in lines[-1:]])

    async def test_direct(self) -> None:
        """A direct message reaches sockets and dialogs; a block holds for a server, too."""
        listener = await self.a_listener(self.anna)

        message = (await self.server.call(SEND, to=self.anna.id, author=self.bot.id, text="paid")).data["message"]

        data = (await listener.next("direct-message"))["data"]
        self.assertEqual((message["_id"], self.bot.id, "paid"), (data["_id"], data["author"], data["text"]))
        (dialog,) = (await self.anna.call("/user/dialogs")).data["dialogs"]
        self.assertEqual((self.bot.id, 1), (dialog["user"], dialog["unread"]))
        await self.anna.call("/user/block", user=self.bot.id)
        self.assertEqual("blocked", (await self.server.call(SEND, to=self.anna.id, author=self.bot.id, text="x")).code)

    async def test_once(self) -> None:
        """With one client_id, or one Idempotency-Key, a message is sent once; a user's own client_id is another,
        whatever it is.
        """
        for own in ("x", "server:x"):
            mine = {"user": self.anna.id, "text": "mine", "client_id": own}
            await self.bot.call("/user/sendMessage", message=mine)
        body = {"to": self.anna.id, "author": self.bot.id, "text": "paid"}

        sent = [(await self.server.call(SEND, **body, client_id="x")).data["message"]["_id"] for _ in range(2)]
        keyed = [(await self.server.keyed("k", SEND, **body)).data["message"]["_id"] for _ in range(2)]

        self.assertEqual((sent[0], keyed[0]), (sent[1], keyed[1]))
        texts = [message["text"] for message in (await self.anna.call("/user/messages")).data["messages"]]
        self.assertEqual(["paid", "paid", "mine", "mine"], texts)

    async def test_refused(self) -> None:
        """Exactly one place, an author and a text that exist."""
        nothing, anna = "0" * 24, self.anna.id
        room = await a_room(self.anna)
        for body, code in (
            ({"author": anna, "text": "x"}, "invalid-fields"),
            ({"author": anna, "text": "x", "room": room, "to": anna}, "invalid-fields"),
            ({"text": "x", "room": room}, "invalid-fields"),
            ({"author": anna, "text": " ", "room": room}, "invalid-fields"),
            ({"author": {"$gt": ""}, "text": "x", "room": room}, "invalid-fields"),
            ({"author": nothing, "text": "x", "room": room}, "user-not-found"),
            ({"author": nothing, "text": "x", "to": anna}, "user-not-found"),
            ({"author": nothing, "text": "x", "to": "everyone"}, "user-not-found"),
            ({"author": anna, "text": "x", "room": nothing}, "room-not-found"),
            ({"author": anna, "text": "x", "to": nothing}, "user-not-found"),
            ({"author": anna, "text": "x", "room": room, "ref_message": nothing}, "message-not-found"),
        ):
            self.assertEqual(code, (await self.server.call(SEND, **body)).code, body)
        self.assertEqual("message-not-found", (await self.server.call(REMOVE, message=nothing)).code)

    async def test_everyone(self) -> None:
        """An announcement is 202, reaches everybody once, and the same client_id asks how far it is."""
        listener = await self.a_listener(self.anna)
        body = {"to": "everyone", "author": self.bot.id, "text": "We are back.", "client_id": "back"}

        answer = await self.server.call(SEND, **body)

        self.assertEqual((202, "running"), (answer.status, answer.data["announcement"]["status"]))
        data = (await listener.next("direct-message"))["data"]
        self.assertEqual((self.bot.id, "We are back."), (data["author"], data["text"]))

        async def done() -> bool:
            again = (await self.server.call(SEND, **body)).data["announcement"]
            self.assertEqual(answer.data["announcement"]["_id"], again["_id"])
            return bool(again["status"] == "done")

        await eventually(done, "the end of the announcement")
        self.assertEqual([], await listener.silence())
        (line,) = (await self.answer("audit", "list", "--whom", answer.data["announcement"]["_id"]))["audit"]
        self.assertEqual("announce", line["deed"])

    async def test_remove(self) -> None:
        """A room's message and a direct one are removed, whoever wrote them; both are told; again is no error."""
        room = await a_room(self.anna, self.anna, self.boris)
        said = (await self.boris.say(room, "rude")).data["message"]["_id"]
        written = (await self.boris.call("/user/sendMessage", message={"user": self.anna.id, "text": "rude"})).data
        letter = written["message"][0]["_id"]
        listeners = [await self.a_listener(who) for who in (self.anna, self.boris)]

        for message in (said, said, letter, letter):
            self.assertEqual(200, (await self.server.call(REMOVE, message=message)).status)

        for listener in listeners:
            events = [(await listener.next("message-removed"))["data"] for _ in range(2)]
            self.assertEqual([(said, room), (letter, None)], [(each["message"], each["room"]) for each in events])
            self.assertEqual([], await listener.silence())
        (shown,) = (await self.anna.call("/room/chat", room=room, skip=-1)).data["chat"]
        self.assertIsNone(shown["text"])
        self.assertEqual([], (await self.anna.call("/user/messages")).data["messages"])
        self.assertEqual([], (await self.boris.call("/user/dialog", user=self.anna.id)).data["dialog"])
