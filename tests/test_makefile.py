"""What `make run` would do, by make -n."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

MAKEFILE = Path(__file__).parents[1] / "Makefile"
VERSION = ".".join(map(str, sys.version_info[:3]))


class VirtualEnvironment(SynchronousTestCase):
    """The .venv of a checkout whose path has a space and letters that are not ASCII."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-чат "))
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("Makefile", "setup.py", "pyproject.toml"):
            shutil.copy(MAKEFILE.parent / name, self.folder)

    def made_by(self, version: str, place: Path) -> None:
        """Pretend that a Python of this version made it, in this place."""
        binaries = self.folder / ".venv" / "bin"
        binaries.mkdir(parents=True)
        (binaries / "python").symlink_to(sys.executable)
        config = f"home = /usr/bin\nversion = {version}\ncommand = /usr/bin/python3 -m venv {place}\n"
        (self.folder / ".venv" / "pyvenv.cfg").write_text(config)
        summed = "cat setup.py pyproject.toml | cksum | tr ' ' -"
        for stamp in (".runs", ".installed"):
            with open(self.folder / ".venv" / stamp, "wb") as file:
                subprocess.run(summed, shell=True, cwd=self.folder, stdout=file, check=True)

    def plan(self, target: str = "run") -> str:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        command = ["make", "--no-print-directory", "-n", target, f"PYTHON={sys.executable}"]
        return subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, check=True).stdout

    def test_missing(self) -> None:
        """Where there is none, one is made."""
        self.assertIn(" -m venv .venv", self.plan())

    def test_kept(self) -> None:
        """One that this Python made here for the same setup.py is kept, whatever time the file has."""
        self.made_by(VERSION, self.folder / ".venv")
        (self.folder / "setup.py").touch()

        self.assertNotIn("venv .venv", self.plan())
        self.assertNotIn("pip", self.plan(".venv/.installed"))

    def test_another_setup(self) -> None:
        """One for another setup.py is installed into again, though it is newer, as in a checkout of another commit."""
        self.made_by(VERSION, self.folder / ".venv")
        setup = self.folder / "setup.py"
        setup.write_text(setup.read_text("utf-8").replace('"sphinx', '"sphinx-of-another-commit'), "utf-8")
        os.utime(setup, (1, 1))

        self.assertRegex(self.plan(), r"pip .*install .*--editable '\.\[embedded\]'")
        self.assertIn(",dev]'", self.plan(".venv/.installed"))

    def test_stamp_of_before(self) -> None:
        """One with the empty stamps of an earlier Makefile is, too."""
        self.made_by(VERSION, self.folder / ".venv")
        (self.folder / ".venv" / ".installed").write_text("")

        self.assertNotIn("venv .venv", self.plan())
        self.assertIn(",dev]'", self.plan(".venv/.installed"))

    def test_another_python(self) -> None:
        """One of another Python is created again completely."""
        self.made_by("3.8.1", self.folder / ".venv")

        self.assertRegex(self.plan(), r"rm -rf \.venv\n.* -m venv \.venv")

    def test_moved(self) -> None:
        """So is one whose checkout was elsewhere: its programs name that place."""
        self.made_by(VERSION, Path("/elsewhere/.venv"))

        self.assertIn("rm -rf .venv", self.plan())

    def test_python_gone(self) -> None:
        """So is one whose Python is gone."""
        self.made_by(VERSION, self.folder / ".venv")
        (self.folder / ".venv" / "bin" / "python").unlink()

        self.assertIn("rm -rf .venv", self.plan())
