"""What the web client says, and what people write, as it shows that."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat import errors
from justchat.model.entry import Kind
from tests.support.chat import a_person, a_room
from tests.support.money import with_coins
from tests.support.tabs import Tab, WebCase

CLIENTS = Path(__file__).parents[3] / "clients"
NOT_MET = {
    "beyond-networks",
    "encoding-not-supported",
    "expectation-failed",
    "head-too-large",
    "key-reused",
    "method-not-allowed",
    "not-implemented",
    "origin-not-allowed",
    "range-not-satisfiable",
    "scope-missing",
    "too-many-announcements",
    "upgrade-required",
    "uri-too-long",
    "version-not-supported",
    "wrong-server-key",
    "wrong-signature",
}
"""Errors that no call of the page can have."""
MARKUP = "<img src=x onerror=alert(1)><b>{}</b>"
ARABIC = "مرحبا بالعالم"


class Errors(SynchronousTestCase):
    def test_errors(self) -> None:
        """Each error that a person can meet has words."""
        codes = {
            each.code
            for each in vars(errors).values()
            if isinstance(each, type) and issubclass(each, errors.ApiError) and hasattr(each, "code")
        }

        said = set(re.findall(r"'error ([\w-]+)':", (CLIENTS / "web" / "src" / "words" / "en_errors.ts").read_text()))

        self.assertEqual(set(), codes - said - NOT_MET)

    def test_services(self) -> None:
        """Each type of service message has words."""
        services = {kind.value for kind in list(Kind)[: list(Kind).index(Kind.MESSAGE_REMOVED)]} - {Kind.MESSAGE.value}

        said = set(re.findall(r"'([\w ]+) by':", (CLIENTS / "shared" / "service_messages.ts").read_text()))

        self.assertIn("kick", services)
        self.assertEqual(set(), services - said)


class Written(WebCase):
    async def test_markup(self) -> None:
        """Markup in any field of a user, room, message or gift is text, on every page that shows it."""
        evil = {name: MARKUP.format(name) for name in ("nickname", "location")}
        anna = await with_coins(await a_person(self.daemon, **evil, photo="https://evil.example/x.png"), 100)
        boris = await a_person(self.daemon, **evil, photo="javascript:alert(1)")
        room = await a_room(anna, anna, boris, name=MARKUP.format("room"))
        text = MARKUP.format("text") + ' javascript:alert(1) https://evil.example/"onclick="alert(1)'
        said = (await boris.say(room, text)).data["message"]["_id"]
        await boris.say(room, text, ref_message=said)
        until = 4_102_444_800_000
        await anna.call("/room/silence", room_id=room, user_id=boris.id, finished=until, text=text, ref_message=said)
        await boris.call("/user/sendMessage", message={"user": anna.id, "text": text})
        gift = (await anna.call("/gifts")).data["gifts"][0]["_id"]
        await anna.call("/gifts/send", gift=gift, user=boris.id, text=text)
        tab = await self.tab(anna, f"/#/room/{room}")

        await tab.shows(".message blockquote", "<b>text</b>")
        await tab.shows("li.service", "<b>text</b>")
        await self.look(tab, "markup-room")
        await self.assert_text_alone(tab)
        await tab.click("nickname", "aside li:nth-child(2) button.person")
        await tab.click("Profile", ".menu button")
        await tab.shows(".sheet dd", "<b>location</b>")
        await tab.shows(".sheet .gift q", "<b>text</b>")
        await self.assert_text_alone(tab)
        for page, selector in (("rooms", ".name"), ("dialogs", ".name"), ("me", "h1"), (f"dialog/{boris.id}", ".text")):
            await tab.run(f"location.hash = '#/{page}'")
            await tab.until("!document.querySelector('dialog')")
            await tab.shows(selector, "Me" if page == "me" else "<img")
            self.assertEqual([], await tab.too_wide(320))
            await self.assert_text_alone(tab)

    async def assert_text_alone(self, tab: Tab) -> None:
        """Assert that nothing on the page was made of what people wrote, but links that leave nothing behind."""
        code = "return [...document.querySelectorAll('b, script:not([src]), [onerror], [onclick], img')]"
        code += (
            ".filter((each) => !/^\\/uploads\\//.test(each.getAttribute('src') ?? '')).map((each) => each.outerHTML)"
        )
        self.assertEqual([], await tab.run(code))
        code = "return [...document.querySelectorAll('a[href*=evil]')].map(({rel}) => rel)"
        self.assertEqual({"noopener nofollow"}, set(await tab.run(code)) | {"noopener nofollow"})
        self.assertEqual(0, await tab.run("return document.querySelectorAll('a[href^=javascript]').length"))

    async def test_right_to_left(self) -> None:
        """What is written from right to left stands so, among what is not."""
        anna = await a_person(self.daemon, nickname="x" * 64)
        boris = await a_person(self.daemon, nickname=ARABIC)
        room = await a_room(anna, anna, boris, name=ARABIC)
        await boris.say(room, f"{ARABIC} (JustChat)")
        await anna.say(room, "w" * 300)
        tab = await self.tab(anna, f"/#/room/{room}")

        await tab.shows(".message .text", ARABIC)
        await self.look(tab, "right-to-left")
        code = "return [...document.querySelectorAll('.message .text, h1')]"
        code += ".map((each) => getComputedStyle(each).direction)"
        self.assertEqual(["rtl", "rtl", "ltr"], await tab.run(code))
