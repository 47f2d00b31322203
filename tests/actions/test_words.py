"""Word lists: what becomes of texts with a word of the operator's list."""

from typing import Any

from tests.support.chat import Person, a_phone, a_room, keyed
from tests.support.client import Answer, call
from tests.support.money import with_coins
from tests.support.wire import SettingsCase, a_request, exchange
from tests.support.words import word_list_settings

BAD = "You b\u0430d\u200bWÖRD, what the heckler"
MASKED = "You *******, what the *******"


class WordsCase(SettingsCase):
    action: str

    async def setUp(self) -> None:
        self.settings = word_list_settings(self.action)
        await super().setUp()


async def texts_of(anna: Person, bob: Person, room: str) -> dict[str, Answer]:
    """Every call of Anna's that shows others a text, with BAD as the text."""
    gift = (await anna.call("/gifts")).data["gifts"][0]["_id"]
    return {
        "message": await anna.say(room, BAD),
        "direct": await anna.call("/user/sendMessage", message={"user": bob.id, "text": BAD}),
        "gift": await anna.call("/gifts/send", gift=gift, user=bob.id, text=BAD),
        "silence": await anna.call("/room/silence", room_id=room, user_id=bob.id, finished=9999999999999, text=BAD),
        "nickname": await anna.call("/init/edit", user={"nickname": BAD}),
        "location": await anna.call("/init/edit", user={"location": BAD}),
        "room": await anna.call("/room/create", room={"name": BAD}),
        "registration": await call(anna.daemon.http, "/init/reg", {"phone": a_phone(), "nickname": BAD}),
    }


class Masking(WordsCase):
    action = "mask"

    async def test_everywhere(self) -> None:
        """Everything that others read has stars for the words, and is otherwise as it was sent."""
        anna, bob = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, bob)
        await with_coins(anna, 1000)
        listener = await self.a_listener(bob)

        answers = await texts_of(anna, bob, room)

        self.assertEqual({200, 201}, {answer.status for answer in answers.values()})
        shown: dict[str, Any] = {name: answer.data for name, answer in answers.items() if answer.json != {}}
        self.assertEqual(MASKED, shown["message"]["message"]["text"])
        self.assertEqual(MASKED, shown["direct"]["message"][0]["text"])
        self.assertEqual([MASKED] * 2, [(await anna.shown())[field] for field in ("nickname", "location")])
        self.assertEqual(MASKED, shown["room"]["room"]["name"])
        self.assertEqual([MASKED], [gift["text"] for gift in (await bob.shown())["gifts"]])
        chat = (await bob.call("/room/chat", room=room, skip=0)).data["chat"]
        self.assertEqual([MASKED] * 2, [message["text"] for message in chat if message["text"] is not None])
        events = [await listener.next() for _ in range(4)]
        self.assertEqual([MASKED] * 4, [event["data"]["text"] for event in events])

    async def test_registration(self) -> None:
        """A nickname is masked at the sign-up."""
        anna = await self.a_person(nickname="BadWord", location="Heck")

        shown = await anna.shown()

        self.assertEqual(("*******", "****"), (shown["nickname"], shown["location"]))

    async def test_complaint(self) -> None:
        """A complaint says what it says: an operator reads it."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        message = (await anna.say(room, "hello")).data["message"]["_id"]

        answer = await anna.call("/complaints/new", message=message, text=BAD)

        self.assertEqual(BAD, answer.json["complaint"]["text"])

    async def test_site(self) -> None:
        """A call that does not take the fast lane is masked alike."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        said = f'{{"session_key": "{anna.session_key}", "message": {{"room_id": "{room}", "text": "badword!"}}}}'
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(said), said.encode())
        head = a_request("POST /room/sendMessage", "Transfer-Encoding: chunked", "Connection: close")

        (answer,) = await exchange(self.daemon.http, head + body)

        self.assertEqual("*******!", answer.json["data"]["message"]["text"])

    async def test_innocent(self) -> None:
        """Texts without a whole word of the list are as they were."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        for text in ("Scunthorpe", "notabadword", "badwords", "a check", "* * *"):
            self.assertEqual(text, (await anna.say(room, text)).data["message"]["text"])

    async def test_sent_again(self) -> None:
        """The same client_id, or Idempotency-Key, returns the masked message again."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        twice = [await anna.say(room, "badword", client_id="one") for _ in range(2)]
        message = {"room_id": room, "text": "badword"}
        twice += [await keyed(anna, "k", "/room/sendMessage", message=message) for _ in range(2)]

        texts = [answer.data["message"]["text"] for answer in twice]
        self.assertEqual(["*******"] * 4, texts)
        self.assertEqual(2, len({answer.data["message"]["_id"] for answer in twice}))


class Rejecting(WordsCase):
    action = "reject"

    async def test_everywhere(self) -> None:
        """Everything that others would read is refused, and nothing is stored, paid or told."""
        anna, bob = await self.a_person(nickname="anna", location="Perm"), await self.a_person()
        room = await a_room(anna, anna, bob)
        await with_coins(anna, 1000)
        listener = await self.a_listener(bob)
        before = await anna.shown()

        answers = await texts_of(anna, bob, room)

        self.assertEqual({(403, "rejected")}, {(answer.status, answer.code) for answer in answers.values()})
        self.assertEqual(before, await anna.shown())
        self.assertEqual([], (await bob.shown())["gifts"])
        self.assertEqual([], await listener.silence())
        said = await bob.say(room, "bob is not silenced")
        self.assertEqual(200, said.status)

    async def test_order(self) -> None:
        """404 and other 403 come first."""
        anna, bob = await self.a_person(), await self.a_person()
        room = await a_room(anna)
        nobody = "0123456789abcdef01234567"

        answers = [
            await bob.say(room, BAD),
            await bob.say(nobody, BAD),
            await bob.call("/user/sendMessage", message={"user": nobody, "text": BAD}),
            await bob.call("/room/silence", room_id=room, user_id=anna.id, finished=9999999999999, text=BAD),
        ]

        codes = [answer.code for answer in answers]
        self.assertEqual(["not-in-room", "room-not-found", "user-not-found", "outranked"], codes)

    async def test_known_phone(self) -> None:
        """A sign-up is refused whether or not the phone has an account, so the answer does not tell."""
        anna = await self.a_person()

        answers = [
            await call(self.daemon.http, "/init/reg", {"phone": phone, "nickname": "badword"})
            for phone in (anna.phone, a_phone())
        ]

        self.assertEqual([403, 403], [answer.status for answer in answers])

    async def test_sent_again(self) -> None:
        """A refused client_id may be used with another text."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        statuses = [(await anna.say(room, text, client_id="one")).status for text in ("badword", "word", "badword")]

        self.assertEqual([403, 200, 200], statuses)
