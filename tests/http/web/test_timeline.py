"""Conversations in the web client: bursts, and a history that is scrolled both ways."""

from typing import Any

from tests.support.chat import a_person, a_room
from tests.support.tabs import Tab, WebCase
from tests.support.waiting import at_once

BURST = 500
LINES = 200
"""Lines that are drawn at most, as ``MOST`` in ``timeline.tsx``."""
UPDATE, MESSAGE = 0.1, 0.002
"""Seconds of the page's thread for one update, and for one message. Time in which the thread does not run does not
count, so a busy machine changes nothing.
"""
PLACE = """
const box = document.querySelector('.messages');
const top = box.getBoundingClientRect().top;
const lines = [...box.querySelectorAll('li')];
const line = lines.find((each) => each.getBoundingClientRect().bottom > top + 1);
return [line.querySelector('.text').textContent, Math.round(line.getBoundingClientRect().top - top)];
"""
COUNT = """
globalThis.updates = 0;
new MutationObserver(() => updates++).observe(document.querySelector('.messages ol'), {childList: true});
"""
DOWN = """
const seen = new Set();
while (document.querySelector('button.to-end')) {
  const box = document.querySelector('.messages');
  for (const {textContent} of box.querySelectorAll('.text')) seen.add(textContent);
  box.scrollTop += box.clientHeight;
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}
for (const {textContent} of document.querySelectorAll('.text')) seen.add(textContent);
return [...seen];
"""
"""Reads to the end."""


async def seconds(tab: Tab) -> float:
    """The time that the page's thread has worked."""
    metrics = (await tab.tell("Performance.getMetrics"))["metrics"]
    found: dict[str, float] = {each["name"]: each["value"] for each in metrics}
    return found["TaskDuration"]


async def place_of(tab: Tab, text: str) -> Any:
    """How far below the upper edge a message is, in pixels."""
    code = "const box = document.querySelector('.messages'); const found = [...box.querySelectorAll('li')]"
    code += f".find((each) => each.querySelector('.text')?.textContent === {text!r});"
    return await tab.run(
        code + "return Math.round(found.getBoundingClientRect().top - box.getBoundingClientRect().top)"
    )


class Timeline(WebCase):
    async def test_burst_and_history(self) -> None:
        """500 messages at once cost no long task and few lines; then they are read upwards and downwards in place."""

        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        room = await a_room(anna, anna, boris, name="Kitchen")
        tab = await self.tab(anna, f"/#/room/{room}")
        await tab.shows(".state", "Connected")
        await tab.shows("li.service", "Boris has come in")
        await tab.tell("Performance.enable", timeDomain="threadTicks")
        await tab.run(COUNT)
        began = await seconds(tab)
        await tab.trace()

        for batch in range(0, BURST, 100):
            await at_once([boris.say(room, f"message {number}") for number in range(batch, batch + 100)])
        await boris.say(room, "the last")
        await tab.shows(".message .text", "the last")
        await tab.until("document.querySelector('.messages li:last-child').textContent.includes('the last')")
        self.assertLess(await tab.longest_task(), UPDATE)
        updates = await tab.run("return updates")
        self.assertLess(await seconds(tab) - began, updates * UPDATE + BURST * MESSAGE)
        self.assertLessEqual(await tab.run("return document.querySelectorAll('.messages li').length"), LINES)
        below = "document.querySelector('.messages').scrollHeight - document.querySelector('.messages').scrollTop"
        await tab.until(f"{below} - document.querySelector('.messages').clientHeight < 2")

        await tab.reload()
        await tab.shows(".message .text", "the last")
        texts = "[...document.querySelectorAll('.messages .text')].map((each) => each.textContent)"
        for _ in range(40):
            if await tab.run("return Boolean(find('li.service', 'Anna has come in'))"):
                break
            oldest = await tab.run(f"return {texts}[0]")
            text, top = await tab.run("document.querySelector('.messages').scrollTop = 300;" + PLACE)
            await tab.until(f"{texts}[0] !== {oldest!r} || find('li.service', 'Anna has come in')")
            self.assertLessEqual(abs(await place_of(tab, text) - top), 1)
        self.assertEqual(0, await tab.run("return document.querySelectorAll('.messages > button').length"))
        self.assertLessEqual(await tab.run("return document.querySelectorAll('.messages li').length"), LINES)

        text, top = await tab.run(PLACE.replace(".querySelector('.text')", ""))
        await boris.say(room, "one more")
        await tab.shows("button.to-end", "New messages: 1")
        self.assertEqual([text, top], await tab.run(PLACE.replace(".querySelector('.text')", "")))
        self.assertEqual(0, await tab.run(f"return {texts}.filter((each) => each === 'one more').length"))
        seen = set(await tab.run(DOWN))
        self.assertEqual({f"message {number}" for number in range(BURST)} | {"the last", "one more"}, seen)
