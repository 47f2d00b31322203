"""Text by Unicode's rules: how it is stored, which characters are visible, and how searches compare it.

docs/protocol.rst, "Text", has the rules as a table with examples; tests/model/test_text.py checks it.
"""

import re
from functools import lru_cache
from itertools import groupby
from unicodedata import category, combining, decimal, decomposition, name, normalize, unidata_version

FOLD_VERSION = f"1 (Unicode {unidata_version})"
"""The version of ``fold``'s results. At the start, texts stored with another version are folded again."""

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
"""Blank characters outside that property: the empty Braille pattern, the interlinear annotation marks, the null note
head.
"""
_CONTROL = r"\x00-\x1f\x7f-\x9f"
SHOWN = f"[^{_CONTROL}{_WHITE_SPACE}{_IGNORABLE}{_BLANK}]"
"""A regular expression, valid in Python and ECMAScript, that finds a visible character. The two write code points
beyond the first 65,536 differently, so it takes each of those for a visible one.
"""
_SHOWN = re.compile(f"{SHOWN[:-1]}{_IGNORABLE_BEYOND}{_BLANK_BEYOND}]")
_WHITE = re.compile(f"[{_WHITE_SPACE}]")
SHORT = 1000
"""Characters that normalize() handles fast, whatever they are."""
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
"""The spaces (category Zs) other than U+0020."""


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
    """Whether a character has a combining class, or decomposes into a sequence that begins with one."""
    return bool(combining(character) or (decomposition(character) and combining(_parts(character)[0])))


def _in_order(run: re.Match[str]) -> str:
    parts: list[str] = []
    for are_marks, group in groupby(run[0], _is_mark):
        characters = list(group)
        parts += sorted("".join(map(_parts, characters)), key=combining) if are_marks else characters
    return "".join(parts)


_MARK = "".join(filter(_is_mark, map(chr, range(0x300, 0x10000)))) + "\U000101fd-\U0001e94a"
"""Marks. Beyond the first 65,536 code points one range from the first to the last, since sets are slow there."""
_MANY_MARKS = re.compile(f"[{_MARK}]{{32}}")
"""Finds long runs of marks. normalize() sorts a run in quadratic time: 1.6 s for one request full of them."""
_RUN = re.compile(f"[{_MARK}]+")


def shows(text: str) -> bool:
    """Whether a text has a visible character: not only blank, invisible and control characters."""
    return _SHOWN.search(text) is not None


def without_marks(text: str) -> str:
    """The text without invisible marks, which people paste with copied text. Control characters stay."""
    return _MARKS.sub("", text)


def with_spaces(text: str) -> str:
    """The text with every kind of white space replaced by U+0020."""
    return _WHITE.sub(" ", text)


def with_digits(text: str) -> str:
    """The text with the decimal digits of every script replaced by 0 to 9."""
    return text if text.isascii() else "".join(_digit(character) for character in text)


def _digit(character: str) -> str:
    value = decimal(character, None)
    return character if value is None else str(value)


def as_key(written: str) -> str:
    """The digits of a sign-in key that somebody typed or pasted, without spaces and invisible marks."""
    return _WHITE.sub("", without_marks(with_digits(written)))


def as_password(written: str) -> str:
    """The form of a password that is hashed: spaces as U+0020, and NFC, as in OpaqueString (RFC 8265, section 4.2).

    Unlike that profile, it allows the joiners and variation selectors of emoji, since people use them. A password
    without a visible character is no password.
    """
    return composed(_SPACES.sub(" ", written)) if shows(written) else ""


def password_forms(written: str) -> tuple[str, ...]:
    """The forms in which a password may have been hashed: ``as_password``'s and, by earlier releases, as written."""
    return tuple(dict.fromkeys((as_password(written), written)))


def fold(text: str) -> str:
    """The form of a text that searches compare, in NFC: without case, accents and compatibility forms.

    It applies full case folding and NFKD, drops accents and invisible characters, and replaces white space by U+0020.
    It is idempotent. A text of accents alone keeps them, so only a text without a visible character folds to "".
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

    Accents are the marks of canonical combining classes 1 and from 200, and the points of Hebrew, Arabic and Syriac (10
    to 36). Vowel signs, nuktas, viramas, the voicing of kana and the tones of Thai and Lao have other classes; without
    them the word would be another. Combining letters and vowels have an accent's class; their name distinguishes them.
    """
    group = combining(character)
    if not (group == 1 or 10 <= group <= 36 or group >= 200) or category(character) != "Mn":
        return False
    return not re.search(r"\b(LETTER|VOWEL)\b", name(character, ""))
