"""The first hour of a newcomer and of an operator."""

import os
import signal
import subprocess

from twisted.trial.unittest import SkipTest

from justchat import __version__
from tests.support.client import request
from tests.support.starting import ETC, LOGGED, StartCase, free_port
from tests.support.waiting import eventually


class CommandLine(StartCase):
    async def said(self, *options: str) -> tuple[int, list[str]]:
        """The exit code and the lines of a command that ends."""
        daemon = self.a_daemon(*options)
        daemon.spawn()
        return await daemon.ended(), daemon.log.splitlines()

    async def test_version(self) -> None:
        """--version is JustChat's."""
        self.assertEqual((0, [f"JustChat {__version__}"]), await self.said("--version"))

    async def test_check_config(self) -> None:
        """--check-config accepts good settings, and neither creates nor binds anything."""
        config = self.a_config((ETC / "justchat.toml").read_text())

        code, lines = await self.said("--check-config", "--config", config, "--http", self.a_port_in_use())

        self.assertEqual((0, 1), (code, len(lines)), lines)
        self.assertFalse(self.data.exists())

    async def test_check_wrong_config(self) -> None:
        """It reports every error of wrong settings, one line each."""
        config = self.a_config('[http]\nport = 1\n[limits]\ntext = "long"\n[sms]\nsuccess_value = 1.5\n')

        code, lines = await self.said("--check-config", "--config", config)

        self.assertEqual(1, code)
        self.assertEqual(3, len(lines), lines)
        for named, line in zip(("[http] port", "[sms] success_value", "[limits] text"), lines, strict=True):
            self.assertTrue(line.startswith("justchat: ") and named in line, line)

    async def test_check_unreachable(self) -> None:
        """It reports everything that cannot be reached, and not only the first."""
        nobody = f"127.0.0.1:{free_port()}"
        config = self.a_config("[payments]\nsecret_key = 'a key'\n")
        away = ("--mongo", f"mongodb://{nobody}/chat", "--bus", f"redis://{nobody}")

        code, lines = await self.said("--check-config", "--config", config, "--http", "nonsense:1", *away)

        self.assertEqual(1, code)
        self.assertEqual(3, len(lines), lines)
        for named, line in zip(("[http] endpoint", "[mongo] uri", "[bus] uri"), lines, strict=True):
            self.assertIn(named, line)

    async def test_gateway_without_text(self) -> None:
        """A gateway whose request lacks the key or the phone is refused."""
        for missing, body in (("{text}", '{"to": "{phone}"}'), ("{phone}", '{"text": "{text}"}')):
            sms = f"[sms]\nsender = 'http'\nurl = 'http://127.0.0.1/'\nbody = '{body}'\n"

            line = await self.refusal("--config", self.a_config(sms))

            self.assertIn("[sms]", line)
            self.assertIn(missing, line)


class FirstStart(StartCase):
    is_forked = False

    async def test_last_lines(self) -> None:
        """The last lines of a start say that it is up, where, and what to do next, after any warnings."""
        daemon = await self.a_daemon("--http", "tcp:0", "--websocket", "tcp:0").start_anywhere()
        await request(daemon.http, "GET", "/livez")  # is answered after the turn that logs them

        lines = [LOGGED.sub("", line) for line in daemon.log.splitlines()]

        up, then = lines[-2:]
        self.assertEqual(f"JustChat {__version__} is up: http://127.0.0.1:{daemon.http}/", up)
        self.assertIn("README.rst", then)
        self.assertIn(str(daemon.data / "sms-outbox.jsonl"), then)
        self.assertNotRegex(daemon.log, r"0x[0-9a-f]{6,}|(Starting|Stopping) factory")
        warned = [line for line in daemon.log.splitlines() if "#warn]" in line]
        self.assertEqual(2, len(warned), warned)
        self.assertRegex(warned[0], r"\[http\], \[websocket\] endpoint: plain HTTP")
        for setting in ("show_phones", "show_registered", "allow_unnumbered", "require_session"):
            self.assertIn(setting, warned[1])

    async def test_production(self) -> None:
        """The production sample gives one warning, for plain HTTP."""
        sample = str(ETC / "justchat.toml")

        daemon = await self.a_daemon("--config", sample, "--http", "tcp:0", "--websocket", "tcp:0").start_anywhere()

        warned = [line for line in daemon.log.splitlines() if "#warn]" in line]
        self.assertEqual(1, len(warned), warned)
        self.assertIn("plain HTTP", warned[0])

    async def test_hangup(self) -> None:
        """SIGHUP, to the daemon and all it has started, ends nothing."""
        daemon = await self.a_daemon().start()
        assert daemon.process is not None

        for pid in (daemon.process.pid, *children(daemon.process.pid)):
            if "mongod" not in command_of(pid):
                os.kill(pid, signal.SIGHUP)

        await eventually(lambda: "SIGHUP" in daemon.log, "a word on it")
        self.assertEqual(200, (await request(daemon.http, "GET", "/readyz")).status)
        self.assertNotIn("#error]", daemon.log)

    async def test_interrupted(self) -> None:
        """Ctrl-C at any moment of the start ends it without a traceback, and leaves nothing running."""
        for moment in ("", "FastLane starting", "starting up", "reactor class", "listens on"):
            daemon = self.a_daemon(folder=self.folder)
            daemon.settings = '[log]\nlevel = "debug"\n'
            daemon.prefix = ["setsid"]
            daemon.spawn()
            assert daemon.process is not None
            # The first is while it imports what it needs; before that it is Python's and Twisted's.
            begun = [lambda: self.data.exists(), lambda d=daemon, m=moment: m in d.log][bool(moment)]
            await eventually(begun, moment or "the data directory")

            os.killpg(daemon.process.pid, signal.SIGINT)

            await daemon.ended()
            self.assertNotIn("Traceback", daemon.log)
            self.assertNotIn("the process that", daemon.log)

    async def test_full_disk(self) -> None:
        """A first start on a full disk is one line and creates no secret; with space again it starts."""
        self.data.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=700", "tmpfs", str(self.data)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            raise SkipTest("needs the right to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(self.data)], check=True)
        filler = self.data / "filler"
        for size in (2**20, 1):
            with filler.open("ab", buffering=0) as file:
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    pass
        daemon = self.a_daemon("--data-dir", str(self.data))

        daemon.spawn()
        self.assertGreater(await daemon.ended(), 0)

        self.assertIn("No space left on device", self.one_line(daemon.log))
        self.assertFalse((self.data / "payments-secret-key").exists())
        filler.unlink()
        await daemon.start()
        self.assertEqual(43, (self.data / "payments-secret-key").stat().st_size)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return [int(child) for child in listed.read().split()]


def command_of(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline", "rb") as command:
        return command.read().replace(b"\0", b" ").decode()
