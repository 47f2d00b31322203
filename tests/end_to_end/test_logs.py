"""The log of a whole daemon, as operators and their machines read it."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from tests.support.chat import a_person, a_phone, a_room
from tests.support.client import call, listen, listen_as, request
from tests.support.daemon import Daemon
from tests.support.fault_workers import children
from tests.support.gateway import FakeGateway, with_status
from tests.support.socketio.by_hand import Packets
from tests.support.starting import StartCase
from tests.support.waiting import eventually

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Logs(StartCase):
    embedded = False

    async def test_json(self) -> None:
        """Every line of a life is one JSON object, with the trace and the user of a call, and no secret."""
        daemon = self.a_daemon()
        daemon.settings = '[log]\nformat = "json"\nlevel = "debug"\naccess = true\n'
        await daemon.start()
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        traceparent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        for path, body in (("/room/sendMessage", {"message": {"room_id": room, "text": "Hi"}}), ("/room/get", {})):
            answer = await call(daemon.http, path, {**body, "session_key": anna.session_key}, headers=traceparent)
        await request(daemon.http, "GET", f"/uploads/{anna.session_key}?session_key={anna.session_key}")
        await daemon.stop()

        lines: list[dict[str, Any]] = [json.loads(line) for line in daemon.log.splitlines()]

        self.assertTrue(all({"time", "level", "logger", "message"} <= line.keys() for line in lines))
        self.assertNotIn(anna.session_key, daemon.log)
        requests = [line for line in lines if line["logger"] == "justchat.access"]
        sent, got = [line for line in requests if line.get("trace_id") == TRACE]
        self.assertEqual(
            ("POST", "/room/sendMessage", 200, "127.0.0.1", anna.id, PARENT),
            (*(sent[name] for name in ("method", "path", "status", "address", "user", "parent_id")),),
        )
        self.assertEqual(("/room/get", answer.status), (got["path"], got["status"]))
        self.assertIsInstance(sent["ms"], float)
        self.assertEqual(("GET", "/uploads/…", 404), (*(requests[-1][name] for name in ("method", "path", "status")),))
        self.assertIn("JustChat has stopped", [line["message"] for line in lines])

    async def test_sockets(self) -> None:
        """A WebSocket has one line, when it is closed: with its path, close code, duration, address and user."""
        config = self.folder / "justchat.toml"
        config.write_text('[limits]\nsockets_per_address = 2\n[log]\nformat = "json"\naccess = true\n')
        daemon = await self.a_daemon("--config", str(config)).start()
        anna = await a_person(daemon)
        bound = await listen(daemon.http, f"/ws?token={anna.session_key}")
        await bound.bind(anna.session_key)
        malformed = await listen(daemon.websocket, "/")
        refused = await request(daemon.websocket, "GET", "/", headers=HANDSHAKE)
        malformed.say("nothing")
        await malformed.closed()
        packets = await listen_as(Packets, daemon.http, "/socket.io/?EIO=4&transport=websocket")
        packets.send("40", f'42["init",{{"session_key":"{anna.session_key}"}}]')
        await packets.receive('42["ready"')
        await anna.call("/init/exit")
        await bound.closed()
        await packets.closed()

        def lines() -> list[dict[str, Any]]:
            found = [json.loads(line) for line in daemon.log.rpartition("\n")[0].splitlines()]
            return [line for line in found if line["logger"] == "justchat.access" and line["method"] == "GET"]

        await eventually(lambda: len([line for line in lines() if "close_code" in line]) == 3, lambda: str(lines()))
        self.assertEqual([429, "/"], [refused.status, *(line["path"] for line in lines() if line["status"] == 429)])
        by_path = {line["path"]: line for line in lines() if "close_code" in line}
        first, second, third = (by_path[path] for path in ("/", "/ws", "/socket.io/"))
        self.assertEqual((101, anna.id, "127.0.0.1"), (third["status"], third["user"], third["address"]))
        self.assertEqual(
            ("/", 101, 4400, None), (*(first.get(name) for name in ("path", "status", "close_code", "user")),)
        )
        names = ("path", "status", "close_code", "user", "address")
        self.assertEqual(("/ws", 101, 4440, anna.id, "127.0.0.1"), (*(second.get(name) for name in names),))
        self.assertGreater(second["ms"], 0)
        self.assertRegex(second["message"], rf"\AGET /ws 101 [\d.]+ ms 127.0.0.1 {anna.id} closed 4440\Z")
        self.assertNotIn(anna.session_key, daemon.log)

    async def test_text(self) -> None:
        """At info there is nothing of Twisted's own doings, and no access log."""
        daemon = await self.a_daemon().start()
        anna = await a_person(daemon)
        await a_room(anna, anna)
        await daemon.stop()

        lines = daemon.log.splitlines()

        self.assertTrue(all(re.match(r"\d{4}-\d\d-\d\dT\S+ \[justchat\.\S+#\w+\] ", line) for line in lines), lines)
        self.assertNotIn("/init/", daemon.log)
        self.assertRegex(lines[-1], "JustChat has stopped")

    async def test_odd_output(self) -> None:
        """A letter that the output's encoding lacks costs no line, and SIGUSR1, which rotates files, ends nothing."""
        daemon = self.a_daemon(environ={"PYTHONIOENCODING": "ascii"})
        daemon.is_forked = False
        daemon.data = self.folder / "дом"
        await daemon.start()
        assert daemon.process is not None

        daemon.process.send_signal(signal.SIGUSR1)
        daemon.process.send_signal(signal.SIGHUP)

        await eventually(lambda: "SIGHUP: settings are read anew" in daemon.log, lambda: f"a word on it: {daemon.log}")
        self.assertIn(r"\u0434\u043e\u043c/sms-outbox.jsonl", daemon.log)

    async def test_journal(self) -> None:
        """Where journald reads the output, lines have its priorities and no time. Else they have not."""
        for is_journal in (True, False):
            daemon, wrong = self.a_daemon(folder=self.a_folder()), self.a_daemon("--workers=x", folder=self.a_folder())
            for each in (daemon, wrong):
                there = self.log_of(each).stat()
                stream = f"{there.st_dev}:{there.st_ino}" if is_journal else "8:15"
                each.environ["JOURNAL_STREAM"] = stream
            await daemon.start()
            await daemon.stop()
            wrong.spawn()
            await wrong.ended()

            # A busy machine may add warnings.
            begin = r"<[46]>\[justchat\.\S+\] " if is_journal else r"\d{4}-\S+ \[justchat\.\S+#(info|warn)\] "
            self.assertTrue(all(re.match(begin, line) for line in daemon.log.splitlines()), daemon.log)
            self.assertRegex(wrong.log, "\\A<2>justchat: " if is_journal else "\\Ajustchat: ")

    def a_folder(self) -> Path:
        folder = self.folder / f"folder{next(self.numbers)}"
        folder.mkdir()
        return folder

    def log_of(self, daemon: Daemon) -> Path:
        """The file that its first run will write."""
        file = daemon.folder / "log.1"
        file.touch()
        return file

    async def test_gateway(self) -> None:
        """A failed SMS shows what the gateway answered, and neither key nor phone."""
        gateway = FakeGateway()
        self.addCleanup(gateway.stop)
        gateway.answer = with_status(402, b'{"error": "no money", "you": "sent"}')
        daemon = self.a_daemon()
        daemon.settings = f'[sms]\nsender = "http"\nurl = "{gateway.address}/send?to={{phone}}"\nbody = "{{text}}"\n'
        await daemon.start()

        await call(daemon.http, "/init/reg", {"phone": a_phone()})

        self.assertIn('it answered: {"error": "no money", "you": "sent"}', daemon.log)


class WithMongod(StartCase):
    async def test_level(self) -> None:
        """Below the level of the settings nothing is logged."""
        daemon = self.a_daemon()
        daemon.settings = '[log]\nlevel = "error"\n'
        daemon.spawn()
        await eventually(lambda: (self.data / "mongo" / "mongod.sock").exists(), "its database")
        await daemon.stop()

        self.assertEqual("", daemon.log)

    async def test_mongod(self) -> None:
        """A mongod that dies is one line with how it ended."""
        daemon = await self.a_daemon().start()

        os.kill(daemon.mongod_pid(), signal.SIGKILL)

        await eventually(lambda: "the embedded database died (SIGKILL): " in daemon.log, lambda: daemon.log)


class WorkersLog(StartCase):
    embedded = False

    async def test_workers(self) -> None:
        """Lines of workers come whole through their parent; a crash of one is a line with its cause."""
        daemon = self.a_daemon("--workers", "2")
        daemon.settings = '[log]\nformat = "json"\naccess = true\n'
        await daemon.start()
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        await call(daemon.http, "/init/reg", {"phone": a_phone()}, headers=headers)
        await eventually(lambda: "/init/reg" in daemon.log, "the call's line, by way of the parent")
        worker = next(pid for pid in children(daemon.process.pid) if _name(pid).startswith("worker "))  # type: ignore[union-attr]

        os.kill(worker, signal.SIGSEGV)

        def crash() -> dict[str, Any] | None:
            lines = [json.loads(line) for line in daemon.log.rpartition("\n")[0].splitlines()]
            return next((line for line in lines if "started again" in line["message"]), None)

        line = await eventually(crash, lambda: daemon.log)
        assert line is not None
        self.assertRegex(line["message"], r"worker \d ended \(SIGSEGV\): .*Segmentation fault.*; it is started again")
        access = next(json.loads(line) for line in daemon.log.splitlines() if "/init/reg" in line)
        self.assertRegex(access["worker"], r"worker [12]")
        self.assertEqual((TRACE, 200 <= access["status"] < 300), (access["trace_id"], True))


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()
