"""``justchat-admin`` and text by Unicode's rules."""

import json
import secrets

from tests.support.admin import AdminCase


class Text(AdminCase):
    async def test_gifts(self) -> None:
        """A gift's name is kept in NFC, so that the same name in another form is the same gift."""
        mark = secrets.token_hex(4)

        gift = await self.a_gift(f"Чаи\u0306 Cafe\u0301 {mark}")
        again = await self.admin("gifts", "add", "--name", f"Чай Café {mark}", "--price", "5", "--image", "/x.png")
        renamed = await self.answer("gifts", "edit", gift["_id"], "--name", f"E\u0301 {mark}")

        self.assertEqual(f"Чай Café {mark}", gift["name"])
        self.assert_refused(again, gift["_id"])
        self.assertEqual(f"É {mark}", renamed["gift"]["name"])

    async def test_files(self) -> None:
        """So are the names in a catalogue file; what shows nothing, or half a surrogate pair, is refused."""
        mark = secrets.token_hex(4)
        file = self.folder / "gifts.json"
        row = {"name": f"Чаи\u0306 {mark}", "price": 901, "image": "/x.png"}

        file.write_text(json.dumps([row]))
        loaded = await self.answer("gifts", "load", str(file))
        for name, where in (("\u200b\0", "gifts.2.name"), ("\ud800", "gifts.json")):
            file.write_text(json.dumps([row, {**row, "name": name}]))
            self.assert_refused(await self.admin("gifts", "load", str(file)), where)

        self.assertEqual([f"Чай {mark}"], [gift["name"] for gift in loaded["gifts"]])

    async def test_arguments(self) -> None:
        """An argument of which nothing shows, or that is no UTF-8, is not understood."""
        for name in ("\u3164\u200b", "\udcff"):
            done = await self.admin("gifts", "add", "--name", name, "--price", "5", "--image", "/x.png")

            self.assertEqual((2, ""), (done.code, done.output), ascii(name))

    async def test_people(self) -> None:
        """A person is found by a phone as it was pasted; a reason is kept in NFC."""
        anna = await self.a_person()
        pasted = f"\u202a+{anna.phone[0]} ({anna.phone[1:4]}) {anna.phone[4:]}\u202c"

        await self.answer("users", "correct-balance", pasted, "5", "--reason", "возврат за чаи\u0306")
        shown = await self.answer("users", "show", pasted)

        self.assertEqual((anna.id, "возврат за чай"), (shown["user"]["_id"], shown["ledger"][0]["note"]))
