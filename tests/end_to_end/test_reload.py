"""SIGHUP reloads the settings, of a daemon that serves people meanwhile."""

import hashlib
import os
import re
import signal
import socket
import ssl
from pathlib import Path

from twisted.internet.threads import deferToThread

from tests.support.certificates import Authority
from tests.support.chat import Person, a_person, a_phone, a_room, last_sms
from tests.support.client import call, listen
from tests.support.daemon import Daemon
from tests.support.fault_workers import children
from tests.support.starting import StartCase
from tests.support.waiting import eventually
from tests.support.webhooks import Receiver

EXEMPT = 'exempt = ["127.0.0.0/8", "::1/128"]\n'


class ReloadCase(StartCase):
    embedded = False
    options: tuple[str, ...] = ()

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.config = self.folder / "justchat.toml"
        self.words = self.folder / "words.txt"
        self.words.write_text("daisy\n")

    def write(self, text: str) -> None:
        self.config.write_text(text)

    async def started(self, text: str, *options: str) -> Daemon:
        self.write(text)
        return await self.a_daemon("--config", str(self.config), *self.options, *options).start()

    async def reloaded(self, daemon: Daemon) -> str:
        """The line that says what a SIGHUP has done."""
        before = daemon.log.count("SIGHUP")
        assert daemon.process is not None
        os.kill(daemon.process.pid, signal.SIGHUP)
        await eventually(lambda: daemon.log.count("SIGHUP") > before, lambda: daemon.log)
        return [line for line in daemon.log.splitlines() if "SIGHUP" in line][-1]


class OneDaemon(ReloadCase):
    async def test_settings(self) -> None:
        """Limits, words, texts of SMS and the level of the log apply at once; the rest is named. No socket is lost."""
        daemon = await self.started(f"[limits]\n{EXEMPT}")
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        said = await anna.say(room, "a daisy")
        self.assertEqual("a daisy", said.data["message"]["text"])

        self.write(
            f'[limits]\n{EXEMPT}text = 10\n[moderation]\nwords = "{self.words}"\n[log]\nlevel = "debug"\n'
            '[sms]\ntext = "Anew: {key}"\n[privacy]\nshow_phones = false\n'
        )
        line = await self.reloaded(daemon)

        self.assertIn(
            "changed: [limits] text, [log] level, [moderation] words, [sms] text, the word list; needs a restart:"
            " [privacy] show_phones",
            line,
        )
        self.assertEqual("a *****", (await anna.say(room, "a daisy")).data["message"]["text"])
        self.assertEqual(400, (await anna.say(room, "x" * 11)).status)
        phone = a_phone()
        await call(daemon.http, "/init/reg", {"phone": phone})
        self.assertIn("Anew:", last_sms(daemon, phone))
        self.assertIn("nothing; needs a restart: [privacy] show_phones", await self.reloaded(daemon))
        self.write(self.config.read_text().replace('"debug"', '"error"'))
        self.assertIn("changed: [log] level", await self.reloaded(daemon))

    async def test_refused(self) -> None:
        """With a fault in the settings, or in a file that they name, nothing changes, and one line says so."""
        daemon = await self.started("[limits]\ntext = 10\n")
        for wrong in (
            "[limits]\ntext = 0\nname = 0\n",
            "not TOML",
            '[limits]\ntext = 20\n[moderation]\nwords = "/nonexistent"\n',
        ):
            self.write(wrong)

            line = await self.reloaded(daemon)

            self.assertRegex(line, r"#error\] SIGHUP: refused, nothing has changed: ")
        self.assertEqual(3, daemon.log.count("SIGHUP"))
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        self.assertEqual(400, (await anna.say(room, "x" * 11)).status)

    async def test_rates(self) -> None:
        """A rate that is lowered holds for those who were counted before; a secret for top-ups is the new one."""
        daemon = await self.started("[payments]\nsecret_key = 'the first secret'\n")
        anna = await a_person(daemon)
        await anna.shown()

        self.write("[limits]\nread = '1/hour'\n[payments]\nsecret_key = 'the second secret'\n")
        line = await self.reloaded(daemon)

        self.assertIn("changed: [limits] read, [payments] secret_key", line)
        self.assertNotIn("second secret", daemon.log)
        statuses = {(await anna.call("/init/getUser")).status for _ in range(3)}
        self.assertIn(429, statuses)

    async def test_webhooks(self) -> None:
        """A webhook that is added is told of what happens from now on; one that is removed no more."""
        first, second = Receiver(), Receiver()
        for receiver in (first, second):
            self.addCleanup(receiver.server.stop)
        daemon = await self.started(f"[limits]\n{EXEMPT}" + first.settings("user.new"))
        anna = await a_person(daemon)
        await first.next_of("user.new", _id=anna.id)

        self.write(f"[limits]\n{EXEMPT}" + second.settings("user.new", "message.new"))
        line = await self.reloaded(daemon)

        self.assertIn("changed: [[webhooks]]; needs a restart: nothing", line)
        boris = await a_person(daemon)
        room = await a_room(boris, boris)
        await boris.say(room, "hello")
        self.assertEqual(["hello"], await second.texts(room, 1))
        await second.next_of("user.new", _id=boris.id)
        self.assertEqual([], first.of("user.new", _id=boris.id))
        self.write(f"[limits]\n{EXEMPT}")
        self.assertIn("changed: [[webhooks]]", await self.reloaded(daemon))
        await boris.say(room, "unheard")
        await daemon.stop()
        self.assertEqual(["hello"], await second.texts(room, 1))

    async def test_certificate(self) -> None:
        """New connections get the new certificate; those that are open stay. A wrong key is refused."""
        authority = Authority(self.folder)
        pem = self.folder / "server.pem"
        pem.write_bytes(authority.issue("first").read_bytes())
        endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
        daemon = await self.started(f'[metrics]\nendpoint = "{endpoint}"\n', "--http", endpoint)
        context = ssl.create_default_context(cafile=str(authority.certificate))

        def connected(port: int = 0) -> ssl.SSLSocket:
            plain = socket.create_connection(("127.0.0.1", port or daemon.http))
            return context.wrap_socket(plain, server_hostname="localhost")

        before = await deferToThread(connected)
        self.addCleanup(before.close)
        self.assertEqual("first", subject_of(before))
        pem.write_bytes(authority.issue("second").read_bytes())

        line = await self.reloaded(daemon)

        self.assertIn("changed: the certificate of [http], the certificate of [metrics]", line)
        for port in (daemon.http, daemon.metrics):
            after = await deferToThread(connected, port)
            self.addCleanup(after.close)
            self.assertEqual("second", subject_of(after))
        self.assertIn(b"200 OK", await deferToThread(asked, before))
        pem.write_text("no certificate")
        self.assertIn("nothing has changed", await self.reloaded(daemon))
        again = await deferToThread(connected)
        self.addCleanup(again.close)
        self.assertEqual("second", subject_of(again))


def asked(connection: ssl.SSLSocket) -> bytes:
    """The answer to a request."""
    connection.settimeout(60)
    connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection.recv(4096)


class Workers(ReloadCase):
    async def test_workers(self) -> None:
        """All that reloads does so in all workers, in one that is started later too; no socket is lost."""
        receiver, authority = Receiver(), Authority(self.folder)
        self.addCleanup(receiver.server.stop)
        pem, secret = self.folder / "server.pem", self.folder / "secret"
        pem.write_bytes(authority.issue("first").read_bytes())
        secret.write_text("first-secret-0123456789")
        basis = f'[payments]\nsecret_key = {{ file = "{secret}" }}\n[log]\naccess = true\n[limits]\n{EXEMPT}'
        endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
        daemon = await self.started(basis, "--workers", "2", "--websocket", endpoint)
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        self.assertEqual("a long daisy", (await anna.say(room, "a long daisy")).data["message"]["text"])
        sockets = [await listen(daemon.http, "/ws") for _ in range(8)]
        for socket_ in sockets:
            await socket_.bind(anna.session_key)
        pem.write_bytes(authority.issue("second").read_bytes())
        secret.write_text("second-secret-0123456789")
        self.write(basis + f'text = 10\n[moderation]\nwords = "{self.words}"\n' + receiver.settings("message.new"))

        line = await self.reloaded(daemon)

        self.assertIn(
            "changed: [[webhooks]], [limits] text, [moderation] words, [payments] secret_key,"
            " the certificate of [websocket], the word list; needs a restart: nothing",
            line,
        )
        await self.all_have_reloaded(daemon, anna, room, str(authority.certificate))
        assert daemon.process is not None
        worker = next(pid for pid in children(daemon.process.pid) if re.match(r"worker \d", name_of_process(pid)))
        self.assertEqual([False] * 8, [socket_.gone.called for socket_ in sockets])
        await anna.say(room, "the last")
        for socket_ in sockets:
            while (await socket_.next())["data"].get("text") != "the last":
                pass
        await receiver.next_of("message.new", text="the last")
        os.kill(worker, signal.SIGKILL)
        await eventually(lambda: "started again" in daemon.log, lambda: daemon.log)
        await self.all_have_reloaded(daemon, anna, room, str(authority.certificate))
        self.write(self.config.read_text().replace("access = true", 'access = true\nlevel = "error"'))
        os.kill(daemon.process.pid, signal.SIGHUP)

        async def are_quiet() -> bool:
            before = len(daemon.log)
            for _ in range(12):
                await anna.shown()
            return "justchat.access" not in daemon.log[before:]

        await eventually(are_quiet, "workers that log errors alone")

    async def all_have_reloaded(self, daemon: Daemon, anna: Person, room: str, authority: str) -> None:
        """Connections of their own reach each worker sooner or later: each has the new limit, words, secret and
        certificate.
        """
        context = ssl.create_default_context(cafile=authority)

        def subject() -> str:
            plain = socket.create_connection(("127.0.0.1", daemon.websocket))
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                return subject_of(connection)

        in_turn = 0

        async def is_new() -> bool:
            nonlocal in_turn
            said = await anna.say(room, "a daisy")
            found = (
                (await anna.say(room, "x" * 11)).status,
                said.data["message"]["text"] if said.status == 200 else said.status,
                (await anna.call("/user/updateBalance", balance=1, secret=md5_of("first-secret-0123456789", 1))).status,
                await deferToThread(subject),
            )
            in_turn = in_turn + 1 if found == (400, "a *****", 403, "second") else 0
            return in_turn > 12

        await eventually(is_new, "all workers to have reloaded", 60)
        paid = await anna.call("/user/updateBalance", balance=1, secret=md5_of("second-secret-0123456789", 1))
        self.assertEqual(200, paid.status, paid)


def md5_of(secret: str, balance: int) -> str:
    """What signs a top-up without a number."""
    return hashlib.md5(f"{secret}{balance}".encode()).hexdigest()


def subject_of(connection: ssl.SSLSocket) -> str:
    """Whose certificate the other side has."""
    subject = dict(pair[0] for pair in connection.getpeercert()["subject"])  # type: ignore[index,misc,union-attr]
    return str(subject["commonName"])


def name_of_process(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()
