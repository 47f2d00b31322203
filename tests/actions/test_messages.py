"""Sending messages to a room."""

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.waiting import at_once
from tests.support.wire import MESSAGE_FIELDS, NOBODY, TIME


async def texts(person: Person, room: str) -> list[str]:
    """The messages of a room without service messages."""
    chat = (await person.call("/room/chat", room=room, limit=500)).data["chat"]
    return [message["text"] for message in chat if not message["type"]]


class Saying(ChatTestCase):
    async def test_message(self) -> None:
        """The answer has every field of the message, with its number in the room."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        answer = await anna.say(room, " Привет, 🌻!\n")

        self.assertEqual((200, {"message"}), (answer.status, set(answer.data)))
        message = answer.data["message"]
        self.assertEqual(MESSAGE_FIELDS, set(message))
        self.assertRegex(message.pop("_id"), r"\A[0-9a-f]{24}\Z")
        self.assertRegex(message["create_at"], TIME)
        self.assertEqual(message.pop("create_at"), message.pop("created_at"))
        self.assertEqual(
            {
                "author": anna.id,
                "text": " Привет, 🌻!\n",
                "room": room,
                "user": None,
                "ref_message": None,
                "type": None,
                "seq": 2,
            },
            message,
        )

    async def test_outside(self) -> None:
        """Sending is 403 for users who never entered, for those who left and for an absent admin; nothing is stored."""
        anna, boris, eve = [await self.a_person() for _ in range(3)]
        room = await a_room(anna, boris)
        await boris.call("/room/leave", room_id=room)

        answers = [await person.say(room, "hello") for person in (anna, boris, eve)]

        self.assertEqual([403] * 3, [answer.status for answer in answers])
        self.assertEqual([], await texts(anna, room))

    async def test_no_room(self) -> None:
        """A room_id that names no room is 404, malformed or not."""
        anna = await self.a_person()

        for id in (NOBODY, "", "room", "\0"):
            self.assertEqual(404, (await anna.say(id, "hello")).status, id)

    async def test_text(self) -> None:
        """A text that is blank or longer than 4,096 characters is 400, and nothing is stored."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        for text in ("", " ", "\n\t\u00a0", "x" * 4097, None, 5, True, ["hello"], {"$gt": ""}):
            self.assertEqual(
                400, (await anna.call("/room/sendMessage", message={"room_id": room, "text": text})).status, text
            )
        self.assertEqual([], await texts(anna, room))

    async def test_longest(self) -> None:
        """A text may have 4,096 characters of any encoded length."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        for text in ("x" * 4096, "я" * 4096, "🌻" * 4096):
            answer = await anna.say(room, text)

            self.assertEqual((200, text), (answer.status, answer.data["message"]["text"]))

    async def test_odd_characters(self) -> None:
        """Every text is returned as it was sent."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        said = ["a\0b", "$where", "{'$gt': ''}", "\u202eabc", "<script>", "👨‍👩‍👧‍👦", "\ufffe\uffff", "\x7f\x1b!"]

        for text in said:
            await anna.say(room, text)

        self.assertEqual(said, await texts(anna, room))


class Referring(ChatTestCase):
    async def test_whole(self) -> None:
        """A reply has the whole message that it refers to, in its answer and in the chat."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        first = (await anna.say(room, "one")).data["message"]

        reply = (await anna.say(room, "two", ref_message=first["_id"])).data["message"]

        self.assertEqual(first, reply["ref_message"])
        self.assertEqual(reply, (await anna.call("/room/chat", room=room)).data["chat"][-1])

    async def test_service_message(self) -> None:
        """A reply may refer to a service message."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        [entered] = (await anna.call("/room/chat", room=room)).data["chat"]

        answer = await anna.say(room, "welcome to myself", ref_message=entered["_id"])

        self.assertEqual("new roommate", answer.data["message"]["ref_message"]["type"])

    async def test_another_room(self) -> None:
        """A ref_message of another room or of none is 404, and nothing is stored."""
        anna = await self.a_person()
        other = await a_room(anna, anna)
        elsewhere = (await anna.say(other, "elsewhere")).data["message"]["_id"]
        room = await a_room(anna, anna)

        for id in (elsewhere, NOBODY, room, "", "message"):
            self.assertEqual(404, (await anna.say(room, "as you said", ref_message=id)).status, id)
        self.assertEqual([], await texts(anna, room))

    async def test_object(self) -> None:
        """A ref_message that is no string is 400."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        message = (await anna.say(room, "one")).data["message"]

        for reference in (message, {"$gt": ""}, {}, [message["_id"]], 5, True):
            self.assertEqual(400, (await anna.say(room, "two", ref_message=reference)).status, reference)


class SendingAgain(ChatTestCase):
    async def test_again(self) -> None:
        """The same client_id returns the first message, even if other fields differ, and stores nothing."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        first, again = await anna.say(room, "one", client_id="a"), await anna.say(room, "other", client_id="a")

        self.assertEqual((200, first.data), (again.status, again.data))
        self.assertEqual(["one"], await texts(anna, room))

    async def test_at_once(self) -> None:
        """The same client_id in eight simultaneous calls is one message, which all eight return."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        answers = await at_once(anna.say(room, "one", client_id="a") for _ in range(8))

        self.assertEqual([answers[0].data] * 8, [answer.data for answer in answers])
        self.assertEqual(["one"], await texts(anna, room))

    async def test_other_ids(self) -> None:
        """Another client_id makes another message, and so does a call without one."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        for client_id in ("a", "b", None, None, "A", "a "):
            await anna.say(room, "one", client_id=client_id)

        self.assertEqual(["one"] * 6, await texts(anna, room))

    async def test_other_author(self) -> None:
        """Another author's same client_id is another message."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)

        for person in (anna, boris):
            await person.say(room, person.id, client_id="a")

        self.assertEqual([anna.id, boris.id], await texts(anna, room))

    async def test_after_leaving(self) -> None:
        """A user who has left the room still gets the first message."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        first = await anna.say(room, "one", client_id="a")
        await anna.call("/room/leave", room_id=room)

        again = await anna.say(room, "one", client_id="a")

        self.assertEqual((200, first.data), (again.status, again.data))

    async def test_other_room(self) -> None:
        """In another room the same client_id returns the first message and stores nothing."""
        anna = await self.a_person()
        first = await anna.say(await a_room(anna, anna), "one", client_id="a")
        other = await a_room(anna, anna)

        again = await anna.say(other, "one", client_id="a")

        self.assertEqual((200, first.data), (again.status, again.data))
        self.assertEqual([], await texts(anna, other))

    async def test_refused(self) -> None:
        """A refused message leaves its client_id free."""
        anna = await self.a_person()
        room = await a_room(anna)
        refused = await anna.say(room, "one", client_id="a")
        await anna.enter(room)

        answer = await anna.say(room, "one", client_id="a")

        self.assertEqual([403, 200], [refused.status, answer.status])

    async def test_malformed(self) -> None:
        """A client_id that is not a string, or too long, is 400."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        for client_id in (5, True, {}, {"$gt": ""}, [], ["a"], "x" * 10_000):
            self.assertEqual(400, (await anna.say(room, "one", client_id=client_id)).status, client_id)
