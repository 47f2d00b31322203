"""Secrets come from files and environment variables, and appear nowhere else."""

import os
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from justchat.config.settings import Settings, load_settings
from justchat.errors import StartupError
from justchat.http.endpoint import Requester
from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.model.phone import Phone
from justchat.model.room import Room
from justchat.model.user import User, UserKey
from justchat.store.mongo.uri import check_reachable

SECRET = "hush-5ab9"


class SecretCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.addCleanup(lambda: [file.unlink() for file in self.folder.iterdir()] and None)
        self.patch(os, "environ", {**os.environ})
        os.environ.pop("CREDENTIALS_DIRECTORY", None)

    def load(self, toml: str) -> Settings:
        file = self.folder / "justchat.toml"
        file.write_text(toml)
        return load_settings(str(file), {}, None)

    def a_file(self, content: bytes) -> Path:
        file = self.folder / "key"
        file.write_bytes(content)
        return file


class Places(SecretCase):
    def test_file(self) -> None:
        """A secret is a file's content, without its line end and byte order mark."""
        for content in (b"hush-5ab9", b"hush-5ab9\n", b"hush-5ab9\r\n", b"\xef\xbb\xbfhush-5ab9\r\n"):
            file = self.a_file(content)

            self.assertEqual(SECRET, self.load(f'[payments]\nsecret_key = {{ file = "{file}" }}').payments.secret_key)

    def test_credentials(self) -> None:
        """A file without a path is one of systemd's credentials."""
        self.a_file(b"hush-5ab9\n")
        os.environ["CREDENTIALS_DIRECTORY"] = str(self.folder)

        self.assertEqual(SECRET, self.load('[payments]\nsecret_key = { file = "key" }').payments.secret_key)

    def test_unread(self) -> None:
        """Commands that need no secrets read none but the database's URI."""
        file = self.folder / "justchat.toml"
        sms = "sender = 'http'\nurl = { env = 'NONE' }\nbody = { env = 'NONE' }\nheaders = { A = { file = 'none' } }"
        file.write_text(
            f"[payments]\nsecret_key = {{ file = 'none' }}\n[captcha]\nsecret = {{ file = 'none' }}\n[sms]\n{sms}\n"
        )

        settings = load_settings(str(file), {}, None, secrets=False)

        self.assertEqual("http", settings.sms.sender)
        with self.assertRaises(StartupError):
            load_settings(str(file), {}, None)
        file.write_text("[mongo]\nuri = { file = 'none' }")
        with self.assertRaises(StartupError):
            load_settings(str(file), {}, None, secrets=False)

    def test_empty(self) -> None:
        """An empty secret counts as missing, wherever it comes from."""
        os.environ["A_SECRET"] = ""
        for place in ('""', '"  "', r'"\u200b\ufeff"', '{ env = "A_SECRET" }', f'{{ file = "{self.a_file(b" ")}" }}'):
            with self.assertRaises(StartupError) as caught:
                self.load(f"[payments]\nsecret_key = {place}")
            self.assertIn("[payments] secret_key", str(caught.exception))

    def test_environment(self) -> None:
        """Or an environment variable's; for every setting that may hold a secret."""
        os.environ["A_SECRET"] = "https://hush-5ab9"
        place = '{ env = "A_SECRET" }'

        settings = self.load(
            f"[payments]\nsecret_key = {place}\n[mongo]\nuri = {place}\n[bus]\nuri = {place}\n"
            f"[sms]\nurl = {place}\nbody = {place}\nheaders = {{ Authorization = {place} }}"
        )

        sms = settings.sms
        found = [settings.payments.secret_key, settings.mongo.uri, *(settings.bus.uri or ()), sms.url, sms.body]
        self.assertEqual(["https://hush-5ab9"] * 6, [*found, sms.headers["Authorization"]])

    def test_wrong(self) -> None:
        """A missing secret stops the start with a line that names the setting and the source."""
        empty, binary = self.a_file(b"\n"), self.folder / "binary"
        binary.write_bytes(b"\xff\xfe")
        for place, named in (
            ('{ file = "/nowhere/key" }', "/nowhere/key: No such file"),
            ('{ file = "key" }', "CREDENTIALS_DIRECTORY"),
            (f'{{ file = "{empty}" }}', "empty"),
            (f'{{ file = "{binary}" }}', "not UTF-8"),
            ('{ file = "/dev/zero" }', "larger than"),
            ('{ env = "NOT_THERE" }', "NOT_THERE"),
            ("{ env = 5 }", "must be"),
            ('{ file = "a", env = "b" }', "must be"),
            ("{}", "must be"),
        ):
            with self.assertRaises(StartupError) as caught:
                self.load(f"[payments]\nsecret_key = {place}")

            self.assertIn("[payments] secret_key: ", str(caught.exception))
            self.assertIn(named, str(caught.exception))


class NotShown(SecretCase):
    def test_settings(self) -> None:
        """Printed settings show no secret."""
        settings = self.load(
            f'[payments]\nsecret_key = "{SECRET}"\n[mongo]\nuri = "mongodb://u:{SECRET}@h/d"\n'
            f'[sms]\nbody = "{SECRET}"\nurl = "http://h/{SECRET}"\nheaders = {{ A = "{SECRET}" }}'
        )

        self.assertNotIn(SECRET, f"{settings!r} {settings} {settings.payments} {settings.sms.headers}")

    def test_complaints(self) -> None:
        """The error of a wrong secret does not show its value."""
        for toml in (
            f'[sms]\nurl = "{SECRET}"',
            f'[sms]\nurl = "http://u:{SECRET}@h/"',
            f'[payments]\nsecret_key = ["{SECRET}"]',
            f'[payments]\nsecret_key = {{ value = "{SECRET}" }}',
            f'[payments]\nkey = "{SECRET}"',
            f'[payments]\nsecret_key = "{SECRET}',
        ):
            with self.assertRaises(StartupError) as caught:
                self.load(toml)

            self.assertNotIn(SECRET, str(caught.exception))

    def test_uri(self) -> None:
        """The error of a malformed URI shows no part of its password."""
        for password in ("hush/5ab9", "hush:5ab9", "hush@5ab9", "hu%sh5ab9", "hush?5ab9", "hush#5ab9"):
            for uri in (f"mongodb://me:{password}@localhost:x/d", f"mongodb://me:{password}@127.0.0.1:1/d"):
                with self.assertRaises(StartupError) as caught:
                    check_reachable(f"{uri}?serverSelectionTimeoutMS=1")

                self.assertNotRegex(str(caught.exception), "5ab9|hu.?sh")


class Shown(TestCase):
    def test_values(self) -> None:
        """What holds a secret, or its hash, does not show it where it is printed: an exception may quote it."""
        id, at = new_id(), now()
        holders = (
            User(id=id, phone=Phone("79223438450"), password=SECRET, created_at=at),
            UserKey(user=id, hash=SECRET, is_usable=True, known_networks=frozenset(), phone_verified=False),
            Room(id=id, name="a room", admin=id, created_at=at, max_users=5, password=SECRET),
            Requester(SECRET, None),
        )

        for holder in holders:
            self.assertNotIn(SECRET, repr(holder), type(holder).__name__)
