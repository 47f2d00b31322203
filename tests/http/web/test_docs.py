"""The documentation at /docs, and its try-out, in a real browser."""

from tests.support.chat import a_phone
from tests.support.screenshots import save
from tests.support.tabs import Tab, WebCase

VIEWER = ".swagger-ui"
"""What axe-core finds in Swagger UI is not ours to mend: contrasts, nested buttons, a text area without a label."""


class Docs(WebCase):
    timeout = 600

    async def assert_keeps_to_itself(self, window: Tab) -> None:
        """Assert that the page has asked nobody else for anything, and that its policy refused nothing."""
        asked = await window.run("return performance.getEntriesByType('resource').map(({name}) => name)")
        origin = f"http://127.0.0.1:{self.daemon.http}/"
        self.assertEqual([], [url for url in asked if not url.startswith((origin, "data:"))])
        self.assertEqual([], await window.violations())

    async def test_try(self) -> None:
        """One signs in, and a call is made with the session; the browser refuses nothing and asks nobody else."""
        window = await self.tab(path="/docs")
        await window.shows(".opblock-summary-path", "/room/get")
        await window.fill("Phone number", f"+{a_phone()}")
        await window.click("Send me a key", "button")
        await window.shows("blockquote", "Your JustChat key")
        await window.click("Sign in", "button")
        await window.shows("p", "You are signed in")

        await window.click("/room/get", ".opblock-summary-path a")
        await window.click("Execute", "button")
        await window.shows(".live-responses-table .response-col_status", "200")

        self.assertIn("Authorization: Bearer", await window.run("return find('.curl', 'curl').textContent"))
        await self.assert_keeps_to_itself(window)
        self.assertEqual([], await window.faults(beside=VIEWER))
        await window.run("find('button', 'Execute').scrollIntoView()")
        await save(window, "docs-calls-tried")
        await window.scheme("dark")
        await window.run("find('.opblock-summary-path', '/room/get').scrollIntoView()")
        await save(window, "docs-calls-dark")
        await window.run("scrollTo(0, 0)")
        self.assertEqual([], await window.faults(beside=VIEWER))
        self.assertEqual([], await window.too_wide(320))
        await save(window, "docs-calls-narrow")
        await window.click("Sign out", "button")
        await window.shows("button", "Send me a key")

    async def test_events(self) -> None:
        """The events are shown with their fields, and the page has no fault."""
        window = await self.tab(path="/docs/events#message")
        await window.shows("h3", "message-removed")

        await self.assert_keeps_to_itself(window)
        for scheme in ("dark", "light"):
            await window.scheme(scheme)
            self.assertEqual([], await window.faults(), scheme)
        await save(window, "docs-events")
        self.assertEqual([], await window.too_wide(320))
        await save(window, "docs-events-narrow")

        # Of a policy that refuses something, it would be seen.
        await window.run("try { document.body.innerHTML = '<p>' } catch {}")
        self.assertIn("require-trusted-types-for", str(await window.violations()))
