"""The README's page, opened by a real browser."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketClientFactory
from docutils import nodes
from docutils.core import publish_doctree
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import ProcessProtocol

from tests.socketio.clients import HERE, install
from tests.socketio.clients import MISSING as NO_NODE
from tests.support.chat import ChatTestCase, a_room
from tests.support.client import PATIENCE, Listener, eventually

README = Path(__file__).parents[2] / "README.rst"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def the_page() -> str:
    """The HTML page that the README shows."""
    settings = {"syntax_highlight": "none", "_disable_config": True}
    document = publish_doctree(README.read_text("utf-8"), settings_overrides=settings)
    (page,) = (
        block.astext()
        for block in document.findall(nodes.literal_block)
        if block.astext().startswith("<!DOCTYPE html>")
    )
    return page


class DevTools(Listener):
    """Asks a page of the browser's (Chrome DevTools Protocol)."""

    async def evaluate(self, expression: str) -> Any:
        self.say({"id": len(self.events), "method": "Runtime.evaluate", "params": {"expression": expression}})
        asked = len(self.events)
        await eventually(lambda: len(self.events) > asked, "an answer of the browser")
        return self.events[-1]["result"]["result"].get("value")


class Browser(ProcessProtocol):
    """A headless Chromium that shows a page."""

    def __init__(self, page: Path, *options: str) -> None:
        self.ended: Deferred[None] = Deferred()
        self.said = ""
        assert CHROMIUM is not None
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--no-first-run", "--disable-background-networking", "--remote-debugging-port=0"]
        command += [f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()]
        reactor.spawnProcess(self, CHROMIUM, command, env={**os.environ, "HOME": str(page.parent)})

    def errReceived(self, data: bytes) -> None:
        self.said += data.decode("utf-8", "replace")

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(None)

    async def tools(self) -> DevTools:
        """What looks into its page."""
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


class Page(ChatTestCase):
    skip = NO_NODE or (None if CHROMIUM else "Chromium is not installed: no browser opens the README's page")

    async def test_snippet(self) -> None:
        """With Bob's key in it, and the client installed beside it, the page shows what Bob hears."""
        install()
        ann, bob = await self.a_person(), await self.a_person()
        room = await a_room(ann, ann, bob)
        folder = Path(tempfile.mkdtemp(prefix="jc-page-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        (folder / "node_modules").mkdir()
        (folder / "node_modules" / "socket.io-client").symlink_to(HERE / "node_modules" / "client-v4")
        page = the_page()
        for written, ours in (("localhost:4000", f"localhost:{self.daemon.http}"), ("…", bob.session_key)):
            self.assertEqual(1, page.count(written))
            page = page.replace(written, ours)
        (folder / "page.html").write_text(page)
        browser = Browser(folder / "page.html")
        self.addCleanup(browser.end)
        tools = await browser.tools()
        self._listeners.append(tools)

        async def shown(text: str) -> str:
            for _ in range(500):
                heard = await tools.evaluate("(document.getElementById('heard') || {}).textContent")
                if text in (heard or ""):
                    return str(heard)
            raise AssertionError(f"{text} is not shown, but {heard}; {browser.said}")

        await shown(f'"user":"{bob.id}"')
        long = "Tea is ready ☕." + "e" * 900
        await ann.say(room, long)

        self.assertIn('"error":null', await shown(long))
        self.assertTrue(
            await tools.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it runs off"
        )
