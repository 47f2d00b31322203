"""Failed starts: one line and an exit code."""

import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.support.client import request
from tests.support.daemon import TWISTD
from tests.support.mongo import fresh_uri
from tests.support.starting import StartCase, free_port, processes
from tests.support.waiting import PATIENCE


class WrongStart(StartCase):
    async def test_unknown_option(self) -> None:
        """An unknown option is named."""
        line = await self.refusal("--nonsense")

        self.assertIn("--nonsense", line)

    async def test_stray_argument(self) -> None:
        """A stray argument is named."""
        line = await self.refusal("stray")

        self.assertIn("stray", line)

    async def test_missing_config(self) -> None:
        """A missing config file is named."""
        line = await self.refusal("--config", str(self.folder / "none.toml"))

        self.assertIn(str(self.folder / "none.toml"), line)

    async def test_broken_config(self) -> None:
        """A config file that is not TOML is named, with the place of the error."""
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

    async def test_wrong_words(self) -> None:
        """A word list that is missing, or has a wrong line, is named; --check-config says the same."""
        words = self.folder / "words.txt"
        words.write_text("good\n*\n")
        broken = self.a_config(f"[moderation]\nwords = '{words}'\n")
        missing = self.a_config(f"[moderation]\nwords = '{self.folder}/none.txt'\n")

        lines = await self.refusals(
            *(("--config", file, *check) for file in (broken, missing) for check in ((), ("--check-config",)))
        )

        self.assertEqual(lines[::2], lines[1::2])
        self.assertIn(f"[moderation] words: {words}: line 2:", lines[0])
        self.assertIn(f"[moderation] words: {self.folder}/none.txt: No such file", lines[2])

    async def test_nonsense_endpoint(self) -> None:
        """A malformed endpoint is named with its table."""
        wrong = (
            ("http", "nonsense"),
            ("http", "tcp:many"),
            ("http", "tcp:99999"),
            ("http", "tcp:0:interface=nowhere"),
            ("websocket", ""),
            ("websocket", "tcp:"),
            ("http", "systemd:domain=INET:index=0"),
            ("http", "systemd:domain=INET:name=none"),
            ("http", "unix:/no/such/folder/socket"),
        )

        lines = await self.refusals(*((f"--{table}", endpoint) for table, endpoint in wrong))

        for (table, endpoint), line in zip(wrong, lines, strict=True):
            self.assertIn(f"[{table}] endpoint", line)
            self.assertIn(endpoint, line)

    async def test_port_in_use(self) -> None:
        """A port in use is named with its table."""
        for table in ("http", "websocket"):
            endpoint = self.a_port_in_use()

            line = await self.refusal(f"--{table}", endpoint)

            self.assertIn(f"[{table}] endpoint", line)
            self.assertIn(endpoint, line)
            self.assertIn(f"take another one by --{table} tcp:", line)

    async def test_privileged_port(self) -> None:
        """A privileged port is named, with an unprivileged one to use."""
        if os.geteuid() or int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 1024:
            raise SkipTest("needs root, which gives up that right, on a machine where low ports are root's")
        daemon = self.a_daemon("--http", "tcp:81:interface=127.0.0.1")
        daemon.prefix = ["setpriv", "--bounding-set=-net_bind_service", "--"]
        daemon.spawn()

        self.assertGreater(await daemon.ended(), 0)

        line = self.one_line(daemon.log)
        self.assertIn("[http] endpoint", line)
        self.assertIn("--http tcp:8081:interface=127.0.0.1", line)

    async def test_mongo_refuses(self) -> None:
        """An unreachable MongoDB is reported."""
        port = free_port()

        line = await self.refusal("--mongo", f"mongodb://127.0.0.1:{port}/chat")

        self.assertIn("[mongo] uri", line)
        self.assertIn(str(port), line)

    async def test_nonsense_uri(self) -> None:
        """A malformed URI is reported."""
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
        """A wrong option of the URI is reported."""
        line = await self.refusal("--mongo", "mongodb://127.0.0.1/chat?authMechanism=nonsense")

        self.assertIn("authmechanism", line.lower())

    async def test_missing_authority(self) -> None:
        """A missing file of the URI is reported."""
        line = await self.refusal("--mongo", "mongodb://127.0.0.1/chat?tls=true&tlsCAFile=/no/such/file")

        self.assertIn("[mongo] uri", line)
        self.assertIn("/no/such/file", line)

    async def test_odd_places(self) -> None:
        """A file for the pid or the log that cannot be written is named, and a data directory that is not in UTF-8."""
        data = ["justchat", "--data-dir", str(self.data)]
        for options, named in (
            (["--pidfile=/nowhere/pid", *data], "--pidfile: /nowhere/pid"),
            (["--pidfile=", "--logfile=/nowhere/log", *data], "--logfile: /nowhere/log: No such file"),
            (
                ["--pidfile=", "justchat", "--data-dir", os.fsdecode(b"/nowhere/\xea")],
                r"'/nowhere/\udcea' is not in UTF-8",
            ),
        ):
            done = subprocess.run([TWISTD, "--nodaemon", *options], capture_output=True, text=True, timeout=PATIENCE)

            self.assertEqual((1, 1), (done.returncode, len(done.stderr.splitlines())), done.stderr)
            self.assertIn(named, done.stderr)

    async def test_data_dir_is_a_file(self) -> None:
        """A data directory that cannot be created is named."""
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
        """A bus that cannot be used is named with its address, and without its password."""
        config = self.a_config("[payments]\nsecret_key = 'a key'\n")
        port = free_port()
        joined = ("--config", config, "--mongo", fresh_uri())
        no_key = ("--mongo", fresh_uri(), "--bus", "redis://:hush@127.0.0.1")

        lines = await self.refusals(
            (*joined, "--bus", "amqp://:hush@127.0.0.1"),
            (*joined, "--bus", "redis://:hush@nowhere.invalid"),
            (*joined, "--bus", f"redis://:hush@127.0.0.1:{port}", "--check-config"),
            no_key,
        )
        shared = await self.refusal("--config", self.a_config("[limits]\nshared = true\n"))

        refused = f"127.0.0.1:{port}: connection refused"
        expected = ("redis://", "nowhere.invalid", refused, "[payments] secret_key")
        for named, line in zip(expected, lines, strict=True):
            self.assertIn("[bus] uri: ", line)
            self.assertIn(named, line)
            self.assertNotIn("hush", line)
        self.assertIn("[limits] shared: needs a [bus] uri", shared)

    async def test_broken_database(self) -> None:
        """An embedded database that cannot start is reported."""
        (self.data / "mongo").mkdir(parents=True)
        for name in ("WiredTiger", "WiredTiger.turtle", "WiredTiger.wt"):
            (self.data / "mongo" / name).write_bytes(b"garbage" * 100)

        line = await self.refusal()

        self.assertIn("the embedded database did not start", line)
        self.assertEqual([], processes(self.folder))
