"""Two people in two windows of a real browser, who know nothing but what the page shows."""

import random

from twisted.trial.unittest import SkipTest, TestCase

from tests.support.browser import CHROMIUM
from tests.support.chat import a_phone
from tests.support.daemon import Daemon
from tests.support.javascript import built
from tests.support.mongo import drop, fresh_uri
from tests.support.relay import Relay
from tests.support.screenshots import save
from tests.support.tabs import Tab

MARKUP = "<img src=x onerror=alert(1)><b>bold</b>"


class Windows(TestCase):
    timeout = 600

    async def setUp(self) -> None:
        if CHROMIUM is None:
            raise SkipTest("Chromium is not installed")
        await built("web")
        uri = fresh_uri()
        self.addCleanup(drop, uri)
        self.daemon = await Daemon("--mongo", uri).start()
        self.addCleanup(self.daemon.remove)
        self.relay = Relay(self.daemon.http, random.Random(1))  # a port that stays when the daemon is restarted
        self.addCleanup(self.relay.end)
        self.windows = [Tab(f"http://127.0.0.1:{self.relay.port}") for _ in "ab"]
        for window in self.windows:
            self.addCleanup(window.close)
            await window.open()
        self.pictures = 0

    async def look(self, window: Tab) -> None:
        """Assert that a page has no fault, light and dark, and fits a narrow screen. Keep pictures of both widths."""
        for scheme in ("dark", "light"):
            await window.scheme(scheme)
            self.assertEqual([], await window.faults(), scheme)
        self.assertEqual([], await window.too_wide(320))
        self.pictures += 1
        await save(window, f"web-{self.pictures}-narrow")
        await window.wide()
        await save(window, f"web-{self.pictures}")

    async def sign_up(self, window: Tab, name: str) -> None:
        await window.fill("Phone number", f"+{a_phone()}")
        await window.fill("Name", name)
        await window.click("Sign in", "button.main")
        await window.shows("p", "You are on this machine, so here is yours")
        await window.shows("blockquote", "Your JustChat key")
        await window.click("Sign in", "button.main")
        await window.shows("h1", "Rooms")

    async def test_two_people(self) -> None:
        """They sign up, meet in a room, are cut off, write to each other, and sign out."""
        anna, boris = self.windows
        await self.look(anna)
        await self.sign_up(anna, "Анна")
        await self.sign_up(boris, MARKUP)

        await anna.fill("Name of the room", f"Kitchen {MARKUP}")
        await anna.click("Create room", "button")
        await anna.shows("h1", f"Kitchen {MARKUP}")
        await boris.fill("Search rooms", "kitch")
        await boris.click("Kitchen", "a")
        await boris.shows("h1", f"Kitchen {MARKUP}")
        await anna.shows("li.service", f"{MARKUP} has come in")

        await boris.say(MARKUP)
        await anna.shows("li.message .text", MARKUP)
        await anna.say("see https://example.com/tea?x=1&y=2.\nשלום")
        await boris.shows("li.message a[rel='noopener nofollow']", "https://example.com/tea?x=1&y=2")
        for window in self.windows:
            self.assertEqual(0, await window.run("return document.querySelectorAll('main img, main b').length"))
        await self.look(anna)

        await self.daemon.kill()
        await anna.shows(".state", "No connection")
        await anna.say("while it is away")
        await anna.shows("li.message", "Not sent yet")
        await self.daemon.start()
        self.relay.target = self.daemon.http
        await boris.shows("li.message .text", "while it is away")
        await anna.shows(".state", "Connected")
        self.assertEqual(
            [1, 1],
            [
                await window.run(
                    "return [...document.querySelectorAll('.text')]"
                    ".filter((text) => text.textContent === 'while it is away').length"
                )
                for window in self.windows
            ],
        )

        await boris.click("Анна", "button.author")
        await boris.click("Write", ".menu button")
        await boris.shows("h1", "Анна")
        await boris.say("psst")
        await anna.shows("nav .badge", "1 unread")
        await anna.click("Messages", "nav a")
        await anna.shows("li", "psst")
        await self.look(anna)
        await anna.click("<img", "main a")
        await anna.shows("li.message .text", "psst")
        await boris.shows("li.message.own", "read")
        await self.look(anna)

        await anna.run("location.hash = '#/me'")
        await anna.shows("li", "this one")
        await self.look(anna)
        await anna.fill("Language", "ru")
        await anna.shows("h1", "Я")
        await anna.click("Комнаты", "nav a")
        await anna.shows("h1", "Комнаты")
        await self.look(anna)

        await boris.run("location.hash = '#/me'")
        await boris.click("Sign out everywhere", "main button")
        await boris.click("Sign out everywhere", ".sheet button.grave")
        await boris.shows("h1", "Sign in")
        await boris.run("location.reload()")
        await boris.shows("h1", "Sign in")
