"""The file of a backup: whole, as it was written, or refused."""

import io
import os
import tarfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.errors import BadFile
from justchat.runtime.backup_file import BackupWriter, members_of, read_header, unfinished, verify


def nothing() -> None:
    """Nobody interrupts."""


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.content = {"database/a/000001.bson": os.urandom(20_000), "uploads/x.png": b"", "secrets/s": b"secret"}

    def write(self, release: str = "0.1") -> None:
        writer = BackupWriter(self.file, {"release": release}, nothing)
        for name, content in self.content.items():
            writer.add(name, content)
        writer.close({"documents": {}})

    def assert_bad(self, *words: str) -> None:
        error = self.assertRaises(BadFile, verify, self.file, nothing)
        for word in (str(self.file), *words):
            self.assertIn(word, str(error))
        self.assertNotIn("\n", str(error))

    def test_whole(self) -> None:
        """What was written is read again."""
        self.write()

        self.assertEqual({}, verify(self.file, nothing)["documents"])
        self.assertEqual(self.content, {part.name: part.read() for part in members_of(self.file)})

    def test_unfinished(self) -> None:
        """Until it is whole a backup does not have its name, and what was given up leaves nothing."""
        writer = BackupWriter(self.file, {"release": "0.1"}, nothing)
        writer.add("secrets/s", b"x")
        self.assertFalse(self.file.exists())
        self.assertTrue(unfinished(self.file).exists())

        writer.discard()

        self.assertFalse(unfinished(self.file).exists())

    def test_cut(self) -> None:
        """A file without its end is no backup, wherever it ends."""
        self.write()
        content = self.file.read_bytes()

        for end in (0, 5, 100, len(content) // 2, len(content) - 300, len(content) - 8, len(content) - 1):
            self.file.write_bytes(content[:end])
            self.assert_bad()

    def test_damaged(self) -> None:
        """A file with another bit is no backup. (gzip has four bytes of time and one of system that say nothing.)"""
        self.write()
        content = self.file.read_bytes()

        for place in (0, 2, *range(10, len(content), 501), len(content) - 5, len(content) - 1):
            damaged = bytearray(content)
            damaged[place] ^= 4
            self.file.write_bytes(damaged)
            self.assert_bad()

    def test_packed_anew(self) -> None:
        """A member that was left out, added, renamed or changed by one who packed the archive anew shows."""
        self.write()
        with tarfile.open(self.file) as tar:
            members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]

        def pack(changed: list[tuple[tarfile.TarInfo, bytes]]) -> None:
            with tarfile.open(self.file, "w:gz") as tar:
                for info, content in changed:
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))

        pack(members[:-1])
        self.assert_bad("not written to its end")
        pack(members[:1] + members[2:])
        self.assert_bad("damaged")
        pack([*members[:-1], (tarfile.TarInfo("uploads/y.png"), b"y"), members[-1]])
        self.assert_bad("damaged")
        pack([*members, (tarfile.TarInfo("uploads/y.png"), b"y")])
        self.assert_bad("behind")
        pack([*members[:-2], (members[-2][0], b"forged"), members[-1]])
        self.assert_bad("damaged")
        members[1][0].name = "database/b/000001.bson"
        pack(members)
        self.assert_bad("damaged")

    def test_releases(self) -> None:
        """A later release's is refused, whatever comes behind the numbers; an earlier one's and our own are read."""
        for release, is_read in (
            ("0.2.0", True),
            ("0.10", False),
            ("0.1.9", True),
            ("0.2.1.dev3", False),
            ("1", False),
        ):
            self.write(release)

            if is_read:
                self.assertEqual(release, read_header(self.file, "0.2.0")["release"])
            else:
                self.assertIn(release, str(self.assertRaises(BadFile, read_header, self.file, "0.2.0")))

    def test_memory(self) -> None:
        """A member of any size is read in pieces, and none is read as a whole that is larger than any of ours."""
        self.content["uploads/large"] = bytes(65 * 2**20)
        self.write()
        verify(self.file, nothing)

        for part in members_of(self.file):
            if part.name == "uploads/large":
                self.assertRaises(BadFile, part.read)
                self.assertLessEqual(max(map(len, part.pieces())), 2**20)
