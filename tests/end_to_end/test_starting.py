"""Successful starts: the daemon answers."""

import os
import re
import socket
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.support.chat import a_person, a_phone, a_room
from tests.support.client import call, request
from tests.support.mongo import fresh_uri
from tests.support.starting import ETC, StartCase, free_port
from tests.support.waiting import eventually

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
        """The data directory is readable by its owner alone, whatever the umask."""
        daemon = self.a_daemon()
        daemon.is_forked = False  # or the umask would be that of the process that forks
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
        """A client that connects while the daemon starts is served once it is up."""
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
        """A data directory's path may be longer than a Unix socket's; its socket is removed at the end."""
        folder = self.folder / ("long" * 32)
        folder.mkdir()
        temporary = self.folder / "tmp"
        temporary.mkdir()
        daemon = self.a_daemon(folder=folder, environ={"TMPDIR": str(temporary)})
        daemon.is_forked = False  # Python looks at TMPDIR once
        await daemon.start()

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
