"""Direct messages: two people, each with a copy of their dialog."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import ensureDeferred, gatherResults

from tests.support.chat import ChatTestCase, Person, a_room


class DirectCase(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris, self.eve = [await self.a_person() for _ in range(3)]

    async def write(self, author: Person, to: Person, text: str, **more: Any) -> dict[str, Any]:
        answer = await author.call("/user/sendMessage", message={"user": to.id, "text": text, **more})
        self.assertEqual(200, answer.status, answer.json)
        message: dict[str, Any] = answer.data["message"][0]
        return message

    async def texts(self, who: Person, **choice: Any) -> list[str]:
        answer = await who.call("/user/messages", **choice)
        return [message["text"] for message in answer.data["messages"]]

    async def unread(self, who: Person, **choice: Any) -> int:
        count: int = (await who.call("/user/messages", countOnly=True, **choice)).data["count"]
        return count

    async def dialog(self, who: Person, other: Person, **more: Any) -> list[str]:
        answer = await who.call("/user/dialog", user=other.id, **more)
        return [message["text"] for message in answer.data["dialog"]]


class Order(DirectCase):
    async def test_within_a_millisecond(self) -> None:
        """A dialog and ``/user/messages`` are in the order of arrival, also within one millisecond."""
        await gatherResults(
            ensureDeferred(self.write(self.anna, self.boris, f"{n}", client_id=f"{n}")) for n in range(150)
        )

        received = await self.texts(self.boris, limit=500)
        self.assertEqual(150, len(received))
        for person, other in ((self.boris, self.anna), (self.anna, self.boris)):
            self.assertEqual(received, await self.dialog(person, other, limit=500))
            (dialog,) = (await person.call("/user/dialogs")).data["dialogs"]
            self.assertEqual(received[0], dialog["last_message"]["text"])


class Apart(DirectCase):
    async def test_client_ids(self) -> None:
        """No client_id makes a room's message and a direct message the same."""
        room = await a_room(self.anna, self.anna)
        for client_id in ("1", "direct:1", "direct:direct:1", "message:1"):
            written = await self.write(self.anna, self.boris, f"letter {client_id}", client_id=client_id)
            said = (await self.anna.say(room, f"said {client_id}", client_id=client_id)).data["message"]

            self.assertEqual((f"letter {client_id}", self.boris.id), (written["text"], written["user"]))
            self.assertEqual((f"said {client_id}", room), (said["text"], said["room"]))
        self.assertEqual(4, len(await self.dialog(self.boris, self.anna)))


class Writing(DirectCase):
    async def test_answer(self) -> None:
        """A direct message is answered as a list of one, unread."""
        answer = await self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": "Dude!"})

        (message,) = answer.data["message"]
        self.assertEqual(
            (self.anna.id, self.boris.id, "Dude!", False, None),
            tuple(message[key] for key in ("author", "user", "text", "read", "read_at")),
        )

    async def test_event(self) -> None:
        """The receiver gets the event on every socket, and nobody else gets it."""
        listeners = [await self.a_listener(self.boris), await self.a_listener(self.boris, "/ws")]
        await self.a_listener(self.anna)
        await self.a_listener(self.eve)

        message = await self.write(self.anna, self.boris, "Dude!")

        for event in await self.assert_received(*listeners):
            self.assertEqual("direct-message", event["event"])
            data = dict(event["data"])
            self.assertEqual(1, data.pop("n"))
            self.assertEqual({**message, "error": None, "type": "direct-message"}, data)

    async def test_errors(self) -> None:
        """An empty user or text is 400, an unknown user 404."""
        for status, message in (
            (400, {"user": "", "text": "x"}),
            (400, {"user": self.boris.id, "text": ""}),
            (400, {"user": self.boris.id}),
            (400, {"text": "x"}),
            (400, {"user": {"$gt": ""}, "text": "x"}),
            (404, {"user": "0" * 24, "text": "x"}),
            (404, {"user": "nobody", "text": "x"}),
        ):
            answer = await self.anna.call("/user/sendMessage", message=message)

            self.assertEqual(status, answer.status, message)

    async def test_client_id_at_once(self) -> None:
        """The same client_id in eight simultaneous calls is one message with one event."""
        listener = await self.a_listener(self.boris)

        sent = [ensureDeferred(self.write(self.anna, self.boris, "once", client_id="c")) for _ in range(8)]
        messages = await gatherResults(sent)

        self.assertEqual(1, len({message["_id"] for message in messages}))
        await self.assert_received(listener)


class Listing(DirectCase):
    async def test_choices(self) -> None:
        """By default, the messages to the caller; with ``author``, only from them; with ``user``, to them. Newest
        first.
        """
        for author, to, text in (
            (self.anna, self.boris, "a1"),
            (self.boris, self.anna, "b1"),
            (self.eve, self.boris, "e1"),
            (self.anna, self.boris, "a2"),
        ):
            await self.write(author, to, text)

        self.assertEqual(["a2", "e1", "a1"], await self.texts(self.boris))
        self.assertEqual(["a2", "a1"], await self.texts(self.boris, author=self.anna.id))
        self.assertEqual(["b1"], await self.texts(self.boris, user=self.anna.id))
        self.assertEqual(["e1"], await self.texts(self.boris, limit=1, offset=1))
        self.assertEqual(["a2", "b1", "a1"], await self.dialog(self.boris, self.anna))
        self.assertEqual(["b1"], await self.dialog(self.anna, self.boris, skip=1, limit=1))

    async def test_both(self) -> None:
        """``author`` and ``user`` together are 400."""
        answer = await self.anna.call("/user/messages", author=self.boris.id, user=self.eve.id)

        self.assertEqual(400, answer.status)

    async def test_counts(self) -> None:
        """``countOnly`` returns the number of unread messages of each selection."""
        first = await self.write(self.anna, self.boris, "a1")
        await self.write(self.anna, self.boris, "a2")
        await self.write(self.eve, self.boris, "e1")
        await self.boris.call("/user/messages/mark-as-read", message=first["_id"])

        self.assertEqual(2, await self.unread(self.boris))
        self.assertEqual(1, await self.unread(self.boris, author=self.anna.id))
        self.assertEqual(1, await self.unread(self.anna, user=self.boris.id))
        self.assertEqual(0, await self.unread(self.anna))

    async def test_counts_follow(self) -> None:
        """The unread count is right before and after each change."""
        counts = [await self.unread(self.boris)]

        messages = []
        for text in ("one", "two", "three"):
            messages.append(await self.write(self.anna, self.boris, text))
            counts.append(await self.unread(self.boris))
        for call, message in (("mark-as-read", messages[0]), ("remove", messages[1])):
            await self.boris.call(f"/user/messages/{call}", message=message["_id"])
            counts.append(await self.unread(self.boris))
        await self.boris.call("/user/remove-dialog", user=self.anna.id)
        counts.append(await self.unread(self.boris))

        self.assertEqual([0, 1, 2, 3, 2, 1, 0], counts)

    async def test_counts_at_once(self) -> None:
        """The unread count is finally right, even if it is read while messages arrive and are marked."""
        messages = [await self.write(self.anna, self.boris, f"a{i}") for i in range(8)]
        doing: list[Coroutine[Any, Any, object]] = []
        for i, message in enumerate(messages):
            doing.append(self.boris.call("/user/messages/mark-as-read", message=message["_id"]))
            doing.append(self.unread(self.boris))
            doing.append(self.write(self.eve, self.boris, f"e{i}"))
            doing.append(self.boris.call("/user/dialogs"))

        await gatherResults([ensureDeferred(each) for each in doing])

        self.assertEqual(8, await self.unread(self.boris))
        self.assertEqual(0, await self.unread(self.boris, author=self.anna.id))

    async def test_dialogs(self) -> None:
        """Dialogs are listed latest first, with the last message and how many are unread."""
        await self.write(self.anna, self.boris, "a1")
        last_of_eve = await self.write(self.eve, self.boris, "e1")
        last_of_anna = await self.write(self.boris, self.anna, "b1")

        dialogs = (await self.boris.call("/user/dialogs")).data["dialogs"]

        self.assertEqual(
            [
                {"user": self.anna.id, "last_message": last_of_anna, "unread": 1},
                {"user": self.eve.id, "last_message": last_of_eve, "unread": 1},
            ],
            dialogs,
        )


class Reading(DirectCase):
    async def test_mark_as_read(self) -> None:
        """The receiver marks a message as read, and its author gets the event."""
        message = await self.write(self.anna, self.boris, "Dude!")
        listener = await self.a_listener(self.anna)
        await self.a_listener(self.boris)
        await self.a_listener(self.eve)

        answer = await self.boris.call("/user/messages/mark-as-read", message=message["_id"])

        read = answer.data["message"]
        self.assertTrue(read["read"])
        self.assertIsNotNone(read["read_at"])
        (event,) = await self.assert_received(listener)
        self.assertEqual("read-message", event["event"])
        self.assertEqual(read, event["data"]["data"])
        self.assertIsNone(event["data"]["error"])

    async def test_only_its_receiver(self) -> None:
        """Nobody but the receiver may mark a message as read: 404, and it stays unread."""
        message = await self.write(self.anna, self.boris, "Dude!")

        for person in (self.anna, self.eve):
            answer = await person.call("/user/messages/mark-as-read", message=message["_id"])

            self.assertEqual(404, answer.status)
        self.assertEqual(1, await self.unread(self.boris))

    async def test_twice(self) -> None:
        """A message that is marked eight times at once gives its author one event."""
        message = await self.write(self.anna, self.boris, "Dude!")
        listener = await self.a_listener(self.anna)

        marking = [
            ensureDeferred(self.boris.call("/user/messages/mark-as-read", message=message["_id"])) for _ in range(8)
        ]
        answers = await gatherResults(marking)

        self.assertEqual({200}, {answer.status for answer in answers})
        await self.assert_received(listener)


class Removing(DirectCase):
    async def test_own_copy(self) -> None:
        """Removing one user's copy leaves the other's; a removed copy is 404."""
        message = await self.write(self.anna, self.boris, "Dude!")

        answer = await self.boris.call("/user/messages/remove", message=message["_id"])

        self.assertEqual((200, {}), (answer.status, answer.json))
        self.assertEqual([], await self.texts(self.boris))
        self.assertEqual(["Dude!"], await self.dialog(self.anna, self.boris))
        self.assertEqual(404, (await self.boris.call("/user/messages/remove", message=message["_id"])).status)
        self.assertEqual(404, (await self.eve.call("/user/messages/remove", message=message["_id"])).status)

    async def test_last_message(self) -> None:
        """Where the last message of a dialog is removed, the one before it is the last."""
        first = await self.write(self.anna, self.boris, "one")
        second = await self.write(self.anna, self.boris, "two")

        await self.boris.call("/user/messages/remove", message=second["_id"])

        (dialog,) = (await self.boris.call("/user/dialogs")).data["dialogs"]
        self.assertEqual((first, 1), (dialog["last_message"], dialog["unread"]))
        (dialog,) = (await self.anna.call("/user/dialogs")).data["dialogs"]
        self.assertEqual(second, dialog["last_message"])

    async def test_unread(self) -> None:
        """A message that its receiver removes unread no longer counts for them; its author still sees it as unread."""
        message = await self.write(self.anna, self.boris, "one")
        await self.write(self.anna, self.boris, "two")
        await self.write(self.eve, self.boris, "another")

        await self.boris.call("/user/messages/remove", message=message["_id"])
        await self.boris.call("/user/remove-dialog", user=self.eve.id)

        self.assertEqual(1, await self.unread(self.boris))
        self.assertEqual(0, await self.unread(self.boris, author=self.eve.id))
        (dialog,) = (await self.boris.call("/user/dialogs")).data["dialogs"]
        self.assertEqual(1, dialog["unread"])
        self.assertEqual(2, await self.unread(self.anna, user=self.boris.id))
        (first,) = (await self.anna.call("/user/dialog", user=self.boris.id, skip=1)).data["dialog"]
        self.assertEqual((message, False), (first, first["read"]))

    async def test_dialog(self) -> None:
        """Removing one user's dialog leaves the other's, and the next message begins a new dialog."""
        await self.write(self.anna, self.boris, "old")
        await self.write(self.eve, self.boris, "another")

        answer = await self.boris.call("/user/remove-dialog", user=self.anna.id)
        await self.write(self.anna, self.boris, "new")

        self.assertEqual((200, {}), (answer.status, answer.json))
        self.assertEqual(["new"], await self.dialog(self.boris, self.anna))
        self.assertEqual(["new", "old"], await self.dialog(self.anna, self.boris))
        self.assertEqual(["new", "another"], await self.texts(self.boris))
