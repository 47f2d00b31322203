"""Secrets of users and of the operator appear in no log, command line or database."""

import os
import re
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

from bson import json_util
from pymongo import MongoClient

from tests.support.chat import a_person, a_phone, a_room, last_sms
from tests.support.client import call, request
from tests.support.daemon import Daemon
from tests.support.mongo import fresh_uri
from tests.support.wire import OwnDaemonCase


class Secrecy(OwnDaemonCase):
    embedded = True  # the settings name the database

    async def setUp(self) -> None:
        await super().setUp()
        self.uri = fresh_uri()
        self.payments = secrets.token_hex(16)
        credentials = self.daemon.folder / "credentials"
        credentials.mkdir()
        (credentials / "payments-key").write_text(self.payments)
        self.daemon.environ |= {"CREDENTIALS_DIRECTORY": str(credentials), "MONGO_URI": self.uri}
        await self.start('[payments]\nsecret_key = { file = "payments-key" }\n[mongo]\nuri = { env = "MONGO_URI" }')

    async def a_life(self) -> dict[str, str]:
        """The secrets of a user who makes every kind of call, right and wrong, by their names."""
        anna, bert = await a_person(self.daemon), await a_person(self.daemon, nickname="Bert")
        password, friend = secrets.token_hex(8), a_phone()
        room = await a_room(anna, anna, bert, password=password)
        await bert.call("/room/enter", room={"id": room, "password": "wrong" + password})
        text = secrets.token_hex(8)
        await anna.say(room, text)
        await anna.call("/user/sendMessage", message={"user": bert.id, "text": text})
        await anna.call("/user/updateBalance", balance=5, secret=self.payments)
        await anna.call("/init/invite", phons=[friend])
        await call(self.daemon.http, "/init/auth", {"phone": anna.phone, "key": "1" + anna.key})
        await call(self.daemon.http, "/init/auth", {"phone": "x" + anna.phone, "key": anna.key})
        await request(self.daemon.http, "POST", "/init/auth", f'{{"key": "{anna.key}", "phone": '.encode())
        await request(self.daemon.http, "GET", f"/{anna.session_key}")
        for path in (None, "/ws"):
            socket = await self.a_listener(anna, path)
            socket.say({"event": "nonsense", "data": {"session_key": anna.session_key}})
            await socket.closed()
        await self.a_listener(bert)
        (self.daemon.data / "sms-outbox.jsonl").chmod(0o400)
        again = await call(self.daemon.http, "/init/reg", {"phone": anna.phone})
        self.assertEqual(200, again.status)
        new_key = re.findall(r"\d{6}", last_sms(self.daemon, anna.phone))[0]
        await bert.call("/init/exit")
        return {
            "phone": anna.phone,
            "the other's phone": bert.phone,
            "a friend's phone": friend,
            "session key": anna.session_key,
            "ended session's key": bert.session_key,
            "room's password": password,
            "payments' secret": self.payments,
            "key": anna.key,
            "the other's key": bert.key,
            "new key": new_key,
            "database": self.uri,
            "a message's text": text,
        }

    async def test_life(self) -> None:
        """The log, the command lines and the database have none of it; the database, no key or password."""
        life = await self.a_life()

        log = re.sub(r"(?m)^\S+ \[|\b[0-9a-f]{24}\b", "", self.daemon.log)
        self.assert_without(life, log)
        self.assertIn(f"…{life['phone'][-2:]}", log)
        assert self.daemon.process is not None
        self.assert_without(life, Path(f"/proc/{self.daemon.process.pid}/cmdline").read_text())
        stored = self.dump()
        known = ("phone", "the other's phone", "a friend's phone", "a message's text", "database")
        self.assert_without({name: secret for name, secret in life.items() if name not in known}, stored)
        self.assertIn(sha256(life["session key"].encode()).hexdigest()[:8], stored)

    def assert_without(self, life: dict[str, str], text: str) -> None:
        for name, secret in life.items():
            self.assertNotRegex(text, rf"(?<![0-9a-f]){re.escape(secret)}(?![0-9a-f])", name)

    def dump(self) -> str:
        """All that is in the database; bytes as hexadecimal digits."""
        with MongoClient[dict[str, Any]](self.uri) as client:
            database = client.get_default_database()
            everything = {name: list(database[name].find()) for name in database.list_collection_names()}
        self.assertTrue(everything["sessions"])
        return repr(
            json_util.dumps(everything)
            + " ".join(session["digest"].hex() for session in everything["sessions"] if "digest" in session)
        )

    async def test_modes(self) -> None:
        """The daemon's files are readable by their owner alone."""
        daemon = await Daemon().start()
        self.addCleanup(daemon.remove)
        await a_person(daemon)

        modes = {name: (daemon.data / name).stat().st_mode & 0o777 for name in os.listdir(daemon.data)}

        self.assertEqual({0o600}, {modes["payments-secret-key"], modes["sms-outbox.jsonl"]})
        self.assertEqual(0, daemon.data.stat().st_mode & 0o077)
