"""``justchat-admin gifts``: the catalogue, as its operator and its buyers see it."""

import json
import os
from pathlib import Path
from typing import Any

import treq
from twisted.internet import reactor
from twisted.web.client import Agent

from tests.support.admin import AdminCase, run
from tests.support.chat import a_person
from tests.support.daemon import Daemon

NOBODY = "0" * 24
TOML = """
[[gifts]]
name = "{0} one"
price = 801
image = "gift.png"

[[gifts]]
name = "{0} two"
price = 802
image = "https://example.org/two.png"
"""


class FirstStart(AdminCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.own = Daemon()
        self.addCleanup(self.own.remove)
        await self.own.start()

    async def catalogue(self) -> list[dict[str, Any]]:
        done = await run("--data-dir", str(self.own.data), "--json", "gifts", "list")
        gifts: list[dict[str, Any]] = done.json["gifts"]
        return gifts

    async def test_not_empty(self) -> None:
        """On a first start there are gifts to buy."""
        anna = await a_person(self.own)

        self.assertTrue(await self.gifts(anna))

    async def test_pictures(self) -> None:
        """The pictures of the first gifts are served as PNG."""
        for gift in await self.catalogue():
            self.assertRegex(gift["image"], r"^uploads/[0-9a-f]{32}\.png$")
            url = f"http://127.0.0.1:{self.own.http}/{gift['image']}"
            response = await treq.get(url, agent=Agent(reactor))
            content = await treq.content(response)

            self.assertEqual((200, b"\x89PNG"), (response.code, content[:4]))

    async def test_restart(self) -> None:
        """A restart leaves the catalogue as it is: no double, and nothing back that was withdrawn."""
        first, *others = await self.catalogue()
        await run("--data-dir", str(self.own.data), "gifts", "withdraw", first["_id"])

        await self.own.stop()
        await self.own.start()

        self.assertEqual(others, await self.catalogue())


class Listing(AdminCase):
    async def test_table(self) -> None:
        """Gifts are a table for people: id, price, name, picture."""
        gift = await self.a_gift("a listed gift", 911)

        done = await self.admin("gifts", "list")

        self.assertRegex(done.output, rf"(?m)^{gift['_id']} +911 +a listed gift +/gifts/x\.png ")

    async def test_json(self) -> None:
        """With --json they are what clients see."""
        anna = await self.a_person()

        listed = (await self.answer("gifts", "list"))["gifts"]

        self.assertEqual(list((await self.gifts(anna)).values()), listed)

    async def test_json_behind(self) -> None:
        """--json may stand behind the command, too."""
        self.assertIn("gifts", (await self.admin("gifts", "list", "--json")).json)


class Loading(AdminCase):
    def write(self, text: str, name: str = "gifts.toml") -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    async def test_toml(self) -> None:
        """Gifts of a TOML file can be bought from then on."""
        self.a_picture()
        anna = await self.a_person()

        loaded = (await self.answer("gifts", "load", self.write(TOML.format("toml"))))["gifts"]

        gifts = await self.gifts(anna)
        self.assertEqual(
            [("toml one", 801), ("toml two", 802)],
            [(gifts[each["_id"]]["name"], gifts[each["_id"]]["price"]) for each in loaded],
        )

    async def test_json(self) -> None:
        """A JSON file is a list of the same rows."""
        rows = [{"name": "from JSON", "price": 803, "image": "/x.png"}]

        loaded = (await self.answer("gifts", "load", self.write(json.dumps(rows), "gifts.json")))["gifts"]

        self.assertEqual([("from JSON", 803, "/x.png")], [(e["name"], e["price"], e["image"]) for e in loaded])

    async def test_picture(self) -> None:
        """A picture beside the file is kept and served; a URL is kept as it is."""
        self.a_picture()

        one, two = (await self.answer("gifts", "load", self.write(TOML.format("picture"))))["gifts"]

        url = f"http://127.0.0.1:{self.daemon.http}/{one['image']}"
        response = await treq.get(url, agent=Agent(reactor))
        await treq.content(response)
        self.assertEqual((200, "https://example.org/two.png"), (response.code, two["image"]))

    async def test_again(self) -> None:
        """A file that is loaded again changes its gifts, and makes no new ones; pictures stay where they are."""
        self.a_picture()
        file = self.write(TOML.format("again"))
        first = (await self.answer("gifts", "load", file))["gifts"]

        second = (await self.answer("gifts", "load", file))["gifts"]

        def essence(gifts: list[dict[str, Any]]) -> list[tuple[str, str]]:
            return [(gift["_id"], gift["image"]) for gift in gifts]

        self.assertEqual(essence(first), essence(second))

    async def test_id(self) -> None:
        """A row with the id of a gift changes that gift."""
        gift = await self.a_gift("to be renamed")
        anna = await self.a_person()
        rows = [{"id": gift["_id"], "name": "renamed", "price": 804, "image": "/x.png"}]

        await self.answer("gifts", "load", self.write(json.dumps(rows), "gifts.json"))

        self.assertEqual("renamed", (await self.gifts(anna))[gift["_id"]]["name"])

    async def test_bad_row(self) -> None:
        """A file with a bad row changes nothing, and the line names the row and the field."""
        (self.folder / "text.png").write_text("not a picture")
        good: dict[str, Any] = {"name": "never seen", "price": 1, "image": "/x.png"}
        before = (await self.answer("gifts", "list"), sorted(os.listdir(self.daemon.data / "uploads")))
        self.a_picture()
        for change, field in (
            ({"price": 0}, "price"),
            ({"price": "5"}, "price"),
            ({"price": 1.5}, "price"),
            ({"price": True}, "price"),
            ({"price": 10**10}, "price"),
            ({"name": ""}, "name"),
            ({"name": "  "}, "name"),
            ({"name": "x" * 65}, "name"),
            ({"image": "missing.png"}, "image"),
            ({"image": "text.png"}, "image"),
            ({"image": "ftp://example.org/x.png"}, "image"),
            ({"image": f"uploads/{'0' * 32}.png"}, "image"),
            ({"id": "x"}, "id"),
            ({"colour": "red"}, "colour"),
            ({}, "id"),  # the same name twice is the same gift twice
        ):
            rows = [{**good, "image": "gift.png"}, {**good, **({"name": "other"} if change else {}), **change}]

            done = await self.admin("gifts", "load", self.write(json.dumps(rows), "gifts.json"))

            self.assert_refused(done, "gifts.json", f"gifts.2.{field}: ")
        after = (await self.answer("gifts", "list"), sorted(os.listdir(self.daemon.data / "uploads")))
        self.assertEqual(before, after)

    async def test_bad_file(self) -> None:
        """A file that is not a catalogue is refused, with its name."""
        for name, text in (("a.toml", "[[gifts"), ("b.json", "{"), ("c.json", "[]"), ("d.json", "5"), ("e.toml", "")):
            self.assert_refused(await self.admin("gifts", "load", self.write(text, name)), name)

    async def test_missing_file(self) -> None:
        """A file that is not there is refused by its name."""
        self.assert_refused(await self.admin("gifts", "load", "nowhere.toml"), "nowhere.toml: No such file")


class Changing(AdminCase):
    async def test_add(self) -> None:
        """A gift that was added can be bought, with its picture."""
        anna = await self.a_person()
        picture = str(self.a_picture())

        gift = (await self.answer("gifts", "add", "--name", "added", "--price", "905", "--image", picture))["gift"]

        self.assertEqual(gift, (await self.gifts(anna))[gift["_id"]])
        self.assertTrue((self.daemon.data / gift["image"]).is_file())

    async def test_add_again(self) -> None:
        """A second gift of a name is refused, and the line has the first one's id."""
        gift = await self.a_gift("added twice")

        done = await self.admin("gifts", "add", "--name", "added twice", "--price", "1", "--image", "/x.png")

        self.assert_refused(done, gift["_id"])

    async def test_add_no_picture(self) -> None:
        """A file that is no picture is refused."""
        file = self.folder / "x.png"
        file.write_text("not a picture")

        done = await self.admin("gifts", "add", "--name", "no picture", "--price", "1", "--image", str(file))

        self.assert_refused(done, "image: the file is not a readable PNG")

    async def test_edit(self) -> None:
        """An edit changes the given fields of a gift and no others."""
        gift = await self.a_gift("edited")

        edited = (await self.answer("gifts", "edit", gift["_id"], "--price", "77777"))["gift"]

        self.assertEqual({**gift, "price": 77777}, edited)

    async def test_edit_unknown(self) -> None:
        """An id that no gift has is refused."""
        for id in (NOBODY, "rose"):
            self.assert_refused(await self.admin("gifts", "edit", id, "--price", "5"), "no gift has this id")

    async def test_edit_nothing(self) -> None:
        """An edit without a field is a usage error."""
        done = await self.admin("gifts", "edit", NOBODY)

        self.assertEqual(2, done.code)

    async def test_bad_values(self) -> None:
        """Names and prices that can be none are not understood."""
        for name, price in (("", "5"), (" ", "5"), ("x" * 65, "5"), ("x", "0"), ("x", "-1"), ("x", "1.5"), ("x", "y")):
            done = await self.admin("gifts", "add", "--name", name, "--price", price, "--image", "/x.png")

            self.assertEqual(2, done.code, (name, price))


class Withdrawing(AdminCase):
    async def test_not_bought(self) -> None:
        """A withdrawn gift cannot be bought: 404."""
        anna, boris = await self.a_person(), await self.a_person()
        gift = await self.a_gift("withdrawn")
        await self.admin("users", "correct-balance", anna.id, "1000", "--reason", "a test")

        await self.admin("gifts", "withdraw", gift["_id"])

        answer = await anna.call("/gifts/send", gift=gift["_id"], user=boris.id, text="")
        self.assertEqual((404, "gift-not-found"), (answer.status, answer.code))

    async def test_kept(self) -> None:
        """A withdrawn gift stays with those who were given it."""
        anna, boris = await self.a_person(), await self.a_person()
        gift = await self.a_gift("kept")
        await self.admin("users", "correct-balance", anna.id, "1000", "--reason", "a test")
        await anna.call("/gifts/send", gift=gift["_id"], user=boris.id, text="")

        await self.admin("gifts", "withdraw", gift["_id"])

        self.assertEqual(["kept"], [each["name"] for each in (await boris.shown())["gifts"]])

    async def test_again(self) -> None:
        """A withdrawn gift that is loaded with its id can be bought again."""
        anna = await self.a_person()
        gift = await self.a_gift("back again")
        await self.admin("gifts", "withdraw", gift["_id"])
        file = Path(self.folder / "gifts.json")
        file.write_text(json.dumps([{"id": gift["_id"], "name": "back", "price": 906, "image": "/x.png"}]))

        await self.admin("gifts", "load", str(file))

        self.assertIn(gift["_id"], await self.gifts(anna))

    async def test_unknown(self) -> None:
        """An id that no gift has is refused."""
        self.assert_refused(await self.admin("gifts", "withdraw", NOBODY), "no gift has this id")
