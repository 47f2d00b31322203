"""Which mongod runs the embedded database."""

import os
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

from justchat.errors import StartupError
from justchat.runtime.mongod_binary import explain_wrong_series, find_binary, version_of
from tests.support.mongod_programs import wrapper


class Choice(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.patch(os, "environ", {**os.environ, "PATH": str(self.folder)})  # the machine may have one, too
        try:
            self.bundled = find_binary()
        except StartupError as error:
            raise SkipTest("no mongod is bundled here") from error

    def on_path(self, version: str | None) -> str:
        """A mongod on PATH."""
        return str(wrapper(self.folder, self.bundled, version=version)[0])

    def test_newer(self) -> None:
        """One on PATH that is newer than the bundled one is taken."""
        script = self.on_path("db version v100.0.1")

        self.assertEqual(script, find_binary())

    def test_not_newer(self) -> None:
        """The bundled one is taken where that on PATH is older, as old, or says nothing of its version."""
        for version in ("db version v4.4.29", "db version v" + ".".join(map(str, version_of(self.bundled))), "hello"):
            self.on_path(version)
            self.assertEqual(self.bundled, find_binary(), version)

    def test_chosen(self) -> None:
        """The setting comes before both."""
        self.on_path("db version v100.0.1")
        script, _ = wrapper(self.folder / "chosen", self.bundled)

        self.assertEqual(str(script), find_binary(str(script)))

    def test_wrong(self) -> None:
        """A setting that names no program is an error that names the setting."""
        text = self.folder / "text"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.touch(mode=0o644)
        for chosen in (str(text), str(self.folder), str(self.folder / "none"), "mongod"):
            error = self.assertRaises(StartupError, find_binary, chosen)
            self.assertIn(f"[mongo] binary: {chosen} ", str(error))

    def test_other_lines(self) -> None:
        """Nothing else that mongod logs is taken for data of another series."""
        for line in ("", "UPGRADE PROBLEM", 'version: "7.0"', "UPGRADE PROBLEM: expected '6.0'"):
            self.assertIsNone(explain_wrong_series(line, self.bundled))
