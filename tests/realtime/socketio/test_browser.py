"""The README's page, opened by a real browser."""

import shutil
import tempfile
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

from tests.support.browser import CHROMIUM, Browser
from tests.support.chat import ChatTestCase, a_room
from tests.support.docs import PROJECT
from tests.support.socketio.clients import HERE, install
from tests.support.socketio.clients import MISSING as NO_NODE
from tests.support.waiting import eventually

README = PROJECT / "README.rst"


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


class Page(ChatTestCase):
    skip = NO_NODE or (None if CHROMIUM else "Chromium is not installed: no browser opens the README's page")

    async def test_snippet(self) -> None:
        """With Bob's key in it, and the client installed beside it, the page shows Bob's events."""
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
            async def received() -> str:
                said = await tools.evaluate("(document.getElementById('received') || {}).textContent") or ""
                return said if text in said else ""

            return await eventually(received, lambda: f"{text} on the page; {browser.said}")

        await shown(f'"user":"{bob.id}"')
        long = "Tea is ready ☕." + "e" * 900
        await ann.say(room, long)

        self.assertIn('"error":null', await shown(long))
        self.assertTrue(
            await tools.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it runs off"
        )
