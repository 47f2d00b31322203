"""The client library of ``clients/javascript`` in Node and in Chromium, driven by pieces of JavaScript.

Both have the library as ``lib`` and a ``storage`` that survives ``reload``.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data, File

from tests.support.browser import Browser, DevTools
from tests.support.waiting import eventually

PROJECT = Path(__file__).parents[3]
LIBRARY = PROJECT / "clients" / "javascript"
BUNDLE = LIBRARY / "dist" / "index.js"
NODE = shutil.which("node")
OLDEST = 20
PAGE = b"""<!doctype html><meta charset="utf-8"><script type="module">
import * as lib from './index.js';
Object.assign(globalThis, {lib, storage: localStorage});
</script>"""


def _build(target: str) -> None:
    if NODE is None or shutil.which("npm") is None:
        raise SkipTest("Node.js and npm are not installed: the client library is not built")
    release = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(release.removeprefix("v").partition(".")[0]) < OLDEST:
        raise SkipTest(f"Node.js is {release}: the client library wants {OLDEST} or newer")
    with open(LIBRARY / "package.json") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(
            ["make", "--no-print-directory", target], cwd=PROJECT, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


async def built(target: str = "client") -> None:
    """Build a target of the Makefile, if its sources have changed. Raises SkipTest where there is no Node."""
    await deferToThread(_build, target)


class NodePage(ProcessProtocol):
    """A Node with the library."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-node-"))

    async def open(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self._answers: dict[int, dict[str, Any]] = {}
        self._rest = b""
        self._asked = 0
        self.faults = ""
        assert NODE is not None
        # Node before 22 has a WebSocket only if it is asked for.
        known = subprocess.run([NODE, "-p", "typeof WebSocket"], capture_output=True, text=True).stdout.strip()
        options = [] if known == "function" else ["--experimental-websocket"]
        driver = str(Path(__file__).with_name("driver.mjs"))
        command = [NODE, *options, driver, BUNDLE.as_uri(), str(self.folder / "storage.json")]
        reactor.spawnProcess(self, NODE, command, env=os.environ)

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._answers |= {answer["id"]: answer for answer in map(json.loads, lines)}

    def errReceived(self, data: bytes) -> None:
        self.faults += data.decode("utf-8", "replace")

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)

    async def run(self, code: str) -> Any:
        self._asked += 1
        asked = self._asked
        self.transport.write(json.dumps({"id": asked, "code": code}).encode() + b"\n")
        answer = await eventually(lambda: self._answers.pop(asked, None), lambda: f"Node: {code} {self.faults}")
        assert "error" not in answer, f"{code}: {answer['error']}"
        return answer.get("value")

    async def reload(self) -> None:
        """Kill it; another one takes up its storage."""
        self.transport.signalProcess("KILL")
        await self.ended
        await self.open()

    async def close(self) -> None:
        if not self.ended.called:
            self.transport.signalProcess("KILL")
            await self.ended
        shutil.rmtree(self.folder)


class ChromiumPage:
    """A page in Chromium with the library, which it has from a server of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-chromium-"))
        self._tools: DevTools | None = None

    async def open(self) -> None:
        root = Resource()
        root.putChild(b"", Data(PAGE, "text/html"))
        root.putChild(b"index.js", File(str(BUNDLE), defaultType="text/javascript"))
        self._server: Any = reactor.listenTCP(0, Site(root), interface="127.0.0.1")  # type: ignore[attr-defined]
        url = f"http://127.0.0.1:{self._server.getHost().port}/"
        self._browser = Browser(self.folder / "none", url=url)
        self._tools = await self._browser.tools()
        await self._until("typeof lib === 'object'")

    async def _until(self, expression: str) -> None:
        tools = self._tools
        assert tools is not None
        await tools.until(expression, "the page to be loaded")

    async def run(self, code: str) -> Any:
        assert self._tools is not None
        return await self._tools.run(code)

    async def reload(self) -> None:
        await self.run("globalThis.isOld = true; setTimeout(() => location.reload())")
        await self._until("typeof lib === 'object' && !globalThis.isOld")

    async def close(self) -> None:
        if self._tools is not None:
            await self._tools.leave()
        await self._browser.end()
        await self._server.stopListening()
        shutil.rmtree(self.folder, ignore_errors=True)
