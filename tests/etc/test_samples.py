"""The samples in etc/: all settings are there with their defaults; systemd accepts and rates the unit."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from justchat.admin import backup
from justchat.admin.arguments import parse
from justchat.config.settings import Settings, load_settings

ETC = Path(__file__).parents[2] / "etc"
TOML = ETC / "justchat.toml"
UNIT = ETC / "justchat.service"
TEMPLATE = ETC / "justchat@.service"
SOCKET = ETC / "justchat.socket"
BACKUP, TIMER = ETC / "justchat-backup.service", ETC / "justchat-backup.timer"
EXPOSURE_LIMIT = 2.0
"""Of 10; systemd calls this OK. What is left is what a server on the network cannot do without."""


class Line(NamedTuple):
    """A setting in the sample."""

    table: str
    key: str
    value: Any
    commented: bool
    above: str


def sample_lines() -> list[Line]:
    """Every setting that the sample names, also those commented out, but for those of arrays of tables."""
    found, table, above = [], "", ""
    for line in TOML.read_text("utf-8").splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            table = header[1]
        elif re.fullmatch(r"#\[\[\w+\]\]", line):
            table = ""
        if table and (setting := re.fullmatch(r"(#?)((\w+) = .*)", line)):
            value = tomllib.loads(setting[2])[setting[3]]
            found.append(Line(table, setting[3], value, bool(setting[1]), above))
        above = line
    return found


def known_settings() -> list[tuple[str, str]]:
    """Table and key of every setting there is."""
    tables = {name: field.annotation for name, field in Settings.model_fields.items()}
    return [
        (name, key)
        for name, table in tables.items()
        if isinstance(table, type) and issubclass(table, BaseModel)
        for key in table.model_fields
    ]


def plain(value: Any) -> Any:
    """A value of TOML or of the settings, with tuples for arrays and dictionaries for tables."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(exclude_unset=True))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return tuple(map(plain, value)) if isinstance(value, list | tuple) else value


PRODUCTION = {
    ("payments", "allow_unnumbered"),
    ("privacy", "show_phones"),
    ("privacy", "show_registered"),
    ("uploads", "require_session"),
}
"""Settings whose default is the original's, and whose safe value is the sample's."""


class SettingsTests(SynchronousTestCase):
    maxDiff = None

    def test_defaults(self) -> None:
        """The sample has the default settings, but for those that are safer in production, and says so there."""
        loaded, default = load_settings(str(TOML), {}, None), load_settings(None, {}, None)

        changed = {
            (table, key)
            for table, key in known_settings()
            if self.get(loaded, table, key) != self.get(default, table, key)
        }
        said = {(line.table, line.key) for line in sample_lines() if line.above.startswith("# Production: ")}
        self.assertEqual(PRODUCTION, changed)
        self.assertEqual(PRODUCTION, said)

    def get(self, settings: Settings, table: str, key: str) -> object:
        return getattr(getattr(settings, table), key)

    def test_complete(self) -> None:
        """Every setting there is stands in the sample once, in its table, and no other does."""
        named = [(line.table, line.key) for line in sample_lines()]

        self.assertEqual(sorted(named), sorted(known_settings()))

    def test_commented(self) -> None:
        """The settings that are commented out are those without a default."""
        defaults = Settings().model_dump()

        without = [(table, key) for table, key in known_settings() if defaults[table][key] is None]

        self.assertEqual([(line.table, line.key) for line in sample_lines() if line.commented], without)

    def test_examples(self) -> None:
        """Every example that is commented out is valid."""
        for line in sample_lines():
            if not line.commented:
                continue

            loaded = load_settings(str(TOML), {line.table: {line.key: line.value}}, None)

            value, found = plain(line.value), plain(getattr(getattr(loaded, line.table), line.key))
            # A text may stand for a list of one.
            self.assertIn(found, (value, (value,)))

    def test_arrays(self) -> None:
        """The examples of arrays of tables, which are commented out, have every key and are valid."""
        sample = TOML.read_text("utf-8")
        (written,) = re.findall(r"^#\[\[webhooks\]\]\n(?:#.*\n)+", sample, re.MULTILINE)
        lines = [line.removeprefix("#") for line in written.splitlines() if not line.startswith("# ")]
        file = Path(self.mktemp())
        file.write_text("\n".join(lines))

        self.patch(os, "environ", {**os.environ, "JUSTCHAT_WEBHOOK_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"})
        (webhook,) = load_settings(str(file), {}, None).webhooks

        self.assertEqual(set(type(webhook).model_fields), webhook.model_fields_set)

    def test_explained(self) -> None:
        """A comment above every setting explains it."""
        unexplained = [(line.table, line.key) for line in sample_lines() if not line.above.startswith("# ")]

        self.assertEqual(unexplained, [])


class UnitTests(SynchronousTestCase):
    def setUp(self) -> None:
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("systemd-analyze is not installed")

    def analyze(self, *arguments: str) -> str:
        """What systemd-analyze says, all of it."""
        done = subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def test_verify(self) -> None:
        """systemd has no complaint about the unit."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for sample in (UNIT, TEMPLATE, SOCKET, BACKUP, TIMER):
            unit = folder / sample.name
            # The path where it will be installed; nothing is there yet.
            unit.write_text(re.sub("/opt/justchat/bin/[a-z-]+", "/bin/true", sample.read_text()))

            said = self.analyze("verify", "--man=no", "--recursive-errors=no", str(unit))

            self.assertEqual(said, "")

    def test_threads(self) -> None:
        """The unit allows threads and processes to lower their priority, and mongod to end with the daemon."""
        allowed: set[str] = set()
        for line in re.findall(r"^SystemCallFilter=(.*)", UNIT.read_text(), re.MULTILINE):
            named = {call for word in line.removeprefix("~").split() for call in self.calls(word)}
            allowed = allowed - named if line.startswith("~") else allowed | named

        self.assertIn("sendto", allowed)
        self.assertNotIn("reboot", allowed)
        self.assertLessEqual({"setpriority", "sched_setscheduler", "capset", "prctl"}, allowed)

    def calls(self, word: str) -> set[str]:
        """The system calls that a word of SystemCallFilter= stands for."""
        if not word.startswith("@"):
            return {word}
        lines = [line.strip() for line in self.analyze("syscall-filter", word).splitlines()[1:]]
        return {call for line in lines if line and not line.startswith("#") for call in self.calls(line)}

    def test_exposure(self) -> None:
        """systemd rates the unit's exposure at 2.0 of 10 or less."""
        for unit in (UNIT, TEMPLATE, BACKUP):
            said = self.analyze("security", "--offline=true", str(unit))

            rating = re.search(r"Overall exposure level for justchat(?:@\w+|-backup)?\.service: ([\d.]+)", said)
            assert rating is not None, said
            self.assertLessEqual(float(rating[1]), EXPOSURE_LIMIT, said)


class TemplateTests(SynchronousTestCase):
    def test_same(self) -> None:
        """The template is the unit, but for the instance's settings, its data and its name."""
        unit, template = (
            [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
            for file in (UNIT, TEMPLATE)
        )

        different = [(ours, theirs) for ours, theirs in zip(unit, template, strict=True) if ours != theirs]

        keys = {line.partition("=")[0] for pair in different for line in pair}
        self.assertEqual({"Description", "ExecStart", "StateDirectory"}, keys)
        self.assertEqual([True] * 3, ["%i" in theirs for _, theirs in different])


class BackupUnitTests(SynchronousTestCase):
    def test_rights(self) -> None:
        """The unit of backups has no right that the daemon's has not, and runs as its user."""
        theirs, ours = (
            {line for line in file.read_text().splitlines() if line and not line.startswith(("#", "["))}
            for file in (UNIT, BACKUP)
        )
        own = (
            "Description",
            "After",
            "Type",
            "ExecStart",
            "StateDirectory",
            "Nice",
            "IOScheduling",
            "Timeout",
            "Limit",
        )

        more = {line for line in ours - theirs if not line.startswith(own)}

        self.assertEqual(set(), more)
        self.assertIn("User=justchat", ours)

    def test_command(self) -> None:
        """Its command line is one of justchat-admin's, and names the folder that systemd makes."""
        command = re.search(r"^ExecStart=/opt/justchat/bin/justchat-admin (.*)", BACKUP.read_text(), re.MULTILINE)
        assert command is not None

        arguments = parse(command[1].split())

        self.assertIs(backup.back_up, arguments.command)
        self.assertEqual((Path("/var/lib/justchat-backups"), 7), (arguments.file, arguments.keep))
        self.assertIn("StateDirectory=justchat justchat-backups\n", BACKUP.read_text())


class CommandTests(SynchronousTestCase):
    def test_options(self) -> None:
        """The daemon accepts the unit's command line."""
        from justchat.tap import Options

        command = re.search(r"^ExecStart=(.*)", UNIT.read_text(), re.MULTILINE)
        assert command is not None
        options = command[1].partition(" justchat ")[2].replace("/etc/justchat/justchat.toml", str(TOML)).split()

        parsed = Options()
        parsed.parseOptions(options)

        self.assertEqual(parsed.settings.data_dir, Path("/var/lib/justchat"))
