"""Word files: what is read, and the line that says what is wrong."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.config.word_file import LONGEST_WORD, MOST_BYTES, read_words
from justchat.errors import BadFile


class Reading(SynchronousTestCase):
    def a_file(self, content: bytes) -> Path:
        file = Path(self.mktemp())
        file.write_bytes(content)
        return file

    def test_words(self) -> None:
        """One word a line, whatever ends the lines; comments, empty lines and a byte order mark are left out."""
        listed = read_words(self.a_file("\ufeff# our list\r\nbad\r\n\r\n  worse* \nплохо".encode()))

        self.assertEqual("*** ***** ***** our list", listed.mask("bad worse плохо our list"))

    def test_errors(self) -> None:
        """The error names the file, and the line where it is one line's."""
        wrong = (
            (b"", "has no words"),
            (b"# nothing\n\n", "has no words"),
            (b"good\nb\xffd\n", "not UTF-8: invalid start byte at byte 6"),
            (b"good\n*\n", "line 2: a word needs a letter, a digit or a symbol; this one would match everything"),
            (b"good\nb*d\n", "line 2: '*' may be at the beginning and at the end alone"),
            (b"x" * (LONGEST_WORD + 1), f"line 1: longer than {LONGEST_WORD} characters"),
            (b"x" * (MOST_BYTES + 1), f"larger than {MOST_BYTES} bytes"),
        )
        for content, said in wrong:
            file = self.a_file(content)
            error = self.assertRaises(BadFile, read_words, file)
            self.assertEqual(f"{file}: {said}", str(error))

    def test_missing(self) -> None:
        """A file that is not there, and one that is a folder."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for file, why in ((folder, "Is a directory"), (folder / "none", "No such file or directory")):
            self.assertEqual(f"{file}: {why}", str(self.assertRaises(BadFile, read_words, file)))
