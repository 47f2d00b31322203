"""What axe-core and a narrow screen find wrong with the main screens and the open questions, in each look of theirs."""

from typing import ClassVar

from tests.support.chat import a_person, a_room
from tests.support.servers import an_app_server
from tests.support.tabs import Tab, WebCase

Look = tuple[str, int, str]
LOOKS: tuple[Look, ...] = (("dark", 320, "en"), ("dark", 1280, "ru"), ("light", 320, "ru"), ("light", 1280, "en"))
"""Theme, width in pixels, and language: each value of one meets each of the others."""
OTHERS = LOOKS[1:3]
"""Those that other tests do not look at main screens in (``WebCase.look``, test_windows.py)."""
SPEAK = """
const select = document.querySelector('.language select');
select.value = %r;
select.dispatchEvent(new Event('change', {bubbles: true}));
"""


class Looks(WebCase):
    timeout = 600
    turn: ClassVar[int] = 0

    async def look_in(self, tab: Tab, name: str, looks: tuple[Look, ...] = OTHERS) -> None:
        """Assert that a page has no fault in any of these looks; it is wide, and in English, afterwards."""
        for theme, width, language in looks:
            await tab.run(SPEAK % language)
            await tab.until(f"document.documentElement.lang === {language!r}")
            await tab.scheme(theme)
            self.assertEqual([], await tab.too_wide(width), f"{name}, {width} pixels, {language}")
            self.assertEqual([], await tab.faults(), f"{name}, {theme}, {width} pixels, {language}")
        await tab.run(SPEAK % "en")
        await tab.size(1280)

    async def look_at_question(self, tab: Tab, words: str) -> None:
        """Look at a question in two of the looks, each question in two others than the one before; say no to it."""
        await tab.shows("dialog[open]", words)
        looks = (LOOKS[0], LOOKS[3]) if self.turn % 2 else OTHERS
        Looks.turn += 1
        await self.look_in(tab, f"the question {words!r}", looks)
        await tab.press("Escape")
        await tab.until("!document.querySelector('dialog')")

    async def test_client(self) -> None:
        """The screens of the web client, and what it asks before something that cannot be taken back."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        room = await a_room(anna, anna, boris, name="Kitchen")
        said = (await boris.say(room, "hello, see https://example.com/tea")).data["message"]["_id"]
        await anna.say(room, "w" * 200, ref_message=said)
        until = 4_102_444_800_000
        await anna.call("/room/silence", room_id=room, user_id=boris.id, finished=until, text="loud")
        await boris.call("/user/sendMessage", message={"user": anna.id, "text": "psst"})

        nobody = await self.tab()
        await nobody.shows("h1", "Sign in")
        await self.look_in(nobody, "sign in")
        tab = await self.tab(anna, "/#/rooms")
        await tab.shows(".state", "Connected")
        for place, selector, words in (
            ("rooms", ".card-link", "Kitchen"),
            ("dialogs", ".card-link", "psst"),
            (f"dialog/{boris.id}", ".message .text", "psst"),
            ("me", "li", "this one"),
            (f"room/{room}", ".message .text", "hello, see"),
        ):
            await tab.run(f"location.hash = '#/{place}'")
            await tab.shows(selector, words)
            await self.look_in(tab, place)

        await tab.click("Boris", "aside button.person")
        await tab.click("Ban", ".menu button")
        await self.look_at_question(tab, "Boris is put out")
        await tab.run("find('.message', 'hello, see').querySelector('.dots').click()")
        await tab.click("Remove", ".menu button")
        await self.look_at_question(tab, "hello, see")
        await tab.click("What to do with this room", ".head .dots")
        await tab.click("Remove room", ".menu button")
        await self.look_at_question(tab, "Kitchen")
        await tab.run("location.hash = '#/me'")
        await tab.click("Sign out everywhere", "main button")
        await self.look_at_question(tab, "You are signed out here")
        await tab.run(f"location.hash = '#/dialog/{boris.id}'")
        await tab.click("What to do with this conversation", ".head .dots")
        await tab.click("Remove conversation", ".menu button")
        await self.look_at_question(tab, "The conversation with Boris")

    async def test_console(self) -> None:
        """The sections of the console, and its questions."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        room = await a_room(anna, anna, boris, name="Kitchen")
        said = (await boris.say(room, "cheap coins")).data["message"]["_id"]
        await anna.call("/complaints/new", message=said, reason="spam", text="He sells coins")
        server = await an_app_server(self.daemon, "console", "users")
        tab = await self.tab(path="/console")
        await self.look_in(tab, "sign in to the console")
        await tab.fill("Key", server.key)
        await tab.click("Sign in", "button")
        await tab.shows(".accused", "cheap coins")
        await self.look_in(tab, "complaints")
        await tab.click("Drop message", "button")
        await self.look_at_question(tab, "cannot be taken back")
        await tab.run(f"location.hash = '#/people/{boris.id}'")
        for button in ("Suspend", "End all sessions", "Delete the account"):
            await tab.click(button, "main button")
            await self.look_at_question(tab, "Boris")
        await tab.run(f"location.hash = '#/rooms/{room}'")
        await tab.click("Remove the room", "main button")
        await self.look_at_question(tab, "Kitchen")
