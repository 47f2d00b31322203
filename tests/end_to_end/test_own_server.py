"""The example of an app's own server, beside a daemon and in a browser."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from base64 import b64encode
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.support.browser import CHROMIUM, Browser
from tests.support.servers import a_key
from tests.support.waiting import eventually
from tests.support.wire import OwnDaemonCase

EXAMPLE = Path(__file__).parents[2] / "examples" / "own-server"
SERVE = "import app, sys; from werkzeug.serving import make_server; "
SERVE += "make_server('127.0.0.1', 0, app.app, threaded=True, fd=int(sys.argv[1])).serve_forever()"


class OwnServer(OwnDaemonCase):
    async def setUp(self) -> None:
        await super().setUp()
        if CHROMIUM is None:
            raise SkipTest("there is no Chromium")
        self.folder = Path(tempfile.mkdtemp(prefix="jc-own-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        self.port = listening.getsockname()[1]
        # The settings that its README shows, as it shows them.
        readme = (EXAMPLE / "README.rst").read_text()
        _, _, shown = readme.partition(".. code-block:: toml\n")
        settings = shown.partition("\nThen start JustChat")[0].replace("\n   ", "\n").replace(":5000", f":{self.port}")
        environ = {
            "TOKEN_SECRET": secrets.token_hex(32),
            "HOOK_SECRET": "whsec_" + b64encode(secrets.token_bytes(32)).decode(),
        }
        self.daemon.environ |= environ
        await self.start(settings)
        key = await a_key(self.daemon, "own-server", "--scope", "users", "messages")
        environ |= {"SERVER_KEY": key, "CHAT": f"http://127.0.0.1:{self.daemon.http}"}
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(listening.fileno())],
            cwd=EXAMPLE,
            env={**os.environ, **environ},
            pass_fds=[listening.fileno()],
            stderr=(self.folder / "server.log").open("w"),
        )
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

    async def test_page(self) -> None:
        """A user of the app signs in, is greeted, writes, and may not write one word."""
        page = self.folder / "page.html"
        page.write_text(f'<meta http-equiv="refresh" content="0;url=http://127.0.0.1:{self.port}/">')
        browser = Browser(page)
        self.addCleanup(browser.end)
        tools = await browser.tools()
        self._listeners.append(tools)

        async def shows(text: str, where: str) -> None:
            async def shown() -> bool:
                return text in (await tools.evaluate(f"(document.getElementById('{where}') || {{}}).textContent") or "")

            await eventually(shown, lambda: f"{text!r}; {(self.folder / 'server.log').read_text()}\n{self.daemon.log}")

        async def sign_in(password: str) -> None:
            await tools.evaluate(
                f'document.querySelector("[name=password]").value = "{password}";'
                'document.getElementById("sign-in").requestSubmit()'
            )

        async def say(text: str) -> None:
            await tools.evaluate(
                f'document.querySelector("[name=text]").value = "{text}";document.getElementById("say").requestSubmit()'
            )

        async def loaded() -> bool:
            return bool(await tools.evaluate("document.getElementById('sign-in') && document.readyState == 'complete'"))

        await eventually(loaded, "the page")
        await sign_in("wrong")
        await shows("wrong name or password", "error")
        await sign_in("anna's password")
        await shows("Welcome!", "messages")
        await say("Buy spam")
        await shows("No spam here.", "error")
        await say("A note to myself")
        await shows("A note to myself", "messages")
        self.assertNotIn("spam", await tools.evaluate("document.getElementById('messages').textContent"))
