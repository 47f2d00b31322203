"""The OpenAPI document, by a linter and three generators of clients, whose clients walk README's walk-through.

The generators run in a folder of their own beside the real daemon; what they make compiles under the strictest checks.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet.threads import deferToThread

from justchat.model.webhook_secret import secret_bytes
from justchat.outbound.standard_webhooks import webhook_headers
from tests.support.bystanders import a_picture
from tests.support.chat import ChatTestCase, a_phone
from tests.support.client import request

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
NODE, NPM = shutil.which("node"), shutil.which("npm")
OLDEST = 20
"""The oldest release of Node that the tools run on."""
PATIENCE = 180
"""Seconds for one tool, on a machine with other work."""


def node_modules() -> Path:
    """The pinned tools, installed once; two processes of the suite may want them at the same time."""
    if NODE is None or NPM is None:
        raise SkipTest("Node.js and npm are not installed: no client is generated")
    release = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(release.removeprefix("v").partition(".")[0]) < OLDEST:
        raise SkipTest(f"Node.js is {release}: the generators of clients want {OLDEST} or newer")
    installed, lock = HERE / "node_modules", (HERE / "package-lock.json").read_text()
    mark = installed / ".justchat-installed"
    with open(HERE / "package.json") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (mark.exists() and mark.read_text() == lock):
            command = [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(command, cwd=HERE, check=True)
            mark.write_text(lock)
    return installed


class Generated(ChatTestCase):
    timeout = 4 * PATIENCE

    async def setUp(self) -> None:
        await super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="jc-generated-"))
        self.addCleanup(shutil.rmtree, self.folder)
        document = (await request(self.daemon.http, "GET", "/openapi.json")).json
        (self.folder / "openapi.json").write_text(json.dumps(document))
        (self.folder / "picture.png").write_bytes(a_picture())
        self.walker = (
            *(f"http://127.0.0.1:{self.daemon.http}", str(self.daemon.data), "picture.png"),
            *(a_phone(), a_phone()),
        )

    async def tool(self, *command: str | Path, **environ: str) -> str:
        """Runs a tool in the folder; what it said. Fails where the tool does."""
        done: subprocess.CompletedProcess[str] = await deferToThread(
            subprocess.run,
            [str(part) for part in command],
            cwd=self.folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(0, done.returncode, f"{command[0]}:\n{done.stdout[-6000:]}")
        return done.stdout

    async def node_tool(self, name: str, *arguments: str) -> str:
        """One of the pinned tools. It finds the others as if they were installed beside its output."""
        modules = await deferToThread(node_modules)
        if not (self.folder / "node_modules").exists():
            (self.folder / "node_modules").symlink_to(modules)
        return await self.tool(modules / ".bin" / name, *arguments, CI="1", REDOCLY_TELEMETRY="off", NO_COLOR="1")

    async def test_linted(self) -> None:
        """redocly's linter finds no error."""
        said = await self.node_tool("redocly", "lint", "openapi.json", "--format=json")

        found: dict[str, Any] = json.loads(said[said.index("{") : said.rindex("}") + 1])
        self.assertEqual(0, found["totals"]["errors"], said)
        self.assertEqual([], [each["ruleId"] for each in found["problems"] if each["ruleId"] != "info-license"])

    async def test_asyncapi(self) -> None:
        """The official parser reads the AsyncAPI document, and says nothing against it; of a broken one it does."""
        document = (await request(self.daemon.http, "GET", "/asyncapi.json")).json
        (self.folder / "right.json").write_text(json.dumps(document))
        (self.folder / "wrong.json").write_text(json.dumps({**document, "channels": {"socket": {"messages": 1}}}))
        (self.folder / "parse.cjs").write_text(
            "const {Parser} = require('@asyncapi/parser'), {readFileSync} = require('fs');"
            "(async () => { for (const name of ['right.json', 'wrong.json']) {"
            "const read = await new Parser().parse(readFileSync(name, 'utf8'));"
            "const against = read.diagnostics.filter(each => each.code !== 'asyncapi-latest-version');"
            "const said = against.map(each => `${each.code} ${each.path.join('.')}`);"
            "console.log(JSON.stringify([!!read.document, said]));"
            "} })();"
        )
        (self.folder / "node_modules").symlink_to(await deferToThread(node_modules))

        assert NODE is not None
        right, wrong = map(json.loads, (await self.tool(NODE, "parse.cjs")).splitlines())

        self.assertEqual([True, []], right)
        self.assertNotEqual([], wrong[1])

    async def test_typescript(self) -> None:
        """The clients of openapi-typescript and @hey-api/openapi-ts compile strictly, and walk."""
        for name in ("tsconfig.json", "walk_fetch.ts", "walk_hey.ts"):
            shutil.copy(HERE / name, self.folder)
        await self.node_tool("openapi-typescript", "openapi.json", "--output", "api.ts")
        await self.node_tool("openapi-ts", "--input", "openapi.json", "--output", "hey", "--no-log-file")
        await self.node_tool("tsc")

        assert NODE is not None
        for walk in ("walk_fetch", "walk_hey"):
            self.assertIn("walked", await self.tool(NODE, f"out/{walk}.js", *self.walker), walk)
            self.walker = (*self.walker[:3], a_phone(), a_phone())

    async def test_webhook_library(self) -> None:
        """The npm package of Standard Webhooks verifies a webhook, and refuses a changed one."""
        secret, body = "whsec_" + b64encode(bytes(range(24))).decode(), b'{"type":"message.new"}'
        signed = webhook_headers(secret_bytes(secret), "6b03f23d9542f6890eb19d0a", int(time.time()), body)
        (self.folder / "verify.cjs").write_text(
            "const {Webhook} = require('standardwebhooks');"
            "const [secret, headers, body] = process.argv.slice(2), webhook = new Webhook(secret);"
            "console.log(webhook.verify(body, JSON.parse(headers)).type);"
            "try { webhook.verify(body + ' ', JSON.parse(headers)); } catch (error) { console.log(error.name); }"
        )
        (self.folder / "node_modules").symlink_to(await deferToThread(node_modules))

        assert NODE is not None
        said = await self.tool(NODE, "verify.cjs", secret, json.dumps(signed), body.decode())

        self.assertEqual(["message.new", "WebhookVerificationError"], said.split())

    async def test_python(self) -> None:
        """openapi-python-client leaves nothing out; its client passes mypy, and walks."""
        shutil.copy(HERE / "walk_python.py", self.folder)
        said = await self.tool(
            *(BIN / "openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none"),
            *("--config", HERE / "python.yml", "--output-path", "generated_client"),
            COLUMNS="200",
        )
        checked = await self.tool(BIN / "mypy", "--cache-dir=.mypy", "walk_python.py")

        self.assertNotIn("WARNING", said)
        self.assertIn("Success", checked)
        self.assertIn("walked", await self.tool(sys.executable, "walk_python.py", *self.walker))
