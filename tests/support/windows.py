"""Windows of a browser on the web client, used as a person would: by labels and words."""

import json
import shutil
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any

from tests.support.browser import Browser
from tests.support.waiting import eventually

AXE = Path(__file__).parents[2] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
HELPERS = """
const shown = (element) => element.checkVisibility();
globalThis.find = (selector, words) => [...document.querySelectorAll(selector)]
  .find((element) => shown(element) && element.textContent.trim().includes(words));
globalThis.field = (label) => {
  const found = find('label', label);
  return found?.control ?? found?.querySelector('input, select, textarea');
};
globalThis.fill = (label, value) => {
  const input = field(label);
  input.value = value;
  input.dispatchEvent(new Event(input.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}));
};
"""

KEYS = {"Escape": 27, "Tab": 9, "Enter": 13, "ArrowDown": 40, "ArrowUp": 38, "Home": 36, "End": 35}


class Window:
    """A window with a profile of its own, at a URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._folder = Path(tempfile.mkdtemp(prefix="jc-window-"))
        self._tools: Any = None

    async def open(self) -> None:
        self._browser = Browser(self._folder / "none", "--lang=en", "--window-size=1000,800", url=self._url)
        self._tools = await self._browser.tools()
        await self.shows("h1", "")
        await self.run(HELPERS)

    async def run(self, code: str) -> Any:
        return await self._tools.run(code)

    async def tell(self, method: str, **parameters: Any) -> Any:
        """A command of DevTools; its result."""
        asked = len(self._tools.events)
        self._tools.say({"id": asked, "method": method, "params": parameters})
        await eventually(lambda: len(self._tools.events) > asked, method)
        return self._tools.events[-1].get("result")

    async def shows(self, selector: str, words: str) -> None:
        """Wait until an element of this kind has these words."""
        code = "[...document.querySelectorAll(%s)].some((element) => element.textContent.includes(%s))"
        expression = code % (json.dumps(selector), json.dumps(words))
        try:
            await self._tools.until(expression)
        except AssertionError:
            text = await self.run("return document.body.innerText")
            raise AssertionError(f"no {selector} with {words!r} came up in: {text}") from None

    async def click(self, words: str, selector: str = "button, a, summary, label") -> None:
        """Click the first thing with these words, once it is there."""
        await self.shows(selector, words)
        found = f"find({json.dumps(selector)}, {json.dumps(words)})"
        # Found and clicked in one turn of the page, which may draw it anew before the next.
        clicked = f"((found) => found && (found.click(), true))({found})"
        await self._tools.until(clicked, f"{selector} with {words!r} to be seen")

    async def fill(self, label: str, value: str) -> None:
        await self.shows("label", label)
        await self._tools.until(f"field({json.dumps(label)})", f"the field {label!r}")
        await self.run(f"fill({json.dumps(label)}, {json.dumps(value)})")

    async def press(self, key: str) -> None:
        """Press a key where the keyboard is."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            code = KEYS[key]
            await self.tell("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    async def say(self, text: str) -> None:
        await self.fill("Message", text)
        await self.click("Send", "button.main")

    async def faults(self, beside: str = "") -> list[str]:
        """What axe-core finds wrong on the page, and what the policy refused. What ``beside`` selects is left out."""
        if not await self.run("return typeof axe === 'object'"):
            await self.tell("Runtime.evaluate", expression=AXE.read_text())
        place = "document" if not beside else json.dumps({"exclude": [beside]})
        code = f"const {{violations}} = await axe.run({place}, {{resultTypes: ['violations']}}); return violations.map("
        code += "({id, nodes}) => id + ': ' + nodes.map((node) => node.html.slice(0, 120)).join(' | '))"
        found: list[str] = await self.run(code)
        return [*found, *await self.violations()]

    async def violations(self) -> list[str]:
        """What the page's policy has refused since the page was opened."""
        code = "const seen = [], note = (reports) => seen.push(...reports.map(({body}) => body));"
        code += "const observer = new ReportingObserver(note, {types: ['csp-violation'], buffered: true});"
        code += "observer.observe(); await new Promise((resolve) => setTimeout(resolve)); note(observer.takeRecords());"
        code += "return seen.map(({effectiveDirective, blockedURL, sample}) =>"
        code += " `${effectiveDirective} ${blockedURL} ${sample}`)"
        found: list[str] = await self.run(code)
        return found

    async def too_wide(self, pixels: int) -> list[str]:
        """What does not fit into so many pixels, so that one would scroll sideways."""
        size = {"width": pixels, "height": 640, "deviceScaleFactor": 1, "mobile": False}
        await self.tell("Emulation.setDeviceMetricsOverride", **size)
        code = "return document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('*')]"
        code += ".filter((element) => element.getBoundingClientRect().right > innerWidth)"
        found: list[str] = await self.run(code + ".map(({outerHTML}) => outerHTML.slice(0, 120))")
        return found

    async def wide(self) -> None:
        await self.tell("Emulation.clearDeviceMetricsOverride")

    async def scheme(self, scheme: str) -> None:
        """``light`` or ``dark``."""
        await self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self, file: Path) -> None:
        """Keep what it looks like."""
        taken = await self.tell("Page.captureScreenshot")
        file.write_bytes(b64decode(taken["data"]))

    async def close(self) -> None:
        if self._tools is not None:
            await self._tools.leave()
        await self._browser.end()
        shutil.rmtree(self._folder, ignore_errors=True)
