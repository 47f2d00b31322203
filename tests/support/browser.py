"""A real browser, and its DevTools."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

from tests.support.client import Listener
from tests.support.waiting import PATIENCE, PAUSE, eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


LOOKS = 100
"""Looks of a page for one question."""


class PageGone(AssertionError):
    """The page went before it had answered."""


class DevTools(Listener):
    """Evaluates expressions in a page (Chrome DevTools Protocol)."""

    async def evaluate(self, expression: str) -> Any:
        self.say({"id": len(self.events), "method": "Runtime.evaluate", "params": {"expression": expression}})
        asked = len(self.events)
        await eventually(lambda: len(self.events) > asked, "an answer of the browser")
        return self.events[-1]["result"]["result"].get("value")

    async def run(self, code: str) -> Any:
        """What an async function with this body returns, as JSON. Raises AssertionError with what it throws."""
        asked = len(self.events)
        parameters = {"expression": f"(async () => {{ {code} }})()", "awaitPromise": True, "returnByValue": True}
        self.say({"id": asked, "method": "Runtime.evaluate", "params": parameters})
        await eventually(lambda: len(self.events) > asked, lambda: f"the browser's answer to {code}")
        answer = self.events[-1].get("result")
        if answer is None:
            raise PageGone(f"{code}: {self.events[-1]}")
        assert "exceptionDetails" not in answer, f"{code}: {answer}"
        return answer["result"].get("value")

    async def until(self, expression: str, what: str = "") -> None:
        """Wait until this is true on the page, or on one that it gives way to.

        The page looks by itself: to ask it for each look takes the browser longer than the look. Raises AssertionError
        after as many looks as ``eventually``.
        """
        looking = f"for (let look = 0; look < {LOOKS}; look++) {{ if ({expression}) return true;"
        looking += f" await new Promise((go) => setTimeout(go, {PAUSE * 1000:g})); }} return false"
        left = int(PATIENCE / PAUSE)
        while left > 0:
            try:
                if await self.run(looking):
                    return
                left -= LOOKS
            except PageGone:
                await deferLater(reactor, PAUSE)
                left -= 1
        raise AssertionError(f"waited in vain for {what or expression}")


class Browser(ProcessProtocol):
    """A headless Chromium that shows a page: a file, or what is at a ``url`` (then the file need not exist)."""

    def __init__(self, page: Path, *options: str, url: str | None = None) -> None:
        self.ended: Deferred[None] = Deferred()
        self.said = ""
        assert CHROMIUM is not None
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--no-first-run", "--disable-background-networking", "--remote-debugging-port=0"]
        command += [f"--user-data-dir={page.parent / 'profile'}", *options, url or page.as_uri()]
        reactor.spawnProcess(self, CHROMIUM, command, env={**os.environ, "HOME": str(page.parent)})

    def errReceived(self, data: bytes) -> None:
        self.said += data.decode("utf-8", "replace")

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(None)

    async def tools(self) -> DevTools:
        """The DevTools of its page."""
        await eventually(lambda: "DevTools listening on ws://" in self.said, f"the browser; it says {self.said}")
        (port,) = re.findall(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/", self.said)
        answer = await treq.get(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE, persistent=False)
        (page,) = (each for each in json.loads(await treq.content(answer)) if each["type"] == "page")
        factory = WebSocketClientFactory(page["webSocketDebuggerUrl"], reactor=reactor)
        factory.protocol = DevTools
        tools: DevTools = await TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
        await tools.opened
        return tools

    async def end(self) -> None:
        self.transport.signalProcess("TERM")
        await self.ended
