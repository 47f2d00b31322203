"""The data directory: its owner, and the generated secrets in it."""

import os
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from justchat.errors import StartupError
from justchat.runtime import data_dir
from justchat.runtime.data_dir import Owner, check_owner, check_secret, generated_secret, prepare_data_dir

NOBODY = 65534


class DataDirCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="jc-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def refused(self, do: object, *arguments: object) -> str:
        """The line that says why it is refused."""
        with self.assertRaises(StartupError) as caught:
            do(*arguments)  # type: ignore[operator]
        line = str(caught.exception)
        self.assertEqual(1, len(line.splitlines()))
        return line


class Secrets(DataDirCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.folder / "a-secret"

    def test_made(self) -> None:
        """A secret is random, readable by its owner alone, and read again later; nothing else is left."""
        made = generated_secret(self.file)

        self.assertEqual(43, len(made))
        self.assertEqual(made, generated_secret(self.file))
        self.assertEqual(0o600, self.file.stat().st_mode & 0o777)
        self.assertEqual([self.file], list(self.folder.iterdir()))

    def test_crash(self) -> None:
        """A crash at any step of the first start leaves no partial secret, and the next start makes one."""
        for step in ("fsync", "link"):

            def crash(*_: object) -> None:
                raise KeyboardInterrupt

            patch = self.patch(os, step, crash)
            with self.assertRaises(KeyboardInterrupt):
                generated_secret(self.file)
            patch.restore()

            self.assertFalse(self.file.exists())
        self.assertEqual(43, len(generated_secret(self.file)))

    def test_two_at_once(self) -> None:
        """Two daemons that start at once have the same secret."""
        link, others = os.link, "o" * 43

        def late(source: str, target: Path) -> None:
            target.write_text(others)
            target.chmod(0o600)
            link(source, target)

        self.patch(os, "link", late)

        self.assertEqual(others, generated_secret(self.file))

    def test_line_end(self) -> None:
        """A line end that an editor left does not count."""
        made = generated_secret(self.file)
        self.file.write_text(made + "\n")

        self.assertEqual(made, generated_secret(self.file))

    def test_refused(self) -> None:
        """A file that is not a generated secret is refused and left alone."""
        for content in (b"", b"\n", b" " * 43, b"a" * 31, b"\xff" * 43, b"\0" * 43, b"a\0" * 30, b"a" * 5000):
            self.file.write_bytes(content)
            self.file.chmod(0o600)

            for check in (generated_secret, check_secret):
                self.assertIn(str(self.file), self.refused(check, self.file))
            self.assertEqual(content, self.file.read_bytes())

    def test_mode(self) -> None:
        """A secret that others may read is refused, with the command that fixes it."""
        generated_secret(self.file)
        self.file.chmod(0o640)

        self.assertIn(f"chmod 600 {self.file}", self.refused(generated_secret, self.file))

    def test_no_file(self) -> None:
        """A folder, a link or a pipe is refused."""
        whole = self.folder / "whole"
        generated_secret(whole)
        for make in (self.file.mkdir, lambda: self.file.symlink_to(whole), lambda: os.mkfifo(self.file, 0o600)):
            make()

            self.assertIn(str(self.file), self.refused(generated_secret, self.file))

            self.file.rmdir() if self.file.is_dir() and not self.file.is_symlink() else self.file.unlink()

    def test_owner(self) -> None:
        """A secret of another user is refused."""
        if os.geteuid():
            raise SkipTest("needs root")
        generated_secret(self.file)
        os.chown(self.file, NOBODY, NOBODY)

        self.assertIn("nobody's", self.refused(generated_secret, self.file))


class Ownership(DataDirCase):
    def setUp(self) -> None:
        super().setUp()
        if os.geteuid():
            raise SkipTest("needs root")

    def test_another_users(self) -> None:
        """The directory of another user is refused with the user's name, and nothing is created in it."""
        os.chown(self.folder, NOBODY, NOBODY)

        self.assertIn("nobody's; run this as nobody: sudo -u nobody", self.refused(prepare_data_dir, self.folder))
        self.assertEqual([], list(self.folder.iterdir()))

    def test_hidden(self) -> None:
        """One that this user may not even look at is refused in a line."""
        hidden = self.folder / "closed" / "data"
        hidden.mkdir(parents=True)
        hidden.parent.chmod(0o700)
        self.addCleanup(os.seteuid, os.geteuid())
        os.seteuid(NOBODY)

        self.assertIn(f"--data-dir: {hidden} may not be looked at by nobody", self.refused(check_owner, hidden))

    def test_what_lies_in_it(self) -> None:
        """Another user's files in it are refused, with the command that fixes it."""
        (self.folder / "mongo").mkdir()
        left = self.folder / "mongo" / "WiredTiger.wt"
        left.touch()
        os.chown(left, NOBODY, NOBODY)

        line = self.refused(check_owner, self.folder)

        self.assertIn(f"{left} is nobody's: chown -R root {self.folder}", line)

    def test_to_be(self) -> None:
        """Root that switches user (twistd --uid) gives it to that user."""
        owner = Owner(NOBODY, NOBODY)
        data = self.folder / "var" / "data"

        prepare_data_dir(data, owner)
        secret = generated_secret(data / "a-secret", owner)

        self.assertEqual({NOBODY}, {path.stat().st_uid for path in (data, *data.rglob("*"))})
        self.assertEqual(secret, check_secret(data / "a-secret", owner))
        self.assertIn("another user's", self.refused(check_owner, data))

    def test_no_name(self) -> None:
        """A user without a name is shown by number."""
        self.assertEqual("#54321", data_dir.name_of(54321))
