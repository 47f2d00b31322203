"""``justchat-admin complaints``: what people complained of, and what was done about it."""

from typing import Any

from tests.support.admin import AdminCase
from tests.support.chat import a_room

NOBODY = "0" * 24


def ids_of(shown: dict[str, Any], *fields: str) -> tuple[list[str], ...]:
    return tuple([each["_id"] for each in shown[field]] for field in fields)


class ComplaintCase(AdminCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(nickname="Anna"), await self.a_person(nickname="Boris")
        self.room = await a_room(self.anna, self.anna, self.boris, name="the quiet room")

    async def a_complaint(self, text: str = "rude", said: str = "you fool") -> str:
        """Anna complains of what Boris said; the complaint's id."""
        message = (await self.boris.say(self.room, said)).data["message"]["_id"]
        answer = await self.anna.call("/complaints/new", message=message, text=text)
        id: str = answer.json["complaint"]["_id"]
        return id

    async def listed(self, *options: str) -> dict[str, dict[str, Any]]:
        complaints = (await self.answer("complaints", "list", *options))["complaints"]
        return {complaint["_id"]: complaint for complaint in complaints}


class Listing(ComplaintCase):
    async def test_open(self) -> None:
        """A complaint is listed, the latest first, with room, author, reason and text."""
        one, two = await self.a_complaint("one"), await self.a_complaint("two")

        listed = await self.listed()

        self.assertEqual([two, one], list(listed)[:2])
        self.assertEqual(
            (self.room, self.anna.id, "one", None),
            tuple(listed[one][field] for field in ("room", "author", "text", "closed_at")),
        )

    async def test_closed(self) -> None:
        """A closed complaint is listed with --all alone, with its note."""
        id = await self.a_complaint()
        await self.admin("complaints", "close", id, "--note", "talked to him")

        self.assertNotIn(id, await self.listed())
        self.assertEqual("talked to him", (await self.listed("--all"))[id]["note"])

    async def test_limit(self) -> None:
        """At most --limit complaints are listed, and the table says that there may be more."""
        await self.a_complaint("one")
        last = await self.a_complaint("two")

        done = await self.admin("complaints", "list", "--limit", "1")

        self.assertRegex(done.output, rf"\AID .*\n{last} .*\n\(1 to 1; there may be more: --skip 1\)\n\Z")

    async def test_harmless(self) -> None:
        """Users' text can neither move the terminal's cursor nor start a line."""
        id = await self.a_complaint("\x1b[2J\nforged\u202e")

        done = await self.admin("complaints", "list")

        self.assertRegex(done.output, rf"(?m)^{id} .* \\x1b\[2J\\nforged\\u202e$")


class Showing(ComplaintCase):
    async def test_json(self) -> None:
        """A complaint is shown with its message, its room, and both people."""
        id = await self.a_complaint("rude", "you fool")

        shown = await self.answer("complaints", "show", id)

        self.assertEqual(
            ("rude", "you fool", "the quiet room", self.anna.phone, self.boris.phone),
            (
                shown["complaint"]["text"],
                shown["complaint"]["message"]["text"],
                shown["room"]["name"],
                shown["author"]["phone"],
                shown["user"]["phone"],
            ),
        )

    async def test_text(self) -> None:
        """The same for people: a line for each."""
        id = await self.a_complaint("rude", "you fool")

        done = await self.admin("complaints", "show", id)

        for line in (
            rf"complaint +{id}",
            rf"by +{self.anna.id} {self.anna.phone} Anna",
            r"text +rude",
            rf"about +{self.boris.id} {self.boris.phone} Boris",
            rf"  by +{self.boris.id}",
            r"  text +you fool",
            rf"room +{self.room} the quiet room",
        ):
            self.assertRegex(done.output, rf"(?m)^{line}$")

    async def test_direct_message(self) -> None:
        """A complaint of a direct message has no room."""
        sent = await self.boris.call("/user/sendMessage", message={"user": self.anna.id, "text": "psst"})
        self.assertEqual(200, sent.status, sent.json)
        message = sent.data["message"][0]["_id"]
        id = (await self.anna.call("/complaints/new", message=message, text="rude")).json["complaint"]["_id"]

        shown = await self.answer("complaints", "show", id)

        self.assertEqual((None, "psst"), (shown["room"], shown["complaint"]["message"]["text"]))

    async def test_around(self) -> None:
        """A message is shown with the five before and the five after it, of a room and of a dialog."""
        letters = ("/user/sendMessage", lambda text: {"message": {"user": self.anna.id, "text": text}})
        said = ("/room/sendMessage", lambda text: {"message": {"room_id": self.room, "text": text}})
        for path, body in (letters, said):
            messages = [(await self.boris.call(path, **body(f"{n}"))).data["message"] for n in range(14)]
            message = messages[6][0] if isinstance(messages[6], list) else messages[6]
            made = await self.anna.call("/complaints/new", message=message["_id"], text="x")

            shown = await self.answer("complaints", "show", made.json["complaint"]["_id"])

            around = [*range(1, 6), *range(7, 12)]
            self.assertEqual([f"{n}" for n in around], [each["text"] for each in shown["around"]])

    async def test_earlier(self) -> None:
        """A complaint is shown with the earlier ones about the same user, and with its author's others."""
        eve = await self.a_person()
        first = await self.a_complaint()
        second = (await eve.call("/complaints/new", user=self.boris.id, reason="spam", text="x")).json["complaint"]
        third = (await eve.call("/complaints/new", room=self.room, text="x")).json["complaint"]

        of_user = await self.answer("complaints", "show", second["_id"])
        of_room = await self.answer("complaints", "show", third["_id"])

        self.assertEqual(([first], [third["_id"]]), ids_of(of_user, "earlier", "others"))
        self.assertEqual((None, [], [second["_id"]]), (of_room["user"], *ids_of(of_room, "earlier", "others")))
        self.assertEqual((self.boris.id, "the quiet room"), (of_user["user"]["_id"], of_room["room"]["name"]))
        for id in (second["_id"], third["_id"]):
            self.assertEqual(0, (await self.admin("complaints", "show", id)).code)

    async def test_removed_room(self) -> None:
        """A complaint outlives its room."""
        id = await self.a_complaint()
        await self.anna.call("/room/remove", room={"id": self.room})

        done = await self.admin("complaints", "show", id)

        self.assertRegex(done.output, rf"(?m)^room +{self.room} \(removed\)$")

    async def test_unknown(self) -> None:
        """An id that no complaint has is refused."""
        for id in (NOBODY, "x"):
            self.assert_refused(await self.admin("complaints", "show", id), "no complaint has this id")


class Closing(ComplaintCase):
    async def test_twice(self) -> None:
        """A complaint that is closed cannot be closed again, and keeps its note."""
        id = await self.a_complaint()
        await self.admin("complaints", "close", id, "--note", "first")

        done = await self.admin("complaints", "close", id, "--note", "second")

        self.assert_refused(done, "closed already")
        self.assertEqual("first", (await self.answer("complaints", "show", id))["complaint"]["note"])

    async def test_unknown(self) -> None:
        """An id that no complaint has is refused."""
        for id in (NOBODY, "x"):
            self.assert_refused(await self.admin("complaints", "close", id, "--note", "x"), "no complaint has this id")

    async def test_no_note(self) -> None:
        """Without a note nothing is closed: that is not understood."""
        for note in ((), ("--note", " ")):
            self.assertEqual(2, (await self.admin("complaints", "close", NOBODY, *note)).code)
