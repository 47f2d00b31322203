"""The folder of the workers' sockets in the data directory."""

import os
import socket
import stat
from pathlib import Path
from tempfile import mkdtemp
from unittest import SkipTest

from twisted.trial.unittest import TestCase

from justchat.errors import StartupError
from justchat.runtime.data_dir import BUS_FOLDER, bus_sockets
from justchat.service.group.bus_folder import BusFolder


class Places(TestCase):
    def setUp(self) -> None:
        self.folder = Path(mkdtemp(prefix="jc-"))
        self.place = self.folder / BUS_FOLDER

    def a_folder(self, data_dir: Path | None = None) -> BusFolder:
        folder = BusFolder(data_dir or self.folder, 2)
        self.addCleanup(folder.stopService)
        return folder

    def a_socket(self, name: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        self.addCleanup(made.close)
        made.bind(str(self.place / name))
        return made

    def test_made(self) -> None:
        """It is there for its owner alone, has a socket's place for each worker, and goes with the service."""
        folder = self.a_folder()
        folder.startService()

        self.assertEqual(0o700, stat.S_IMODE(self.place.stat().st_mode))
        self.assertEqual([f"unix://{self.place}/{number}.sock" for number in (1, 2)], [*folder.uris])

        self.a_socket("1.sock")
        folder.stopService()
        self.assertEqual([], [*self.folder.iterdir()])

    def test_another_runs(self) -> None:
        """A second start on the data directory is refused, and leaves the sockets of the first, started or not."""
        self.a_folder().startService()
        self.a_socket("2.sock").listen()
        second, third = self.a_folder(), self.a_folder()

        with self.assertRaisesRegex(StartupError, "another JustChat"):
            second.startService()
        second.stopService()
        third.stopService()

        self.assertTrue((self.place / "2.sock").is_socket())

    def test_left_behind(self) -> None:
        """Sockets that killed workers left are removed, also those of more workers than there are now."""
        self.place.mkdir()
        self.a_socket("1.sock")
        self.a_socket("7.sock")

        self.a_folder().startService()

        self.assertEqual([], [*self.place.iterdir()])

    def test_long_path(self) -> None:
        """Where the path is too long for sockets, a link leads to a folder that is short, also after a kill."""
        long = self.folder / ("long" * 30)
        long.mkdir()
        (long / BUS_FOLDER).symlink_to(mkdtemp(prefix="jc-"))
        folder = self.a_folder(long)

        folder.startService()

        self.assertTrue((long / BUS_FOLDER).is_symlink())
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(folder.uris[0].removeprefix("unix://"))
        self.assertTrue((long / BUS_FOLDER / "1.sock").is_socket())
        folder.stopService()
        self.assertEqual([], [*long.iterdir()])

    def test_anybodys(self) -> None:
        """A link that leads to another user's folder is of no interest."""
        if os.geteuid():
            raise SkipTest("only root can give a folder away")
        other = Path(mkdtemp(prefix="jc-"))
        self.place.symlink_to(other)
        made = self.a_socket("1.sock")
        made.listen()
        self.assertEqual([other / "1.sock"], bus_sockets(self.folder))

        os.chown(other, 65534, -1)

        self.assertEqual([], bus_sockets(self.folder))
        self.a_folder().startService()
        self.assertFalse(self.place.is_symlink())

    def test_removed(self) -> None:
        """Sockets that somebody has removed do not disturb the stop."""
        folder = self.a_folder()
        folder.startService()
        self.place.rmdir()

        folder.stopService()
