"""Settings: TOML, the command line, and the errors that operators get."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.config.setting_types import usable_cores
from justchat.config.settings import Settings, load_settings
from justchat.errors import StartupError
from justchat.tap import Options


class ConfigCase(SynchronousTestCase):
    def a_file(self, toml: str | bytes) -> str:
        file = Path(self.mktemp())
        file.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
        return str(file)

    def load(self, toml: str) -> Settings:
        return load_settings(self.a_file(toml), {}, None)

    def complaint(self, toml: str | bytes) -> str:
        """The line that a wrong file gives."""
        with self.assertRaises(StartupError) as caught:
            load_settings(self.a_file(toml), {}, None)
        return str(caught.exception)


class Defaults(ConfigCase):
    def test_defaults(self) -> None:
        """Without a file the settings are the contract's."""
        settings = load_settings(None, {}, None)

        self.assertEqual(os.path.abspath("justchat-data"), str(settings.data_dir))
        self.assertEqual(("tcp:4000", "tcp:8000"), (settings.http.endpoint, settings.websocket.endpoint))
        self.assertEqual((None, None), (settings.mongo.uri, settings.bus.uri))
        self.assertEqual(("outbox", "RU", 6), (settings.sms.sender, settings.sms.region, settings.sms.key_digits))
        self.assertEqual((True, False), (settings.privacy.show_phones, settings.uploads.require_session))
        limits = settings.limits
        self.assertEqual((True, 4096, 64, 128), (limits.enabled, limits.text, limits.name, limits.room_name))
        self.assertEqual((64 * 1024, 5 * 1024**2, 500), (limits.body, limits.image, limits.page))

    def test_empty_file(self) -> None:
        """An empty file is the defaults."""
        self.assertEqual(load_settings(None, {}, None), self.load(""))

    def test_file(self) -> None:
        """A file sets what it names, and leaves the rest."""
        settings = self.load(
            '[http]\nallow_origins = ["http://a.example"]\n[sessions]\nlifetime = 60\n[sms]\ntimeout = 2'
        )

        self.assertEqual((("http://a.example",), "tcp:4000"), (settings.http.allow_origins, settings.http.endpoint))
        self.assertEqual((60, 2), (settings.sessions.lifetime, settings.sms.timeout))

    def test_origins(self) -> None:
        """Origins are as browsers and WebViews send them."""
        for origin in (
            *("*", "null", "file://", "http://localhost:3000", "capacitor://localhost", "http://[::1]:8080"),
            *("https://chat.example.com:8443", "https://xn--80a2ac.example", "chrome-extension://abcdef"),
        ):
            self.assertEqual((origin,), self.load(f'[http]\nallow_origins = ["{origin}"]').http.allow_origins)

    def test_of_windows(self) -> None:
        """A byte order mark, and lines that end with CR LF, as editors of Windows write them, change nothing."""
        toml = '# Настройки\r\n[sms]\r\n\tregion = "DE"\r\n'

        self.assertEqual("DE", load_settings(self.a_file(b"\xef\xbb\xbf" + toml.encode()), {}, None).sms.region)


class Wrong(ConfigCase):
    def test_named(self) -> None:
        """A wrong setting gives one line, which names its table and key."""
        for toml, named in (
            ("[http]\nport = 80", "[http] port"),
            ("[http]\nendpoint = 80", "[http] endpoint"),
            ('[http]\nallow_origins = "*"', "[http] allow_origins"),
            ("[http]\nallow_origins = [1]", "[http] allow_origins"),
            *(
                (f'[http]\nallow_origins = ["https://a.example", "{origin}"]', "[http] allow_origins")
                for origin in (
                    "nope",
                    "",
                    "https://",
                    "localhost:3000",
                    "*.example.com",
                    "https://chat.example.com/",
                    "https://chat.example.com/page",
                    "https://chat.example.com:443",
                    "https://chat.example.com:many",
                    "HTTPS://chat.example.com",
                    "https://чат.example",
                )
            ),
            ('[websocket]\ninit_timeout = "30"', "[websocket] init_timeout"),
            ("[websocket]\nping_interval = 0", "[websocket] ping_interval"),
            ("[websocket]\nping_interval = nan", "[websocket] ping_interval"),
            ("[websocket]\nping_timeout = inf", "[websocket] ping_timeout"),
            ("[mongo]\nuri = true", "[mongo] uri"),
            ("[bus]\nuri = 5", "[bus] uri"),
            ('[sms]\nsender = "pigeon"', "[sms] sender"),
            ('[sms]\nregion = "ru"', "[sms] region"),
            ("[sms]\nkey_digits = 3", "[sms] key_digits"),
            ("[sms]\nkey_digits = true", "[sms] key_digits"),
            ('[sms]\ntext = "no key"', "[sms] text"),
            ("[payments]\nsecret_key = 5", "[payments] secret_key"),
            ('[payments]\nsecret_key = ""', "[payments] secret_key"),
            ('[payments]\nsecret_key = " "', "[payments] secret_key"),
            ("[limits]\nenabled = 1", "[limits] enabled"),
            ("[limits]\ntext = 0", "[limits] text"),
            ("[limits]\nbody = 1.5", "[limits] body"),
            ("[limits]\nnonsense = 1", "[limits] nonsense"),
            ('[limits]\nsend = "5/week"', "[limits] send"),
            ('[limits]\nsms_per_phone = "5/hour"', "[limits] sms_per_phone"),
            ('[limits]\nsms_per_phone = ["5/hour", "0/day"]', "[limits] sms_per_phone"),
            ('[sms]\ncountries = ["RU", "Germany"]', "[sms] countries"),
            ('[sms]\nnumber_types = ["mobile", "landline"]', "[sms] number_types"),
            ("[sms]\nnumber_types = []", "[sms] number_types"),
            ('[sms]\nfailures = { "no-money" = [402] }', "[sms] failures"),
            ('[captcha]\nenabled = true\nurl = "https://example.com/"', "[captcha]"),
            ('[captcha]\nurl = "example.com"', "[captcha] url"),
            ("[sessions]\nlifetime = -1", "[sessions] lifetime"),
            ('[privacy]\nshow_phones = "no"', "[privacy] show_phones"),
            ("[uploads]\nrequire_session = 0", "[uploads] require_session"),
            ('[uploads]\nstore = "disk"', "[uploads] store"),
            ('[uploads]\nstore = "s3"', '[uploads]: store = "s3" needs a table [uploads.s3]'),
            ("[uploads]\ncopies = 0", "[uploads] copies"),
            ('[uploads.s3]\nbucket = "b-1"', "[uploads] s3."),
            *(
                (
                    f'[uploads.s3]\nendpoint = "{endpoint}"\nbucket = "b-1"\naccess_key = "a"\nsecret_key = "s"',
                    "[uploads] s3.",
                )
                for endpoint in (
                    "s3.example.com",
                    "https://s3.example.com/path",
                    "https://a:b@s3.example.com",
                    "https://",
                )
            ),
            *(
                (f'[uploads.s3]\nendpoint = "https://x"\naccess_key = "a"\nsecret_key = "s"\n{wrong}', "[uploads] s3.")
                for wrong in (
                    'bucket = "../x"',
                    'bucket = "b-1"\nprefix = "/x"',
                    'bucket = "b-1"\nprefix = "a//b"',
                    'bucket = "b-1"\nprefix = "a?b"',
                    'bucket = "b-1"\nregion = "eu/x"',
                    'bucket = "b-1"\ntimeout = 0',
                )
            ),
        ):
            complaint = self.complaint(toml)

            self.assertIn(named, complaint)
            self.assertNotIn("\n", complaint)

    def test_incomplete_sender(self) -> None:
        """An HTTP gateway without its url is refused, and the line names both."""
        complaint = self.complaint('[sms]\nsender = "http"')

        self.assertIn("[sms]", complaint)
        self.assertIn("url", complaint)

    def test_senders(self) -> None:
        """A preset without its settings, and a chain that contradicts itself, are refused with what is wrong."""
        link = '[[sms.chain]]\nsender = "smsru"\nsecret = "x"\n'
        for toml, named in (
            ('[sms]\nsender = "twilio"\naccount = "AC1"\nsender_id = "x"', "secret"),
            ('[[sms.chain]]\nsender = "smsc"\nsecret = "x"', "account"),
            ('[sms]\nsender = "smsru"\nsecret = "x"\n' + link, "exclude"),
            (link + link, "one name"),
            (link + "countries = ['Russia']", "region"),
            (link + "name = 'No Name'", "name"),
            (link + "region = 'RU'", "unknown key"),
            (link * 9, "chain"),
            ('[sms]\nsender = "telegram"\nsecret = "x"\nkey_digits = 9', "key_digits"),
            ('[sms]\nsender = "pigeon"', "sender"),
        ):
            complaint = self.complaint(toml)

            self.assertIn("[sms]", complaint)
            self.assertIn(named, complaint)

    def test_gateways(self) -> None:
        """With a preset or a chain the limits on SMS and countries hold, as with any gateway."""
        for toml in ('[sms]\nsender = "smsru"\nsecret = "x"', '[[sms.chain]]\nsender = "smsru"\nsecret = "x"'):
            settings = self.load(toml)

            self.assertEqual({"RU"}, settings.served_countries)
            self.assertTrue(settings.sms_rates("sms_per_phone"))

    def test_table(self) -> None:
        """An unknown table, one that is no table, and a key outside of any, are named."""
        for toml, named in (
            ("[htpp]\nendpoint = 'tcp:1'", "htpp"),
            ("http = 5", "http"),
            ("[[http]]\nendpoint = 'tcp:1'", "http"),
            ("debug = true", "debug"),
            ("data_dir = '/tmp'", "data_dir"),
        ):
            complaint = self.complaint(toml)

            self.assertIn(named, complaint)
            self.assertNotIn("\n", complaint)

    def test_no_toml(self) -> None:
        """A file that is not TOML is named with the place of the error."""
        for toml in ("[http\n", "[http]\nendpoint = ", "[http]\n[http]", b"\xff\xfe"):
            complaint = self.complaint(toml)

            self.assertIn("not TOML", complaint)
            self.assertNotIn("\n", complaint)
        self.assertIn("line 2", self.complaint("[http]\nendpoint = tcp\ndebug = true"))

    def test_no_file(self) -> None:
        """A file that cannot be read is named."""
        for file in ("/nowhere/justchat.toml", "/"):
            with self.assertRaises(StartupError) as caught:
                load_settings(file, {}, None)

            self.assertTrue(str(caught.exception).startswith(f"{file}: "))


class CommandLine(ConfigCase):
    def parse(self, *options: str) -> Settings:
        parsed = Options()
        parsed.parseOptions(list(options))
        return parsed.settings

    def test_wins(self) -> None:
        """An option on the command line wins over the file, which keeps its other keys."""
        file = self.a_file(
            "[http]\nendpoint = 'tcp:1'\ndebug = true\n[websocket]\nendpoint = 'tcp:2'\n[mongo]\nuri = 'mongodb://a/b'"
        )

        settings = self.parse("--config", file, "--http", "tcp:3", "--mongo", "mongodb://c/d")

        self.assertEqual(("tcp:3", True), (settings.http.endpoint, settings.http.debug))
        self.assertEqual(("tcp:2", "mongodb://c/d"), (settings.websocket.endpoint, settings.mongo.uri))

    def test_all(self) -> None:
        """Every option of the contract is taken."""
        settings = self.parse(
            *("--http", "tcp:1", "--websocket", "tcp:2", "--data-dir", "somewhere", "--mongo", "mongodb://a/b"),
            *("--bus", "nats://c"),
        )

        self.assertEqual(("tcp:1", "tcp:2"), (settings.http.endpoint, settings.websocket.endpoint))
        self.assertEqual(("mongodb://a/b", ("nats://c",)), (settings.mongo.uri, settings.bus.uri))
        self.assertEqual(os.path.abspath("somewhere"), str(settings.data_dir))

    def test_another_folder(self) -> None:
        """Settings are read anew from the same file, and name the same folder, where twistd has gone to another one."""
        folder = Path(self.mktemp())
        folder.mkdir()
        parsed, here = Options(), os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(folder)
        Path("c.toml").write_text("[sessions]\nlifetime = 60\n")
        parsed.parseOptions(["--config", "c.toml", "--data-dir", "data"])
        os.chdir("/")

        self.assertEqual(parsed.settings, parsed.load())

    def test_workers(self) -> None:
        """Workers are a number from 1 up, or ``auto``, the number of usable cores."""
        cores = len(os.sched_getaffinity(0))
        for written, number in (("1", 1), ("16", 16), ("auto", cores)):
            settings = self.parse("--workers", written)
            self.assertEqual(number, settings.http.workers)
        self.patch(os, "sched_getaffinity", lambda _: {3})
        self.assertEqual(1, self.parse("--workers", "auto").http.workers)
        for written in ("0", "true", '"2"', "2.0", "[]", "-1", "257", '""'):
            with self.assertRaises(SystemExit) as caught:
                self.parse("--config", self.a_file(f"[http]\nworkers = {written}"))
            self.assertIn("[http] workers: must be a number from 1 to 256", str(caught.exception.code))
        for written in ("0", "-1", "1.5", "", "²", "True"):
            with self.assertRaises(SystemExit):
                self.parse("--workers", written)

    def test_control_group(self) -> None:
        """A core that the control group, or one around it, does not allow is not counted; at least one is."""
        self.patch(os, "sched_getaffinity", lambda _: set(range(8)))
        membership, groups = Path(self.mktemp()), Path(self.mktemp())
        membership.write_text("0::/system.slice/justchat.service\n")
        inner = groups / "system.slice" / "justchat.service"
        inner.mkdir(parents=True)
        for within, around, cores in (
            ("max 100000", "max 100000", 8),
            ("250000 100000", "max 100000", 2),
            ("max 100000", "300000 100000", 3),
            ("20000 100000", "300000 100000", 1),
            ("1600000 100000", "", 8),
        ):
            (inner / "cpu.max").write_text(f"{within}\n")
            (inner.parent / "cpu.max").write_text(f"{around}\n")

            self.assertEqual(cores, usable_cores(membership, groups))

    def test_wrong(self) -> None:
        """What is wrong on the command line, or in the file that it names, ends the start with one line."""
        for options in (
            ("--nonsense",),
            ("--http",),
            ("stray",),
            ("--config", "/nowhere"),
            ("--config", self.a_file("[http]\nport = 1")),
        ):
            with self.assertRaises(SystemExit) as caught:
                self.parse(*options)

            self.assertRegex(str(caught.exception.code), r"\Ajustchat: .+\Z")
