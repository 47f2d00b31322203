"""Ranks, and what they may do, in the web client."""

import time

from tests.support.chat import a_person, a_room
from tests.support.screenshots import save
from tests.support.tabs import Tab, WebCase


async def deeds(tab: Tab, name: str) -> list[str]:
    """What the menu of a person in the room says."""
    await tab.click(name, "aside button.person")
    await tab.shows(".menu button", "")
    code = "return [...document.querySelectorAll('.menu button')].map((each) => each.textContent)"
    found: list[str] = await tab.run(code)
    return found


class Moderation(WebCase):
    async def test_ranks(self) -> None:
        """Each rank has the deeds that it may do; those of the admin are told to everybody in words."""
        anna, boris, vera = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris", "Vera")]
        room = await a_room(anna, anna, boris, vera, name="Kitchen")
        hers, his = [await self.tab(person, f"/#/room/{room}") for person in (anna, boris)]
        await boris.say(room, "hello there")
        await hers.shows(".message .text", "hello there")

        everyone = ["Profile", "Write", "Give a gift"]
        self.assertEqual([*everyone, "Report", "Block"], await deeds(his, "Vera"))
        await self.look(his, "room-menu")
        await his.press("Escape")
        await his.until("!document.querySelector('.menu')")
        await his.size(320)
        await his.click("People (3)", ".head button")
        await his.click("Vera", ".sheet button.person")
        await his.shows(".sheet .menu button", "Profile")
        self.assertEqual([], await his.faults())
        self.assertEqual([], await his.too_wide(320))
        await save(his, "people-320")
        for _ in range(2):
            await his.press("Escape")
        await his.until("!document.querySelector('dialog')")
        await his.size(1280)
        ranked = [*everyone, "Make moderator", "Silence", "Put out", "Ban", "Report", "Block"]
        self.assertEqual(ranked, await deeds(hers, "Boris"))

        await hers.click("Make moderator", ".menu button")
        await his.shows("li.service", "Anna has made Boris a moderator")
        await his.until("document.querySelectorAll('aside .rank').length === 2")
        self.assertEqual([*everyone, "Silence", "Put out", "Ban", "Report", "Block"], await deeds(his, "Vera"))
        await his.click("Silence", ".menu button")
        await his.fill("For how long", "60")
        await his.fill("Why", "too loud")
        await self.look(his, "silence")
        await his.click("Silence", ".sheet button.grave")
        await hers.shows("li.service", "Boris has silenced Vera (until")
        await hers.shows("li.service", "too loud")
        await hers.shows("aside li", "silenced")
        self.assertEqual("silenced", (await vera.say(room, "hm")).code)

        await hers.about("Vera", "End the silence")
        await his.shows("li.service", "Anna lets Vera write again")
        self.assertEqual(200, (await vera.say(room, "at last")).status)
        await hers.until("!find('aside li', 'silenced')")
        await hers.about("Vera", "Ban")
        await hers.click("Ban", ".sheet button.grave")
        await his.shows("li.service", "Anna has banned Vera")
        await hers.click("What to do with this room", ".head .dots")
        await hers.click("Banned and silenced people", ".menu button")
        await hers.shows(".sheet li", "Vera")
        await self.look(hers, "banned")
        await hers.click("Unban", ".sheet button")
        await his.shows("li.service", "Anna lets Vera in again")
        await hers.press("Escape")
        await hers.until("!document.querySelector('dialog')")

        await boris.call("/room/leave", room_id=room)
        await his.shows("h1", "Rooms")
        await hers.until("!find('aside button', 'Boris')")
        await hers.click("What to do with this room", ".head .dots")
        await hers.click("Room settings", ".menu button")
        await hers.click("Boris", ".sheet button.person")
        await hers.click("Make moderator no more", ".menu button")
        await hers.until("!find('.sheet button.person', 'Boris')")
        await hers.press("Escape")
        await hers.until("!document.querySelector('dialog')")
        await his.run(f"location.hash = '#/room/{room}'")
        await his.shows("h1", "Kitchen")
        await hers.shows("aside button", "Boris")
        await his.shows("li.service", "Boris is no moderator any more")
        await hers.about("Boris", "Put out")
        await his.shows("h1", "Rooms")
        await his.shows(".notice", "You are not in the room any more.")

    async def test_messages_and_settings(self) -> None:
        """An author and who outranks them remove a message; the admin changes the room, and removes it."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        room = await a_room(anna, anna, boris, name="Kitchen")
        for text in ("first", "second"):
            await boris.say(room, text)
        hers, his = await self.tab(anna, f"/#/room/{room}", "ru"), await self.tab(boris, f"/#/room/{room}")
        await his.shows(".message .text", "second")

        await his.run("find('.message', 'first').querySelector('.dots').click()")
        await his.click("Remove", ".menu button")
        await his.click("Remove", ".sheet button.grave")
        await hers.shows(".message", "Сообщение удалено.")
        await hers.run("find('.message', 'second').querySelector('.dots').click()")
        await hers.click("Пожаловаться", ".menu button")
        await hers.click("Мошенничество", ".sheet label")
        await self.look(hers, "report-ru")
        await hers.click("Пожаловаться", ".sheet button.main")
        await hers.shows(".notice", "Спасибо")

        await hers.click("Что сделать с комнатой", ".head .dots")
        await hers.click("Настройки комнаты", ".menu button")
        await hers.fill("Название комнаты", "Dining room")
        await hers.fill("Медленный режим", "300")
        await hers.fill("Кто может войти", "set")
        await hers.fill("Новый пароль", "secret")
        await self.look(hers, "settings-ru")
        await hers.click("Сохранить", ".sheet button.main")
        await hers.shows("h1", "Dining room")
        await his.shows("h1", "Dining room")
        await his.shows("li.service", "Anna has changed the settings of the room")
        await his.shows(".write", "one message in 5 minutes")
        until = int(time.time() * 1000) + 3_600_000
        await anna.call("/room/silence", room_id=room, user_id=boris.id, finished=until)
        await his.say("and again")
        await his.shows("li.message.failed", "You are silenced in this room.")
        await self.look(his, "failed")
        await his.reload()
        await his.shows("li.message.failed", "and again")
        await his.click("Discard", ".failed button")
        await his.until("!document.querySelector('.failed')")

        vera = await self.tab(await a_person(self.daemon, nickname="Vera"), f"/#/room/{room}")
        await vera.shows("h1", "This room has a password.")
        await vera.fill("Password", "wrong")
        await vera.click("Enter", "button.main")
        await vera.shows(".notice", "This password is wrong.")
        await self.look(vera, "password")
        await vera.fill("Password", "secret")
        await vera.click("Enter", "button.main")
        await vera.shows("h1", "Dining room")

        await hers.click("Что сделать с комнатой", ".head .dots")
        await hers.click("Удалить комнату", ".menu button")
        await hers.click("Удалить комнату", ".sheet button.grave")
        await hers.shows(".notice", "Комната удалена.")
        await his.shows("h1", "Rooms")
