"""Follows the README exactly, in a fresh clone: `make run`, the walk-through, the page in a browser. Nothing is left.

`make first-hour` runs this. It takes two minutes, most of them pip's, so the other tests leave it out.
"""

import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree
from twisted.trial.unittest import SkipTest, TestCase

from tests.support.browser import CHROMIUM, Browser
from tests.support.first_minute import two_who_talk
from tests.support.screenshots import save
from tests.support.waiting import assert_within, eventually

REPOSITORY = Path(__file__).parents[1]
USER = f"justchat-{os.getpid()}"  # a run that was ended leaves its own behind
PATIENCE = 300.0
"""Seconds for the slowest step, which downloads."""
FIRST_MESSAGE = 180.0
"""Seconds from the clone to a message that the other person sees, on an idle machine with a fast network."""
IGNORED = {
    *(".venv/", "justchat-data/", "justchat.egg-info/", "twisted/plugins/dropin.cache"),
    *("clients/node_modules/", "justchat/http/web/static/"),
}
"""What git ignores and may be there afterwards, besides Python's own caches."""


def blocks() -> list[tuple[str, str]]:
    """The walk-through's literal blocks, from top to bottom: the language, or page, and the text."""
    settings = {"syntax_highlight": "none", "_disable_config": True}
    document = publish_doctree((REPOSITORY / "README.rst").read_text("utf-8"), settings_overrides=settings)
    (section,) = (
        part for part in document.findall(nodes.section) if part.next_node(nodes.title).astext() == "Walk-through"
    )
    found = []
    for block in section.findall(nodes.literal_block):
        kind = next((kind for kind in ("sh", "bash") if kind in block["classes"]), "page")
        found.append((kind, block.astext()))
    return found


class FirstHour(TestCase):
    timeout = 700

    async def setUp(self) -> None:
        for port in (4000, 8000):
            with socket.socket() as attempt:
                if not attempt.connect_ex(("127.0.0.1", port)):
                    raise SkipTest(f"port {port}, which the README names, is in use")
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.home = self.folder / "дом"
        self.home.mkdir()
        self.clone = self.home / "мой чат"
        self.began = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, self.clone], check=True)

    def command(self, *words: str) -> "subprocess.Popen[str]":
        """One of the newcomer's, in the clone."""
        environ = {**os.environ, "HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "1"}
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            environ.pop(name, None)
        log = open(self.folder / f"{words[0]}.log", "w")  # noqa: SIM115
        self.addCleanup(log.close)
        started = subprocess.Popen(
            [*self.prefix, *words], cwd=self.clone, env=environ, stdout=log, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.addCleanup(self.end, started)
        return started

    def end(self, process: "subprocess.Popen[str]") -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log_of(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    async def until(
        self, happened: Callable[[], object], what: str, process: "subprocess.Popen[str]", name: str
    ) -> None:
        def happened_yet() -> bool:
            if happened():
                return True
            self.assertIsNone(process.poll(), f"{what}: {self.log_of(name)}")
            return False

        await eventually(happened_yet, lambda: f"{what}: {self.log_of(name)}", PATIENCE)

    async def follow(self, *make: str) -> None:
        """Do what the README says."""
        running = self.command("make", "run", *make)
        await self.until(lambda: "is up: http" in self.log_of("make"), "daemon", running, "make")
        self.check_start(self.log_of("make"))
        if CHROMIUM and "without" not in self.log_of("make"):
            await self.meet()

        walking = self.command("bash", "-eu", "-c", self.script())
        if CHROMIUM and shutil.which("npm"):
            await self.look_at_page(walking)
        await self.until(lambda: walking.poll() is not None, "end", walking, "bash") if walking.poll() is None else None
        said = self.log_of("bash")
        self.assertEqual(0, walking.returncode, said)
        self.assertRegex(said, r'"text":"Tea is ready\."')
        self.assertIn('"code":"not-in-room"', said.splitlines()[-1])

        os.killpg(running.pid, signal.SIGINT)
        await eventually(lambda: running.poll() is not None, "make to end", 30)
        self.assertNotIn("Traceback", self.log_of("make"))
        self.check_clone()

    async def meet(self) -> None:
        """Two people sign up in a browser and talk; says how long that took from the clone on."""
        async with two_who_talk("http://127.0.0.1:4000/") as window:
            took = time.monotonic() - self.began
            await save(window, "first-minute")
        print(f"From clone to first message: {took:.0f} s; {FIRST_MESSAGE:.0f} s are asked")
        assert_within(3 * FIRST_MESSAGE, took)  # most of it is pip's and npm's downloads

    def check_start(self, log: str) -> None:
        self.assertRegex(log.splitlines()[0], r"^Installing JustChat and a MongoDB into \.venv: \d+ MB")
        self.assertIn("README.rst", log.splitlines()[-1])
        self.assertNotIn("deprecat", log.lower())
        self.assertNotIn("transitional", log)

    def script(self) -> str:
        """The walk-through's blocks; between the page and what follows it waits for the page to be looked at."""
        with_page = bool(CHROMIUM and shutil.which("npm"))
        sync = shlex.quote(str(self.home))
        parts = []
        for kind, text in blocks():
            if kind == "sh" or (kind == "bash" and with_page):
                parts.append(text)
            if kind == "page" and with_page:
                parts.append(
                    f'printf "%s\\n%s" "$PAGE" "$BOB" > {sync}/page.part; mv {sync}/page.part {sync}/page\n'
                    f"until [ -e {sync}/looking ]; do sleep 0.1; done"
                )
        return "\n\n".join(parts) if not with_page else "\n\n".join([*parts[:-1], self.wait_for_shown(), parts[-1]])

    def wait_for_shown(self) -> str:
        return f"until [ -e {shlex.quote(str(self.home))}/shown ]; do sleep 0.1; done"

    async def look_at_page(self, walking: "subprocess.Popen[str]") -> None:
        """Save the page where the README says, with Bob's key, and see in it what Ann says."""
        await self.until((self.home / "page").exists, "page", walking, "bash")
        folder, key = (self.home / "page").read_text().split("\n")
        (text,) = (text for kind, text in blocks() if kind == "page")
        page = Path(folder) / "page.html"
        page.write_text(text.replace("…", key))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        browser = Browser(page)
        self.addCleanup(browser.end)
        tools = await browser.tools()

        async def shows(what: str) -> None:
            async def shown() -> bool:
                return what in (await tools.evaluate("(document.getElementById('received') || {}).textContent") or "")

            await eventually(shown, lambda: f"{what} on the page; {browser.said}", 30)

        await shows('"user":')
        (self.home / "looking").touch()
        await shows("And there is cake.")
        (self.home / "shown").touch()
        tools.transport.loseConnection()

    def check_clone(self) -> None:
        """Nothing is left but what git ignores."""
        command = ["git", "-c", "safe.directory=*", "-c", "core.quotePath=false", "status", "--porcelain", "--ignored"]
        status = subprocess.run(command, cwd=self.clone, capture_output=True, text=True, check=True).stdout
        left = {(line[:2], line[3:].strip('"')) for line in status.splitlines()}
        self.assertEqual(set(), {entry for entry in left if entry[0] != "!!"})
        others = {path for _, path in left if not re.search(r"__pycache__/$", path)}
        self.assertLessEqual(others, IGNORED)

    async def test_by_whoever_this_is(self) -> None:
        """By root, or by the user who runs the tests."""
        self.prefix: list[str] = []
        await self.follow()

    async def test_by_plain_user(self) -> None:
        """By an ordinary user, with the system's Python."""
        if os.geteuid() or not shutil.which("useradd"):
            raise SkipTest("needs root, which makes a plain user")
        python = "/usr/bin/python3"
        if subprocess.run([python, "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"]).returncode:
            raise SkipTest("the system has no Python 3.11 with venv")
        subprocess.run(["useradd", "--no-create-home", "--home-dir", self.home, "--shell", "/bin/sh", USER], check=True)
        self.addCleanup(subprocess.run, ["userdel", USER], check=True)
        user = pwd.getpwnam(USER)
        subprocess.run(["chown", "-R", f"{USER}:", self.home], check=True)
        self.prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
        await self.follow(f"PYTHON={python}")
