"""Word files: an operator's words, one a line (docs/moderating.rst, "Word lists")."""

from collections.abc import Iterator
from pathlib import Path

from justchat.errors import BadFile
from justchat.model.word_list import BadWord, Word, WordList, parse_word

MOST_BYTES = 4 * 1024 * 1024
MOST_WORDS = 100_000
LONGEST_WORD = 128
"""Characters."""


def read_words(file: Path) -> WordList:
    """The words in a file. Raises BadFile with the line that is wrong."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{file}: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise BadFile(f"{file}: larger than {MOST_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"{file}: not UTF-8: {error.reason} at byte {error.start}") from error
    words = list(_words(file, text))
    if not words:
        raise BadFile(f"{file}: has no words")
    if len(words) > MOST_WORDS:
        raise BadFile(f"{file}: more than {MOST_WORDS} words")
    return WordList(words)


def _words(file: Path, text: str) -> Iterator[Word]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if len(line) > LONGEST_WORD:
            raise BadFile(f"{file}: line {number}: longer than {LONGEST_WORD} characters")
        try:
            yield parse_word(line)
        except BadWord as error:
            raise BadFile(f"{file}: line {number}: {error}") from error
