"""The web client where answers are slow, come late, or are refused for a while, and beside another tab."""

import json

from tests.support.chat import a_person, a_room
from tests.support.money import with_coins
from tests.support.tabs import Tab, WebCase
from tests.support.waiting import eventually, quietly

GATE = """
// Requests whose path and body have these words wait until they are let go.
globalThis.held = %s;
globalThis.waiting = [];
globalThis.asked = 0;
globalThis.send ??= globalThis.fetch;
globalThis.fetch = async (url, options) => {
  if (`${url} ${options?.body}`.includes(held)) {
    asked++;
    await new Promise((go) => waiting.push(go));
  }
  return send(url, options);
};
"""
REFUSE = """
globalThis.asked = 0;
globalThis.send ??= globalThis.fetch;
globalThis.fetch = async (url, options) => {
  if (!url.endsWith(%s)) return send(url, options);
  asked++;
  const body = JSON.stringify({error: 'Too Many Requests', code: 'too-many-requests', detail: 'slow down'});
  return new Response(body, {status: 429, headers: {'Retry-After': '60'}});
};
"""
PRESS_TWICE = "const button = find(%s, %s); button.click(); button.click();"


async def hold(tab: Tab, words: str) -> None:
    await tab.run(GATE % json.dumps(words))


async def let_go(tab: Tab) -> None:
    await tab.run("for (const go of waiting.splice(0)) go()")


async def press_twice(tab: Tab, words: str, selector: str = "button.main") -> None:
    """Press a button, and again, at once and while the answer is not there; then let the answer come."""
    await tab.shows(selector, words)
    await tab.run(PRESS_TWICE % (json.dumps(selector), json.dumps(words)))
    await tab.until("waiting.length > 0")
    await tab.run(PRESS_TWICE % (json.dumps(selector), json.dumps(words)))
    await let_go(tab)


class SlowNetwork(WebCase):
    async def test_pressed_twice(self) -> None:
        """What is pressed twice while the answer is under way is done once."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        await with_coins(anna, 1000)
        tab = await self.tab(anna, f"/#/dialog/{boris.id}")
        await tab.click("What to do with this conversation", "button")
        await tab.click("Give a gift", ".menu button")
        await tab.click("Rose", "label.gift")
        await hold(tab, "/gifts/send")
        await press_twice(tab, "Give a gift", ".sheet button.main")
        await tab.until("!document.querySelector('dialog')")
        self.assertEqual(1, await tab.run("return asked"))
        self.assertEqual(1, (await boris.shown())["gifts_count"])

        await tab.run("location.hash = '#/rooms'")
        await tab.fill("Name of the room", "A room of Anna's")
        await hold(tab, "/room/create")
        await press_twice(tab, "Create room", "button")
        await tab.shows("h1", "A room of Anna's")
        self.assertEqual(1, await tab.run("return asked"))
        self.assertEqual(1, len((await anna.shown())["rooms"]))

        # A refusal ends it: the next press is another try.
        await tab.run("location.hash = '#/rooms'")
        await tab.shows("h1", "Rooms")
        await tab.fill("Name of the room", " ")
        await hold(tab, "/room/create")
        await press_twice(tab, "Create room", "button")
        await tab.shows(".notice.wrong", "")
        await tab.fill("Name of the room", "Another")
        await press_twice(tab, "Create room", "button")
        await tab.shows("h1", "Another")

    async def test_late_refusal(self) -> None:
        """What is answered about a room that was left for another says and changes nothing."""
        anna = await a_person(self.daemon)
        slow, gone, here = [
            await a_room(anna, name=name, **more)
            for name, more in (("Slow", {"password": "secret"}), ("Gone", {}), ("Here", {}))
        ]
        await anna.call("/room/remove", room={"id": gone})
        tab = await self.tab(await a_person(self.daemon), "/#/rooms")
        await tab.shows("h1", "Rooms")
        for late in (slow, gone):
            await hold(tab, late)
            await tab.run(f"location.hash = '#/room/{late}'")
            await tab.until("waiting.length > 0")
            await tab.run(f"location.hash = '#/room/{here}'")
            await tab.shows("h1", "Here")
            answered = "performance.getEntriesByType('resource').filter(({name}) => /room.enter/.test(name)).length"
            before = await tab.run(f"return {answered}")
            await let_go(tab)
            await tab.until(f"{answered} > {before}")
            await tab.run("await new Promise((drawn) => setTimeout(() => requestAnimationFrame(drawn), 50))")
            self.assertEqual("Here", await tab.run("return document.querySelector('h1').textContent"))
            self.assertEqual("", await tab.run("return document.querySelector('.notice').textContent"))

    async def test_refused_names(self) -> None:
        """Where the daemon has had enough, the page does not ask again and again who the people are."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        tab = await self.tab(anna, "/#/rooms")
        await tab.shows("h1", "Rooms")
        await tab.run(REFUSE % json.dumps("/init/getUsers"))
        await tab.run(f"location.hash = '#/dialog/{boris.id}'")
        await tab.until("asked > 0")
        await quietly(1)
        self.assertLess(await tab.run("return asked"), 4)

    async def test_sheet_at_its_place(self) -> None:
        """What leads to the page that a sheet covers puts the sheet away."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        room = await a_room(anna, anna, boris, name="Kitchen")
        tab = await self.tab(anna, f"/#/dialog/{boris.id}")
        await tab.click("Boris", "h1 button.person")
        await tab.click("Write", ".sheet button.main")
        await tab.until("!document.querySelector('dialog')")
        await tab.run(f"location.hash = '#/room/{room}'")
        await tab.click("Boris", "aside button.person")
        await tab.click("Profile", ".menu button")
        await tab.click("Kitchen", ".sheet a")
        await tab.until("!document.querySelector('dialog')")
        await tab.shows("h1", "Kitchen")


class Tabs(WebCase):
    async def test_session_of_another_tab(self) -> None:
        """A tab whose session is over leaves the session alone that another tab has begun since."""
        anna = await a_person(self.daemon, nickname="Anna")
        tab = await self.tab(anna, "/#/rooms")
        await tab.shows(".state", "Connected")
        boris = await a_person(self.daemon, nickname="Boris")
        begun = json.dumps({"session_key": boris.session_key, "user": boris.id}, separators=(",", ":"))
        # As another tab stores it.
        await tab.run(f"localStorage['justchat.session'] = {json.dumps(begun)}")
        await anna.call("/init/exit")
        await tab.shows("h1", "Sign in")

        async def shown() -> str:
            return str(await tab.run("return localStorage['justchat.session']"))

        self.assertEqual(begun, await shown())
        await tab.reload()
        await tab.shows(".state", "Connected")
        await tab.run("location.hash = '#/me'")
        await eventually(lambda: tab.run("return field('Name')?.value === 'Boris'"), "the other session")
