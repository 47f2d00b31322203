"""``make install``, ``make install-etc``, ``make deb`` and the Containerfile.

``make deb-check`` installs the package in a fresh Debian. Here it is built without its dependencies, which are those of
this environment.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from justchat import __version__
from tests.support.chat import ChatTestCase
from tests.support.daemon import TWISTD

PROJECT = Path(__file__).parents[2]
NEEDED = ("Makefile", "README.rst", "CHANGES.rst", "MANIFEST.in", "setup.py", "pyproject.toml", "requirements.lock")
FOLDERS = ("justchat", "twisted", "etc", "packaging", "docs", "clients")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "node_modules")


class PackagingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.checkout = self.folder / "a checkout"
        self.checkout.mkdir()
        for name in NEEDED:
            shutil.copy(PROJECT / name, self.checkout)
        for name in FOLDERS:
            shutil.copytree(PROJECT / name, self.checkout / name, ignore=LEFT_OUT)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environ["PYTHONPATH"] = sysconfig.get_path("purelib")
        command = ["make", "--no-print-directory", f"PYTHON={sys.executable}", *arguments]
        return subprocess.run(command, cwd=self.checkout, env=environ, capture_output=True, text=True, timeout=600)

    def made(self, *arguments: str) -> str:
        done = self.make(*arguments)
        self.assertEqual(0, done.returncode, done.stderr[-2000:])
        return done.stdout


class Samples(PackagingCase):
    def test_prefix(self) -> None:
        """All of etc/ is below PREFIX, in DESTDIR; the units name the files where they will be."""
        stage = self.folder / "stage"

        self.made("install-etc", "PREFIX=/srv/chat", f"DESTDIR={stage}")

        installed = {file.name: file for file in (stage / "srv" / "chat").rglob("*") if file.is_file()}
        self.assertEqual({file.name for file in (PROJECT / "etc").iterdir()}, installed.keys())
        self.assertEqual([stage / "srv"], list(stage.iterdir()))
        unit = installed["justchat.service"].read_text()
        command = "/srv/chat/bin/twistd --nodaemon --pidfile= justchat --config /srv/chat/etc/justchat/justchat.toml"
        self.assertIn(f"\nExecStart={command} --data-dir /var/lib/justchat\n", unit)
        self.assertNotIn("/opt/justchat", unit)
        settings = stage / "srv" / "chat" / "etc" / "justchat" / "justchat.toml"
        self.assertEqual(0o640, stat.S_IMODE(settings.stat().st_mode))

    def test_kept(self) -> None:
        """Settings that are there stay as they are."""
        place = (f"PREFIX={self.folder}/chat", f"SYSCONFDIR={self.folder}/etc")
        self.made("install-etc", *place)
        settings = self.folder / "etc" / "justchat" / "justchat.toml"
        self.assertEqual((PROJECT / "etc" / "justchat.toml").read_text(), settings.read_text())
        settings.write_text("# ours")

        self.made("install-etc", *place)

        self.assertEqual("# ours", settings.read_text())

    def test_refused(self) -> None:
        """A place that no script could name is refused, and nothing is written."""
        for prefix in ("/a b", "chat", "/", "/a|b"):
            done = self.make("install-etc", f"PREFIX={prefix}", f"DESTDIR={self.folder}/stage")

            self.assertNotEqual(0, done.returncode, prefix)
            self.assertIn("PREFIX", done.stderr)
        self.assertFalse((self.folder / "stage").exists())


class Scripts(SynchronousTestCase):
    def test_lint(self) -> None:
        """A linter has no complaint about the scripts."""
        linter = Path(sys.executable).with_name("shellcheck")
        if not linter.exists():
            raise SkipTest("shellcheck is not installed")
        folder = PROJECT / "packaging"
        scripts = [*folder.glob("*.sh"), *(folder / "debian" / name for name in ("postinst", "prerm", "postrm"))]

        done = subprocess.run([linter, "--severity=warning", *scripts], capture_output=True, text=True, timeout=60)

        self.assertEqual((0, ""), (done.returncode, done.stdout + done.stderr))


class DebianPackage(PackagingCase):
    def test_deb(self) -> None:
        """The package has the environment, which runs where it will be, the units, the settings as a file of the
        operator's, and scripts that make the user and stop the daemons.
        """
        for program in ("dpkg-deb", "dpkg", "make"):
            if shutil.which(program) is None:
                raise SkipTest(f"there is no {program}")

        self.made("deb", "REQUIREMENTS=", "PIP_OPTIONS=--no-deps --no-build-isolation --ignore-installed")

        (package,) = (self.checkout / "dist").glob("*.deb")
        self.assertRegex(package.name, rf"\Ajustchat_{re.escape(__version__)}_\w+\.deb\Z")
        root = self.folder / "root"
        subprocess.run(["dpkg-deb", "--raw-extract", package, root], check=True)
        self.check_files(root)
        self.check_environment(root)
        self.check_control(root / "DEBIAN")

    def check_files(self, root: Path) -> None:
        for name in (
            "lib/systemd/system/justchat.service",
            "lib/systemd/system/justchat@.service",
            "lib/systemd/system/justchat.socket",
            "lib/systemd/system/justchat-backup.service",
            "lib/systemd/system/justchat-backup.timer",
            "usr/share/doc/justchat/operating.rst",
            "usr/share/doc/justchat/examples/nginx.conf",
        ):
            self.assertTrue((root / name).is_file(), name)
        settings = root / "etc" / "justchat" / "justchat.toml"
        self.assertEqual((PROJECT / "etc" / "justchat.toml").read_text(), settings.read_text())
        self.assertEqual(0o640, stat.S_IMODE(settings.stat().st_mode))
        unit = (root / "lib" / "systemd" / "system" / "justchat.service").read_text()
        self.assertEqual((PROJECT / "etc" / "justchat.service").read_text(), unit)
        completion = (root / "usr" / "share" / "bash-completion" / "completions" / "justchat-admin").read_text()
        self.assertIn("change-phone", completion)

    def check_environment(self, root: Path) -> None:
        place = root / "opt" / "justchat"
        link = root / "usr" / "bin" / "justchat-admin"
        self.assertEqual("/opt/justchat/bin/justchat-admin", os.readlink(link))
        script = (place / "bin" / "justchat-admin").read_text()
        self.assertEqual("#!/opt/justchat/bin/python", re.sub(r"3[\d.]*$", "", script.partition("\n")[0]))
        scripts = [file for file in (place / "bin").iterdir() if not file.is_symlink()]
        self.assertEqual([], [file.name for file in scripts if tempfile.gettempdir() in file.read_text()])
        (package,) = place.glob("lib/python3*/site-packages/justchat")
        self.assertEqual((PROJECT / "justchat" / "tap.py").read_text(), (package / "tap.py").read_text())
        self.assertTrue(list(package.glob("__pycache__/tap.*.pyc")))

    def check_control(self, control: Path) -> None:
        said = (control / "control").read_text()
        first = f"Package: justchat\nVersion: {re.escape(__version__)}\n"
        for line in (first, r"Installed-Size: \d+\n", "Depends: python3 "):
            self.assertRegex(said, line)
        self.assertNotIn("@", said.replace("root@localhost", ""))
        self.assertEqual("/etc/justchat/justchat.toml\n", (control / "conffiles").read_text())
        for name in ("postinst", "prerm", "postrm"):
            script = control / name
            self.assertEqual(0o755, stat.S_IMODE(script.stat().st_mode))
            subprocess.run(["sh", "-n", script], check=True)
        self.assertIn("adduser --system --group", (control / "postinst").read_text())
        self.assertIn("systemctl stop", (control / "prerm").read_text())
        summed = subprocess.run(
            ["md5sum", "--check", "--quiet", control / "md5sums"], cwd=control.parent, capture_output=True, text=True
        )
        self.assertEqual((0, ""), (summed.returncode, summed.stdout + summed.stderr))


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, with their arguments, in order."""
    text = re.sub(r"^#.*\n", "", (PROJECT / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


class Container(ChatTestCase):
    def argument(self, name: str) -> str:
        """What the last instruction of this name says."""
        return [rest for each, rest in instructions() if each == name][-1]

    def test_lint(self) -> None:
        """A linter has no complaint."""
        linter = Path(sys.executable).with_name("hadolint")
        if not linter.exists():
            raise SkipTest("hadolint is not installed")
        done = subprocess.run([linter, PROJECT / "Containerfile"], capture_output=True, text=True, timeout=60)

        self.assertEqual((0, ""), (done.returncode, done.stdout + done.stderr))

    def test_user(self) -> None:
        """It does not run as root; the data are in a volume that the user owns, and the ports are the defaults."""
        user = re.search(r"useradd --system --uid (\d+)", self.argument("RUN"))
        assert user is not None

        self.assertEqual(f"{user[1]}:{user[1]}", self.argument("USER"))
        self.assertIn(f"-o justchat -g justchat {self.argument('VOLUME')}", self.argument("RUN"))
        self.assertEqual("4000 8000", self.argument("EXPOSE"))

    def test_build(self) -> None:
        """It is built by the command of ``make install``, from files that the context has."""
        ((command),) = [rest for name, rest in instructions() if name == "RUN" and "install.sh" in rest]
        options = dict(re.findall(r"([A-Z_]+)=(\S+)", command))

        self.assertEqual({"PREFIX": "/opt/justchat", "SYSCONFDIR": "/etc", "PIP_OPTIONS": "--no-cache-dir"}, options)
        self.assertTrue(command.endswith(" sh packaging/install.sh"))
        ignored = (PROJECT / ".dockerignore").read_text().splitlines()
        self.assertEqual(set(), {*FOLDERS, *NEEDED} & {*ignored})

    async def test_entry_point(self) -> None:
        """The daemon accepts its command."""
        first, *command = json.loads(self.argument("ENTRYPOINT"))
        self.assertEqual("/opt/justchat/bin/twistd", first)
        sample = PROJECT / "etc" / "justchat.toml"
        places = {"/etc/justchat/justchat.toml": str(sample), "/var/lib/justchat": self.mktemp()}
        command = [places.get(word, word) for word in command]

        output, error, code = await getProcessOutputAndValue(
            TWISTD, [*command, "--http", "tcp:0", "--websocket", "tcp:0", "--check-config"]
        )

        self.assertIn(b"justchat: ", output + error)
        self.assertNotIn(b"Traceback", error)
        self.assertNotIn(b"unexpected", error)
        self.assertIn(code, (0, 1))  # 1 with warnings, as of a machine with few files

    async def test_health(self) -> None:
        """Its check succeeds while the daemon serves, and fails where nothing listens."""
        options, _, written = self.argument("HEALTHCHECK").partition(" CMD ")
        _, *command = json.loads(written)
        self.assertIn("--interval=", options)
        codes = []
        for port in (self.daemon.http, 1):
            asked = [word.replace(":4000/", f":{port}/") for word in command]
            codes.append((await getProcessOutputAndValue(sys.executable, asked, env=os.environ))[2])

        self.assertEqual([0, 1], codes)
