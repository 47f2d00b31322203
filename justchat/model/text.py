"""Text by Unicode's rules: how it is stored, what of it shows, and what a search compares. Pure functions.

docs/protocol.rst, "Text", has the rules as a table with examples; tests/model/test_text.py holds it.
"""

import re
from functools import lru_cache
from itertools import groupby
from unicodedata import category, combining, decimal, decomposition, name, normalize, unidata_version

FOLD_VERSION = f"1 (Unicode {unidata_version})"
"""Of what ``fold`` makes. Folded texts that are stored under another version are made anew at the start."""

_WHITE_SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's White_Space, from PropList.txt."""
_IGNORABLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
)
_IGNORABLE_BEYOND = r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
"""With _IGNORABLE Unicode's Default_Ignorable_Code_Point, from DerivedCoreProperties.txt (the same from Unicode 14 to
17): marks of direction, joiners, fillers, variation selectors, tags. Python's unicodedata does not have it.
"""
_BLANK = r"\u2800\ufff9-\ufffb"
_BLANK_BEYOND = r"\U0001d159"
"""Not in that property, and blank all the same: the empty Braille pattern, the marks of interlinear annotation, the
empty head of a note.
"""
_CONTROL = r"\x00-\x1f\x7f-\x9f"
SHOWN = f"[^{_CONTROL}{_WHITE_SPACE}{_IGNORABLE}{_BLANK}]"
"""A regular expression, of Python's and of ECMAScript's kind, that finds a character which shows; beyond the first
65,536 code points, which the two write differently, it takes every character for one.
"""
_SHOWN = re.compile(f"{SHOWN[:-1]}{_IGNORABLE_BEYOND}{_BLANK_BEYOND}]")
_WHITE = re.compile(f"[{_WHITE_SPACE}]")
SHORT = 1000
"""Characters of which normalize() is fast, whatever they are."""
_MARKS = re.compile(f"[{_IGNORABLE}{_IGNORABLE_BEYOND}]")
_UNSEEN = re.compile(f"(?![{_WHITE_SPACE}])[{_CONTROL}{_IGNORABLE}{_IGNORABLE_BEYOND}]")
_VARIANTS = str.maketrans(
    {"đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ґ": "г"}
    | dict(zip("ךםןףץ", "כמנפצ", strict=True))
)
"""Letters of living languages that Unicode does not decompose, but which are variants of others at the first level of
the Default Unicode Collation Element Table (UTS #10).
"""
_SPACES = re.compile(r"[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
"""The spaces (category Zs) beside the usual one."""


def composed(text: str) -> str:
    """The text in Normalization Form C, as all text is stored (UAX #15)."""
    if text.isascii():
        return text
    if len(text) > SHORT and _MANY_MARKS.search(text):
        text = _RUN.sub(_in_order, text)
    return normalize("NFC", text)


def _parts(character: str) -> str:
    return normalize("NFD", character)


def _is_mark(character: str) -> bool:
    """Whether it has a combining class, or begins with what has one once it is decomposed."""
    return bool(combining(character) or (decomposition(character) and combining(_parts(character)[0])))


def _in_order(run: re.Match[str]) -> str:
    parts: list[str] = []
    for are_marks, group in groupby(run[0], _is_mark):
        characters = list(group)
        parts += sorted("".join(map(_parts, characters)), key=combining) if are_marks else characters
    return "".join(parts)


_MARK = "".join(filter(_is_mark, map(chr, range(0x300, 0x10000)))) + "\U000101fd-\U0001e94a"
"""Marks; beyond the first 65,536 code points all from the first to the last of them, since sets of those are slow."""
_MANY_MARKS = re.compile(f"[{_MARK}]{{32}}")
"""Finds many marks in a row, which normalize() puts in order in quadratic time: 1.6 s for a request of them."""
_RUN = re.compile(f"[{_MARK}]+")


def shows(text: str) -> bool:
    """Whether anything of the text can be seen: it is not blank, and not of invisible or control characters alone."""
    return _SHOWN.search(text) is not None


def without_marks(text: str) -> str:
    """The text without the invisible marks that people paste with what they copied. Control characters stay."""
    return _MARKS.sub("", text)


def with_spaces(text: str) -> str:
    """The text with white space of every kind as U+0020."""
    return _WHITE.sub(" ", text)


def with_digits(text: str) -> str:
    """The text with the decimal digits of every script as 0 to 9."""
    return text if text.isascii() else "".join(_digit(character) for character in text)


def _digit(character: str) -> str:
    value = decimal(character, None)
    return character if value is None else str(value)


def as_key(written: str) -> str:
    """A key as it was made, from what somebody typed or pasted: its digits, without spaces and invisible marks."""
    return _WHITE.sub("", without_marks(with_digits(written)))


def as_password(written: str) -> str:
    """A password as it is hashed: each space is U+0020, and NFC, as in OpaqueString (RFC 8265, section 4.2).

    What that profile forbids is taken as it is, for people do use it: the joiners and variation selectors of emoji.
    One that shows nothing is no password.
    """
    return composed(_SPACES.sub(" ", written)) if shows(written) else ""


def password_forms(written: str) -> tuple[str, ...]:
    """What a password that somebody wrote may have been hashed as: see as_password(), and, before there was that, as
    it was written.
    """
    return tuple(dict.fromkeys((as_password(written), written)))


def fold(text: str) -> str:
    """What a search compares: without case, accents, composition and compatibility forms, and in NFC.

    By full case folding, NFKD, without accents and what cannot be seen; white space is U+0020. Idempotent. A text
    of accents alone keeps them, so that only a text that shows nothing folds to nothing.
    """
    text = with_spaces(text)
    if text.isascii():
        return _UNSEEN.sub("", text).casefold()
    decomposed = _UNSEEN.sub("", normalize("NFKD", normalize("NFKD", text).casefold())).translate(_VARIANTS)
    bare = "".join(character for character in decomposed if character.isascii() or not _is_accent(character))
    return with_spaces(normalize("NFC", bare if shows(bare) else decomposed))


@lru_cache(4096)
def _is_accent(character: str) -> bool:
    """Whether a mark is an accent rather than a part of a word.

    The marks that stand anywhere (canonical combining classes 1 and from 200) and the points of Hebrew, Arabic and
    Syriac (10 to 36) are. Vowel signs, nuktas, viramas, the voicing of kana and the tones of Thai and Lao have other
    classes; without them another word would stand there. Letters and vowels that stand above others are told by name.
    """
    group = combining(character)
    if not (group == 1 or 10 <= group <= 36 or group >= 200) or category(character) != "Mn":
        return False
    return not re.search(r"\b(LETTER|VOWEL)\b", name(character, ""))
