"""Starting: a wrong start is one line and an exit code, a good one is a daemon that answers."""

import contextlib  # a global "suppress" would be a setting of trial's
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from tests.support.chat import a_person, a_phone, a_room
from tests.support.client import call, eventually, request
from tests.support.daemon import LOOPBACK, TWISTD, Daemon
from tests.support.mongo import fresh_uri

LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[[^]]*\] ")
ETC = Path(__file__).parents[2] / "etc"
EVERY_TABLE = """
    [http]
    endpoint = "tcp:4000"
    [websocket]
    endpoint = "tcp:8000"
    [mongo]
    [bus]
    [sms]
    sender = "outbox"
    [payments]
    secret_key = "a secret"
    [limits]
    enabled = false
    [sessions]
    lifetime = 3600
    [privacy]
    show_phones = false
    [uploads]
    require_session = true
"""


def processes(folder: Path) -> list[int]:
    """The processes whose command line names a folder or what is in it."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.fsencode(folder) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def occupied() -> socket.socket:
    """A socket that holds a port of its own."""
    return socket.create_server(("127.0.0.1", 0))


def free_port() -> int:
    with occupied() as holder:
        port: int = holder.getsockname()[1]
        return port


class StartCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.data = self.folder / "data"
        self.numbers = itertools.count(1)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def a_daemon(self, *options: str, folder: Path | None = None, environ: dict[str, str] | None = None) -> Daemon:
        """One that is not started yet."""
        daemon = Daemon(*options, folder=folder or self.folder, environ=environ)

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
        """The endpoint of a port that somebody else has."""
        holder = occupied()
        self.addCleanup(holder.close)
        return f"tcp:{holder.getsockname()[1]}:interface=127.0.0.1"

    async def refusal(self, *options: str) -> str:
        """The one line with which a daemon says why it does not start."""
        (line,) = await self.refusals(options)
        return line

    async def refusals(self, *starts: Sequence[str]) -> list[str]:
        """The same of several that start at once, each on a data directory of its own."""
        daemons = [self.a_daemon("--data-dir", str(self.data), *options) for options in starts]
        for daemon in daemons:
            daemon.folder = self.folder / f"start{next(self.numbers)}"
            daemon.folder.mkdir()
            daemon.spawn()
        for daemon in daemons:
            self.assertGreater(await daemon.ended(60), 0, daemon.log)
        return [self.one_line(daemon.log) for daemon in daemons]

    def one_line(self, output: str) -> str:
        """What it says is one line, not a traceback or a list of options.

        Once its log has begun, twistd puts what it writes to stderr there, and the log on stdout.
        """
        plain = [line for line in output.splitlines() if not LOGGED.match(line)]
        logged = [LOGGED.sub("", line) for line in output.splitlines() if LOGGED.match(line)]
        said = {*plain, *(line for line in logged if line.startswith("justchat: "))}
        self.assertEqual(1, len(said), output)
        line = said.pop()
        self.assertTrue(line.startswith("justchat: "), output)
        self.assertNotIn("Traceback", output)
        self.assertNotIn("Usage:", output)
        return line.removeprefix("justchat: ")


class WrongStart(StartCase):
    async def test_unknown_option(self) -> None:
        """An option that there is not is named."""
        line = await self.refusal("--nonsense")

        self.assertIn("--nonsense", line)

    async def test_stray_argument(self) -> None:
        """An argument that belongs to nothing is named."""
        line = await self.refusal("stray")

        self.assertIn("stray", line)

    async def test_missing_config(self) -> None:
        """A config file that is not there is named."""
        line = await self.refusal("--config", str(self.folder / "none.toml"))

        self.assertIn(str(self.folder / "none.toml"), line)

    async def test_broken_config(self) -> None:
        """A config file that is no TOML is named, with the place."""
        line = await self.refusal("--config", self.a_config("[http\n"))

        self.assertRegex(line, r"justchat\.toml.*line 1")

    async def test_wrong_setting(self) -> None:
        """An unknown table, an unknown key, a value of the wrong type: the line names the table and the key."""
        wrong = (
            ("[nonsense]\n", "[nonsense]"),
            ("nonsense = 1\n", "[nonsense]"),
            ("[http]\nport = 4000\n", "[http] port"),
            ("[http]\ndebug = 'yes'\n", "[http] debug"),
            ("[limits]\ntext = 'long'\n", "[limits] text"),
            ("[sessions]\nlifetime = 0\n", "[sessions] lifetime"),
            ("[sms]\nsender = 'pigeon'\n", "[sms] sender"),
        )

        lines = await self.refusals(*(("--config", self.a_config(text)) for text, _ in wrong))

        for (_, named), line in zip(wrong, lines, strict=True):
            self.assertIn(named, line)

    async def test_nonsense_endpoint(self) -> None:
        """An endpoint that is none is named with its table."""
        wrong = (
            ("http", "nonsense"),
            ("http", "tcp:many"),
            ("http", "tcp:99999"),
            ("http", "tcp:0:interface=nowhere"),
            ("websocket", ""),
            ("websocket", "tcp:"),
        )

        lines = await self.refusals(*((f"--{table}", endpoint) for table, endpoint in wrong))

        for (table, endpoint), line in zip(wrong, lines, strict=True):
            self.assertIn(f"[{table}] endpoint", line)
            self.assertIn(endpoint, line)

    async def test_port_in_use(self) -> None:
        """A port that somebody else has is named with its table."""
        for table in ("http", "websocket"):
            endpoint = self.a_port_in_use()

            line = await self.refusal(f"--{table}", endpoint)

            self.assertIn(f"[{table}] endpoint", line)
            self.assertIn(endpoint, line)

    async def test_mongo_refuses(self) -> None:
        """A MongoDB that nobody answers at is told of."""
        port = free_port()

        line = await self.refusal("--mongo", f"mongodb://127.0.0.1:{port}/chat")

        self.assertIn("[mongo] uri", line)
        self.assertIn(str(port), line)

    async def test_nonsense_uri(self) -> None:
        """A URI that is none is told of."""
        uris = (
            "nonsense",
            "",
            "mongodb://",
            "mongodb://127.0.0.1:99999/chat",
            "mongodb://a:b:c@127.0.0.1/chat",
        )

        lines = await self.refusals(*(("--mongo", uri) for uri in uris))

        for line in lines:
            self.assertIn("[mongo] uri", line)

    async def test_uri_option(self) -> None:
        """An option of the URI that is nonsense is told of."""
        line = await self.refusal("--mongo", "mongodb://127.0.0.1/chat?authMechanism=nonsense")

        self.assertIn("authmechanism", line.lower())

    async def test_missing_authority(self) -> None:
        """A file that the URI names and that is not there is told of."""
        line = await self.refusal("--mongo", "mongodb://127.0.0.1/chat?tls=true&tlsCAFile=/no/such/file")

        self.assertIn("[mongo] uri", line)
        self.assertIn("/no/such/file", line)

    async def test_data_dir_is_a_file(self) -> None:
        """A data directory that cannot be made is named."""
        self.data.write_text("in the way")

        line = await self.refusal()

        self.assertIn(str(self.data), line)

    async def test_second_daemon(self) -> None:
        """A second daemon on one data directory is refused, and the first goes on."""
        first = await self.a_daemon().start()

        line = await self.refusal("--data-dir", str(first.data))

        self.assertIn(str(first.data), line)
        self.assertEqual(200, (await request(first.http, "GET", "/readyz")).status)

    async def test_bus(self) -> None:
        """A bus is refused while there is none."""
        line = await self.refusal("--bus", "amqp://127.0.0.1")

        self.assertIn("[bus] uri", line)

    async def test_broken_database(self) -> None:
        """An embedded database that cannot start is told of."""
        (self.data / "mongo").mkdir(parents=True)
        for name in ("WiredTiger", "WiredTiger.turtle", "WiredTiger.wt"):
            (self.data / "mongo" / name).write_bytes(b"garbage" * 100)

        line = await self.refusal()

        self.assertIn("the embedded database did not start", line)
        self.assertEqual([], processes(self.folder))


class Daemonized(StartCase):
    """Without --nodaemon: the process started forks, and is judged by its exit code."""

    def setUp(self) -> None:
        super().setUp()
        self.pid_file, self.log_file = self.folder / "pid", self.folder / "log"
        self.addCleanup(self.end)

    async def end(self) -> None:
        for pid in processes(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        await self.gone()

    async def gone(self) -> None:
        await eventually(lambda: not processes(self.folder), "every process to end")

    async def launch(self, *options: str) -> tuple[int, str]:
        """The exit code and the output of the process that forks."""
        command = [TWISTD, f"--pidfile={self.pid_file}", "-l", str(self.log_file), "justchat"]
        command += ["--data-dir", str(self.data), "--http", LOOPBACK, "--websocket", LOOPBACK, *options]
        output = self.folder / "output"
        parent = self.spawn(command, output)
        for _ in range(3000):
            if parent.poll() is not None:
                return parent.returncode, output.read_text()
            await deferLater(reactor, 0.02)
        raise AssertionError(f"it does not fork: {output.read_text()}")

    def spawn(self, command: list[str], output: Path) -> "subprocess.Popen[bytes]":
        with open(output, "wb") as opened:
            return subprocess.Popen(command, stdout=opened, stderr=subprocess.STDOUT, cwd=self.folder)

    async def launched(self) -> int:
        """A daemon that is up; its HTTP port."""
        code, output = await self.launch()
        self.assertEqual((0, ""), (code, output))
        for _ in range(1500):
            found = dict(re.findall(r"(http|websocket) listens on 127\.0\.0\.1:(\d+)", self.log_file.read_text()))
            if len(found) == 2:
                return int(found["http"])
            await deferLater(reactor, 0.02)
        raise AssertionError(f"it does not listen: {self.log_file.read_text()}")

    async def refused(self, *options: str) -> str:
        """The one line of the process started, once that has failed and nothing is left running."""
        code, output = await self.launch(*options)
        self.assertGreater(code, 0, output)
        await self.gone()
        self.assertFalse(self.pid_file.exists())
        return self.one_line(output)

    async def test_port_in_use(self) -> None:
        """A port that somebody else has is one line of the process started."""
        for table in ("http", "websocket"):
            endpoint = self.a_port_in_use()

            line = await self.refused(f"--{table}", endpoint)

            self.assertIn(f"[{table}] endpoint", line)
            self.assertIn(endpoint, line)

    async def test_wrong_setting(self) -> None:
        """A wrong setting is one line of the process started."""
        line = await self.refused("--config", self.a_config("[limits]\ntext = 'long'\n"))

        self.assertIn("[limits] text", line)

    async def test_mongo_refuses(self) -> None:
        """A MongoDB that nobody answers at is one line of the process started."""
        line = await self.refused("--mongo", f"mongodb://127.0.0.1:{free_port()}/chat")

        self.assertIn("[mongo] uri", line)

    async def test_broken_database(self) -> None:
        """A daemon whose database cannot start ends and says so in its log."""
        (self.data / "mongo").mkdir(parents=True)
        for name in ("WiredTiger", "WiredTiger.turtle"):
            (self.data / "mongo" / name).write_bytes(b"garbage" * 100)

        await self.launch()

        await self.gone()
        self.assertIn("justchat: the embedded database did not start", self.log_file.read_text())

    async def test_ready(self) -> None:
        """A daemon that forked answers /readyz."""
        port = await self.launched()

        answer = await request(port, "GET", "/readyz")

        self.assertEqual(200, answer.status)

    async def test_stop(self) -> None:
        """Stopped by its pid file, it removes that, and its database ends with it."""
        await self.launched()

        os.kill(int(self.pid_file.read_text()), signal.SIGTERM)

        await self.gone()
        self.assertFalse(self.pid_file.exists())


class GoodStart(StartCase):
    async def test_command_line_wins(self) -> None:
        """An option on the command line wins over the file."""
        wrong = self.a_port_in_use()
        config = self.a_config(
            f'[http]\nendpoint = "{wrong}"\n[websocket]\nendpoint = "{wrong}"\n[mongo]\nuri = "nonsense"\n'
        )

        daemon = await self.a_daemon("--config", config, "--mongo", fresh_uri()).start()

        self.assertEqual(200, (await request(daemon.http, "GET", "/readyz")).status)

    async def test_every_table(self) -> None:
        """Every table of the contract may be in the file."""
        daemon = await self.a_daemon("--config", self.a_config(EVERY_TABLE)).start()

        self.assertEqual(200, (await request(daemon.http, "GET", "/readyz")).status)

    async def test_sample_config(self) -> None:
        """The sample of every setting is a good start."""
        if not (ETC / "justchat.toml").exists():
            raise SkipTest("there is no sample yet")

        daemon = await self.a_daemon("--config", str(ETC / "justchat.toml")).start()

        self.assertEqual(200, (await request(daemon.http, "GET", "/readyz")).status)

    async def test_modes(self) -> None:
        """What is in the data directory is for its owner alone, whatever the umask."""
        daemon = self.a_daemon()
        umask = os.umask(0)
        try:
            daemon.spawn()
        finally:
            os.umask(umask)
        await eventually(lambda: "websocket listens" in daemon.log, "the daemon to listen")
        daemon.http = int(re.findall(r"http listens on 127\.0\.0\.1:(\d+)", daemon.log)[0])
        await a_person(daemon)

        modes = {path: path.stat().st_mode & 0o777 for path in [self.data, *self.data.rglob("*")]}

        self.assertLessEqual({self.data / "sms-outbox.jsonl", self.data / "payments-secret-key"}, modes.keys())
        wrong = {path: oct(mode) for path, mode in modes.items() if mode != (0o600 if path.is_file() else 0o700)}
        self.assertEqual({}, wrong)

    async def test_early_client(self) -> None:
        """A client who connects while the daemon starts is served once it is up."""
        port = free_port()
        daemon = self.a_daemon("--http", f"tcp:{port}:interface=127.0.0.1")
        daemon.spawn()

        def bound() -> bool:
            with socket.socket() as attempt:
                return attempt.connect_ex(("127.0.0.1", port)) == 0

        await eventually(bound, "the port to be bound")
        self.assertNotIn("http listens", daemon.log)

        answer = await call(port, "/init/reg", {"phone": a_phone()})

        self.assertEqual(201, answer.status)

    async def test_no_network_socket(self) -> None:
        """The embedded database has no network socket open."""
        daemon = await self.a_daemon().start()
        process = Path(f"/proc/{daemon.mongod_pid()}")

        links = [os.readlink(link) for link in (process / "fd").iterdir()]

        inodes = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
        network = {
            line.split()[9]
            for table in ("tcp", "tcp6", "udp", "udp6")
            for line in (process / "net" / table).read_text().splitlines()[1:]
        }
        self.assertTrue(inodes)
        self.assertEqual(set(), inodes & network)

    async def test_long_path(self) -> None:
        """A data directory may have a path longer than a Unix socket's; what that needs is removed at the end."""
        folder = self.folder / ("long" * 32)
        folder.mkdir()
        temporary = self.folder / "tmp"
        temporary.mkdir()
        daemon = await self.a_daemon(folder=folder, environ={"TMPDIR": str(temporary)}).start()

        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        said = await anna.say(room, "from afar")
        await daemon.stop()

        self.assertEqual(200, said.status)
        self.assertEqual([], list(temporary.rglob("*.sock")))

    async def test_footprint(self) -> None:
        """A fresh data directory takes less than 30 MB."""
        daemon = await self.a_daemon().start()
        await a_person(daemon)

        size = sum(path.stat().st_blocks * 512 for path in self.data.rglob("*"))

        self.assertLess(size, 30_000_000)
