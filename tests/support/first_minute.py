"""The first minute of two people: they sign up in two windows of a browser, meet in a room, and talk."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.support.chat import a_phone
from tests.support.windows import Window


@asynccontextmanager
async def two_who_talk(url: str) -> AsyncIterator[Window]:
    """The window of one of them, in which both have said something."""
    async with AsyncExitStack() as closing:
        ann, bob = Window(url), Window(url)
        for window, name in ((ann, "Ann"), (bob, "Bob")):
            await window.open()
            closing.push_async_callback(window.close)
            await sign_up(window, name)
        await ann.fill("Name of the room", "Kitchen")
        await ann.click("Create room", "button")
        await ann.shows("h1", "Kitchen")
        await bob.fill("Search rooms", "kitch")
        await bob.click("Kitchen", "a")
        await bob.shows("h1", "Kitchen")
        await ann.shows("li.service", "Bob has come in")
        await ann.say("Tea is ready.")
        await bob.shows("li.message .text", "Tea is ready.")
        await bob.say("Is there cake?")
        await ann.shows("li.message .text", "Is there cake?")
        await ann.shows("button", "People (2)")
        yield ann


async def sign_up(window: Window, name: str) -> None:
    """Sign up as somebody whom the daemon does not know, with the key that the page shows."""
    await window.fill("Phone number", f"+{a_phone()}")
    await window.fill("Name", name)
    await window.click("Sign in", "button.main")
    await window.shows("p", "You are on this machine, so here is yours")
    await window.shows("blockquote", "Your JustChat key")
    await window.click("Sign in", "button.main")
    await window.shows("h1", "Rooms")
