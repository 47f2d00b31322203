"""Starting the daemon by hand, successfully or not."""

import contextlib  # a global "suppress" would be a setting of trial's
import itertools
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.support.daemon import Daemon
from tests.support.kept import note_module
from tests.support.mongo import drop, empty_uri

LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[[^]]*\] ")
NUMBER = re.compile(r" \(incident [0-9a-f]+\)$")
ETC = Path(__file__).parents[2] / "etc"


def processes(folder: Path) -> list[int]:
    """The processes whose command line names a folder or what is in it."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.fsencode(folder) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def occupied() -> socket.socket:
    """A socket that occupies a port."""
    return socket.create_server(("127.0.0.1", 0))


def free_port() -> int:
    with occupied() as holder:
        port: int = holder.getsockname()[1]
        return port


class StartCase(TestCase):
    is_forked = True
    """See ``Daemon``."""
    embedded = True
    """Whether daemons start a MongoDB, which takes longer than they take; else each has a database of the tests'."""

    def setUp(self) -> None:
        note_module(self)
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.data = self.folder / "data"
        self.numbers = itertools.count(1)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def a_daemon(self, *options: str, folder: Path | None = None, environ: dict[str, str] | None = None) -> Daemon:
        """A daemon that is not started yet."""
        if not self.embedded and "--mongo" not in options:
            uri = empty_uri()
            self.addCleanup(drop, uri)
            options = ("--mongo", uri, *options)
        daemon = Daemon(*options, folder=folder or self.folder, environ=environ)
        daemon.is_forked = self.is_forked

        async def end() -> None:
            if daemon.process is not None and daemon.process.poll() is None:
                await daemon.stop()

        self.addCleanup(end)
        return daemon

    def a_config(self, text: str) -> str:
        file = self.folder / f"{next(self.numbers)}.justchat.toml"
        file.write_text(text)
        return str(file)

    def a_port_in_use(self) -> str:
        """The endpoint of a port in use."""
        holder = occupied()
        self.addCleanup(holder.close)
        return f"tcp:{holder.getsockname()[1]}:interface=127.0.0.1"

    async def refusal(self, *options: str) -> str:
        """The one line that says why a daemon does not start."""
        (line,) = await self.refusals(options)
        return line

    async def refusals(self, *starts: Sequence[str]) -> list[str]:
        """The same for several daemons that start at once, each on another data directory."""
        daemons = [self.a_daemon("--data-dir", str(self.data), *options) for options in starts]
        for daemon in daemons:
            daemon.folder = self.folder / f"start{next(self.numbers)}"
            daemon.folder.mkdir()
            daemon.spawn()
        for daemon in daemons:
            self.assertGreater(await daemon.ended(), 0, daemon.log)
        return [self.one_line(daemon.log) for daemon in daemons]

    def one_line(self, output: str) -> str:
        """Assert that the output is one line, not a traceback or a usage text.

        Once its log has begun, twistd puts what it writes to stderr there, and the log on stdout.
        """
        plain = [line for line in output.splitlines() if not LOGGED.match(line)]
        logged = [LOGGED.sub("", line) for line in output.splitlines() if LOGGED.match(line)]
        logged = [NUMBER.sub("", line) for line in logged]
        said = {*plain, *(line for line in logged if line.startswith("justchat: "))}
        self.assertEqual(1, len(said), output)
        line = said.pop()
        self.assertTrue(line.startswith("justchat: "), output)
        self.assertNotIn("Traceback", output)
        self.assertNotIn("Usage:", output)
        return line.removeprefix("justchat: ")
