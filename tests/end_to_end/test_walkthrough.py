"""The README's walk-through, pasted as a newcomer does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree
from twisted.trial.unittest import TestCase

from tests.support.daemon import Daemon

README = Path(__file__).parents[2] / "README.rst"
SAID = "Tea is ready."


def walk_through() -> str:
    """The shell commands of the README's walk-through, from top to bottom."""
    settings = {"syntax_highlight": "none", "_disable_config": True}
    document = publish_doctree(README.read_text("utf-8"), settings_overrides=settings)
    (section,) = (
        part for part in document.findall(nodes.section) if part.next_node(nodes.title).astext() == "Walk-through"
    )
    return "\n\n".join(block.astext() for block in section.findall(nodes.literal_block) if "sh" in block["classes"])


class WalkThroughTests(TestCase):
    """A daemon on an empty data directory; beside it a virtual environment, as in a checkout."""

    async def setUp(self) -> None:
        self.daemon = Daemon("--data-dir", "justchat-data")
        self.addCleanup(self.daemon.remove)
        (self.daemon.folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
        await self.daemon.start()

    def walk(self, *shell: str) -> str:
        """What the shell prints; fails unless every command succeeds."""
        script = walk_through()
        for port, ours in ((4000, self.daemon.http), (8000, self.daemon.websocket)):
            self.assertEqual(script.count(f"127.0.0.1:{port}\n"), 1)
            script = script.replace(f"127.0.0.1:{port}\n", f"127.0.0.1:{ours}\n")
        environ = {**os.environ, "TMPDIR": str(self.daemon.folder)}
        # A separate session, so that its background processes end with it.
        process = subprocess.Popen(
            [*shell, "-c", script],
            cwd=self.daemon.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.assertEqual((process.returncode, err), (0, ""), out)
        return out

    def test_sh(self) -> None:
        """Pasted into sh, the walk-through shows that Bob gets Ann's message, and ends with the error that it
        announces. On the same data it works a second time.
        """
        for _ in range(2):
            out = self.walk("sh", "-eu")

            self.assertRegex(out, rf'\n{{"event":"message","data":{{"error":null,.*"text":"{SAID}"')
            self.assertRegex(out.splitlines()[-1], r'{"error":"Forbidden","code":"not-in-room",')

    def test_history(self) -> None:
        """Pasted into bash, the walk-through shows what Ann said in the room's history."""

        out = self.walk("bash", "-eu")

        self.assertRegex(out, rf'\n +"text": "{SAID}"')
