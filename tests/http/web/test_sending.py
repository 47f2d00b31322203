"""What is written in the web client: pictures, what is refused and tried again, and all of it by keyboard."""

import time
from pathlib import Path

from tests.support.chat import a_person, a_room
from tests.support.tabs import WebCase

PICTURE = Path(__file__).parents[3] / "justchat" / "starter" / "cake.png"
FOCUS = "document.activeElement"


class Sending(WebCase):
    async def test_pictures_and_refusals(self) -> None:
        """A picture is sent as it is chosen. What is refused stays, over a reload too, and is sent with another try."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        room = await a_room(anna, anna, boris, name="Kitchen")
        hers, his = await self.tab(anna, f"/#/room/{room}"), await self.tab(boris, f"/#/room/{room}")
        await his.choose("Send a picture", PICTURE)
        await hers.until("document.querySelector('img.sent')?.naturalWidth > 0")
        self.assertEqual("A picture from Boris", await hers.run("return document.querySelector('img.sent').alt"))
        await his.choose("Send a picture", Path(__file__))
        await his.shows(".notice.wrong", "This is no picture.")

        until = int(time.time() * 1000) + 3_600_000
        await anna.call("/room/silence", room_id=room, user_id=boris.id, finished=until)
        await his.say("is this heard")
        await his.shows(".failed", "You are silenced in this room.")
        await his.reload()
        await his.shows(".failed", "You are silenced in this room.")
        await anna.call("/room/silence", room_id=room, user_id=boris.id, finished=0)
        await his.click("Try again", ".failed button")
        await hers.shows(".message .text", "is this heard")
        await his.until("!document.querySelector('.unsent')")

    async def test_keyboard(self) -> None:
        """Menus and sheets are opened, used and closed by keys, and the keyboard is afterwards where it was."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        room = await a_room(anna, anna, boris, name="Kitchen")
        tab = await self.tab(anna, f"/#/room/{room}")
        await tab.shows("aside .name", "Boris")
        await tab.run("find('aside button', 'Boris').focus()")

        await tab.press("Enter")
        await tab.until(f"{FOCUS}.getAttribute('role') === 'menuitem' && {FOCUS}.textContent === 'Profile'")
        for key, label in (("ArrowUp", "Block"), ("ArrowDown", "Profile"), ("End", "Block"), ("Home", "Profile")):
            await tab.press(key)
            await tab.until(f"{FOCUS}.textContent === {label!r}")
        await tab.press("Escape")
        await tab.until(f"!document.querySelector('.menu') && {FOCUS}.textContent.includes('Boris')")
        await tab.press("Enter")
        await tab.until(f"{FOCUS}.textContent === 'Profile'")
        await tab.press("Enter")
        await tab.until(f"document.querySelector('dialog').contains({FOCUS})")
        for _ in range(12):
            await tab.press("Tab")
            inside = f"document.querySelector('dialog').contains({FOCUS}) || {FOCUS} === document.body"
            self.assertTrue(await tab.run(f"return {inside}"))
        await tab.press("Escape")
        await tab.until(f"!document.querySelector('dialog') && {FOCUS}.textContent.includes('Boris')")
