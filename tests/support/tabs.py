"""Windows of one browser that the tests of a process share, each with a storage of its own."""

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.trial.unittest import SkipTest

from tests.support.browser import CHROMIUM, DevTools
from tests.support.chat import Person
from tests.support.javascript import built
from tests.support.screenshots import save
from tests.support.waiting import PATIENCE, eventually
from tests.support.windows import HELPERS, Window
from tests.support.wire import SettingsCase

_browser: list["_Process"] = []
_free: list[str] = []
"""Windows that tests have left empty, as the targets of DevTools: a new one takes the browser a second of work."""


class _Process:
    """A headless Chromium, until the tests end."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="jc-tabs-"))
        self._said = self._folder / "said"
        assert CHROMIUM is not None
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-renderer-backgrounding", "--lang=en"]
        command += ["--disable-backgrounding-occluded-windows", "--disable-background-timer-throttling"]
        command += ["--disable-features=SpareRendererForSitePerProcess"]  # a process that few windows come to use
        command += ["--remote-debugging-port=0", f"--user-data-dir={self._folder / 'profile'}", "about:blank"]
        with open(self._said, "wb") as said:
            environ = {**os.environ, "HOME": str(self._folder)}
            self._process = subprocess.Popen(command, stdout=said, stderr=said, env=environ)
        atexit.register(self._end)

    async def port(self) -> int:
        def found() -> Any:
            return re.search(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/", self._said.read_text(errors="replace"))

        return int((await eventually(found, "the browser"))[1])

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


async def _connect(port: int, url: str) -> DevTools:
    factory = WebSocketClientFactory(url, reactor=reactor)
    factory.protocol = DevTools
    tools: DevTools = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
    await tools.opened
    return tools


async def _made(port: int) -> str:
    """The target of a new window with a storage of its own."""
    answer = await treq.get(f"http://127.0.0.1:{port}/json/version", timeout=PATIENCE, persistent=False)
    control = await _connect(port, json.loads(await treq.content(answer))["webSocketDebuggerUrl"])
    context = (await _told(control, "Target.createBrowserContext"))["browserContextId"]
    size = {"width": 1280, "height": 800}
    made = await _told(
        control, "Target.createTarget", url="about:blank", browserContextId=context, newWindow=True, **size
    )
    await control.leave()
    target: str = made["targetId"]
    return target


async def _told(tools: DevTools, method: str, **parameters: Any) -> Any:
    asked = len(tools.events)
    tools.say({"id": asked, "method": method, "params": parameters})
    await eventually(lambda: len(tools.events) > asked, method)
    return tools.events[-1]["result"]


class Tab(Window):
    """A window at an origin, whose storage has ``stored`` before the first page is there."""

    def __init__(self, origin: str, path: str = "/", stored: Mapping[str, str] | None = None) -> None:
        self._origin, self._path, self._stored = origin, path, stored or {}
        self._tools: Any = None

    async def open(self) -> None:
        if not _browser:
            _browser.append(_Process())
        port = await _browser[0].port()
        self._target = _free.pop() if _free else await _made(port)
        self._tools = await _connect(port, f"ws://127.0.0.1:{port}/devtools/page/{self._target}")
        await self.tell("Page.navigate", url=f"{self._origin}/livez")
        await self.until(f"origin === {json.dumps(self._origin)}")
        await self.run(f"Object.assign(localStorage, {json.dumps(dict(self._stored))}); sessionStorage.clear()")
        await self.go(self._path)

    async def go(self, path: str) -> None:
        """Load another page, or this one anew; the part after # alone loads nothing."""
        await self.run(f"globalThis.isOld = true; setTimeout(() => location.assign({json.dumps(path)}))")
        await self.until("!globalThis.isOld && document.querySelector('h1')")
        await self.run(HELPERS)

    async def reload(self) -> None:
        await self.run("globalThis.isOld = true; setTimeout(() => location.reload())")
        await self.until("!globalThis.isOld && document.querySelector('h1')")
        await self.run(HELPERS)

    async def until(self, expression: str) -> None:
        """Wait until this is true on the page."""
        await self._tools.until(expression)

    async def choose(self, label: str, file: Path) -> None:
        """Choose a file in the field with this label."""
        code = f"const files = new DataTransfer(); const bytes = Uint8Array.from({list(file.read_bytes())});"
        code += f"files.items.add(new File([bytes], 'picture{file.suffix}', {{type: 'image/png'}}));"
        code += f"const input = field({json.dumps(label)}); input.files = files.files;"
        await self.shows("label", label)
        await self.run(code + "input.dispatchEvent(new Event('change', {bubbles: true}))")

    async def about(self, person: str, deed: str) -> None:
        """Open the menu of a person in the room, and choose what to do."""
        await self.click(person, "aside button.person")
        await self.click(deed, ".menu button")

    async def size(self, width: int, height: int = 800) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.tell("Emulation.setDeviceMetricsOverride", **size)

    async def trace(self) -> None:
        """Begin to note what the browser does."""
        await self.tell("Tracing.start", traceConfig={"includedCategories": ["disabled-by-default-devtools.timeline"]})

    async def longest_task(self) -> float:
        """End ``trace``; returns the longest that the thread of a page has worked without a pause, in seconds. Time in
        which it did not run does not count.
        """
        events = self._tools.events
        asked = len(events)
        self._tools.say({"id": asked, "method": "Tracing.end", "params": {}})
        await eventually(lambda: any(each.get("method") == "Tracing.tracingComplete" for each in events[asked:]), "it")
        parts = [each["params"]["value"] for each in events[asked:] if each.get("method") == "Tracing.dataCollected"]
        noted = [each for part in parts for each in part]
        threads = {each["tid"]: each["args"]["name"] for each in noted if each["name"] == "thread_name"}
        tasks = [each for each in noted if each["name"] == "RunTask" and threads.get(each["tid"]) == "CrRendererMain"]
        # Some lack it: on a busy machine the browser does not always read the thread's clock.
        return max(float(task["tdur"]) for task in tasks if "tdur" in task) / 1_000_000

    async def close(self) -> None:
        """Leave the window to the next test, without page, storage, history and what DevTools was told."""
        if self._tools is not None:
            await self.tell("Page.navigate", url="about:blank")
            await self.tell("Storage.clearDataForOrigin", origin=self._origin, storageTypes="all")
            await self.tell("Page.resetNavigationHistory")
            await self._tools.leave()
            _free.append(self._target)


class WebCase(SettingsCase):
    """Tests of the pages that a daemon serves, in a real browser."""

    settings = "# The pages of the web.\n[limits]\nenabled = false\n"

    async def setUp(self) -> None:
        if CHROMIUM is None:
            raise SkipTest("Chromium is not installed")
        await built("web")
        await super().setUp()
        self.tabs: list[Tab] = []

    async def tearDown(self) -> None:
        for tab in self.tabs:
            await tab.close()
        await super().tearDown()

    async def tab(self, person: Person | None = None, path: str = "/", language: str = "en") -> Tab:
        """A window of a person's who is signed in already, or of nobody's."""
        stored = {"justchat.language": language}
        if person is not None:
            stored["justchat.session"] = json.dumps({"session_key": person.session_key, "user": person.id})
        tab = Tab(f"http://127.0.0.1:{self.daemon.http}", path, stored)
        self.tabs.append(tab)
        await tab.open()
        return tab

    async def look(self, tab: Tab, name: str) -> None:
        """Assert that a page has no fault, dark on a narrow screen and light on a wide one. Keep pictures."""
        for scheme, width in (("dark", 320), ("light", 1280)):
            await tab.scheme(scheme)
            if width == 320:
                self.assertEqual([], await tab.too_wide(width), name)
            else:
                await tab.size(width)
            self.assertEqual([], await tab.faults(), f"{name}, {scheme}, {width} pixels")
            await save(tab, f"{name}-{width}")
        await tab.size(1280)
