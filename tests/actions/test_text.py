"""Text by Unicode's rules: stored in NFC, found in any form, empty where it shows nothing."""

import secrets
from typing import Any
from unicodedata import normalize

from tests.support.chat import ChatTestCase, a_phone, a_room, register
from tests.support.client import call

NAMES = ("Чайная", "Café", "한국", "Ёлка", "ガイド", "Việt Nam", "Ångström")
NOTHING = ("", " \t\n", "\0", "\x7f\x1b", "\xad", "\u034f", "\u115f\u1160", "\u180e", "\u200b", "\u200e\u2060\ufeff")
NOTHING += ("\u2800", "\u3164", "\uffa0", "\ufe0f", "\U000e0041\U000e007f", "\U000e0100")
REAL = ("👨\u200d👩\u200d👧", "❤\ufe0f", "می\u200cخواهم", "क्\u200dष", "\u200fשלום\u200f", "a\0b", "  a  ")


class Text(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(), await self.a_person()
        self.mark = secrets.token_hex(6)

    async def found(self, name: str) -> list[str]:
        answer = await self.anna.call("/room/get", name=f"{name} {self.mark}")
        self.assertEqual(200, answer.status, answer.json)
        return [room["_id"] for room in answer.data["rooms"]]

    async def test_stored(self) -> None:
        """A text is returned in NFC; joiners and all other characters stay."""
        room = await a_room(self.anna, self.anna)

        for text in (*NAMES, *REAL):
            sent = normalize("NFD", text)
            said = (await self.anna.say(room, sent)).data["message"]["text"]
            written = await self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": sent})
            edited = await self.anna.call("/init/edit", user={"nickname": sent, "location": sent})
            opened = await self.anna.call("/room/create", room={"name": sent})

            shown = [edited.data["user"][field] for field in ("nickname", "location")]
            shown += [said, written.data["message"][0]["text"], opened.data["room"]["name"]]
            self.assertEqual([normalize("NFC", text)] * 5, shown)

    async def test_signing_up(self) -> None:
        """A profile that comes with signing up is kept in NFC as well."""
        person = await self.a_person(nickname="Чаи\u0306ка", location="Cafe\u0301")

        user = await person.shown()

        self.assertEqual(("Чайка", "Café"), (user["nickname"], user["location"]))

    async def test_found(self) -> None:
        """A room is found by its name composed and decomposed, in capitals and in small letters."""
        for name in NAMES:
            room = await a_room(self.anna, name=f"{name} {self.mark}")

            for written in (name, normalize("NFD", name), name.upper(), name.lower(), name.casefold()):
                self.assertEqual([room], await self.found(written), ascii(written))

    async def test_found_decomposed(self) -> None:
        """A room that was named in another form is found by the usual one."""
        for name in NAMES:
            room = await a_room(self.anna, name=f"{normalize('NFD', name)} {self.mark}")

            self.assertEqual([room], await self.found(name))

    async def test_order(self) -> None:
        """Sorting rooms by name ignores accents and case."""
        names = ("Ezra", "École", "eau", "Étage", "É")
        for name in names:
            await a_room(self.anna, name=f"{normalize('NFD', name)}{self.mark}")

        answer = await self.anna.call("/room/get", name=self.mark, sort={"name": 1})

        shown = [room["name"].removesuffix(self.mark) for room in answer.data["rooms"]]
        by_rule = sorted(["eau", "ecole", "etage", "ezra", "e"], key=lambda name: name + self.mark)
        self.assertEqual(by_rule, [normalize("NFD", name.lower()).encode("ascii", "ignore").decode() for name in shown])

    async def test_nothing(self) -> None:
        """A text or a room's name that shows nothing is 400; such a nickname or location becomes empty."""
        room = await a_room(self.anna, self.anna)

        for text in NOTHING:
            answers = [
                await self.anna.say(room, text),
                await self.anna.say(room, "hello", client_id=text),
                await self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": text}),
                await self.anna.call("/room/create", room={"name": text}),
            ]
            edited = await self.anna.call("/init/edit", user={"nickname": text, "location": text})

            self.assertEqual([400] * 4, [answer.status for answer in answers], ascii(text))
            self.assertEqual(["", ""], [edited.data["user"][field] for field in ("nickname", "location")], ascii(text))

    async def test_searching_for_nothing(self) -> None:
        """A search for a name that shows nothing is a search without one."""
        for text in NOTHING:
            answer = await self.anna.call("/room/get", name=text, filter={"countOnly": True})
            everything = await self.anna.call("/room/get", filter={"countOnly": True})

            self.assertEqual((200, everything.data), (answer.status, answer.data), ascii(text))

    async def test_controls(self) -> None:
        """Control characters in a search are ignored."""
        room = await a_room(self.anna, name=f"a\0b {self.mark}")

        self.assertEqual([[room]] * 3, [await self.found(name) for name in ("a\0b", "ab", "\x1b\ufeffa\x07b")])

    async def test_bounds(self) -> None:
        """Bounds count characters in NFC."""
        for name, status in (("e\u0301" * 128, 201), ("e\u0301" * 129, 400), ("각" * 128, 201), ("\u0958" * 65, 400)):
            answer = await self.anna.call("/room/create", room={"name": normalize("NFD", name)})

            self.assertEqual(status, answer.status, ascii(name[:3]))

    async def test_passwords(self) -> None:
        """A room's password may be typed in any form; letter case and width count."""
        for password, right, wrong in (
            ("чай и café", ("чаи\u0306 и cafe\u0301", "чай\u00a0и\u3000café"), ("Чай и café", "чаи и cafe")),
            ("e\u0301", ("é",), ("e", "É")),
            ("한국", (normalize("NFD", "한국"),), ("한",)),
            ("❤\ufe0f", ("❤\ufe0f",), ("❤",)),
        ):
            room = await a_room(self.anna, name="private", password=password)

            for written in (*right, password):
                self.assertEqual(200, (await self.boris.enter(room, password=written)).status, ascii(written))
                await self.boris.call("/room/leave", room_id=room)
            for written in wrong:
                self.assertEqual(401, (await self.boris.enter(room, password=written)).status, ascii(written))

    async def test_no_password(self) -> None:
        """A password that shows nothing counts as none."""
        for password in NOTHING:
            answer = await self.anna.call("/room/create", room={"name": "open", "password": password})

            self.assertEqual((201, False), (answer.status, answer.data["room"]["is_private"]), ascii(password))

    async def test_client_ids(self) -> None:
        """Two client_ids that differ only by normalization are one."""
        room = await a_room(self.anna, self.anna)

        said: list[Any] = [
            (await self.anna.say(room, "hello", client_id=id)).data["message"] for id in ("é", "e\u0301")
        ]

        self.assertEqual(said[0]["_id"], said[1]["_id"])

    async def test_keys(self) -> None:
        """The key of an SMS may be typed in digits of any script, and pasted with surrounding characters."""
        phone = a_phone()
        key = await register(self.daemon, phone)
        arabic = key.translate({48 + digit: 0x660 + digit for digit in range(10)})
        wide = key.translate({48 + digit: 0xFF10 + digit for digit in range(10)})

        for written in (
            arabic,
            wide,
            f"\u202a{key}\u202c",
            f"{key[:3]} {key[3:]}",
            f"\ufeff{key[:3]}\u00a0{key[3:]}\u200b",
        ):
            answer = await call(self.daemon.http, "/init/auth", {"phone": phone, "key": written})

            self.assertEqual(200, answer.status, ascii(written))
