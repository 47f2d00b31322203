"""Word lists: finds an operator's words in a text, whatever their case, accents, look-alike letters or invisible marks.

A text and the words are reduced to the same form: tokens between single spaces. A word is found where its tokens are,
so it is found as a whole word only; a ``*`` at an end of a word opens that end. docs/moderating.rst, "Word lists", has
the rules with examples.

A token is a run of letters and digits. Where a script has no spaces between words, and for symbols as emoji, each
character is a token, as the default word boundaries of UAX #29 have it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from unicodedata import category, name

from ahocorasick import Automaton
from attrs import frozen

from justchat.model.text import fold, without_marks

CHUNKS_KEPT = 100_000
"""Parts of texts between spaces that are known to have no word. When there are as many, they are forgotten."""
LONGEST_CHUNK = 40
"""Characters of the longest part that is kept."""
_ZERO_WIDTH_JOINER = "\u200d"


class BadWord(ValueError):
    """A line of a word list is wrong. The message says why."""


@frozen
class Word:
    """A word of the list in its reduced form. ``begins`` and ``ends``: whether it matches the whole of its first and
    last token.
    """

    tokens: tuple[str, ...]
    begins: bool
    ends: bool
    has_letter: bool
    """Whether the operator wrote a letter. Otherwise "455" would be a word with three letters."""

    @property
    def pattern(self) -> str:
        """What is searched for in a reduced text."""
        return f"{' ' * self.begins}{' '.join(self.tokens)}{' ' * self.ends}"

    def parts(self) -> Iterator["Word"]:
        """Its tokens, as words."""
        last = len(self.tokens) - 1
        for place, token in enumerate(self.tokens):
            yield Word((token,), self.begins or place > 0, self.ends or place < last, self.has_letter)


def parse_word(line: str) -> Word:
    """The word of a line. Raises BadWord."""
    written = line.strip()
    bare = written.removeprefix("*").removesuffix("*")
    if "*" in bare:
        raise BadWord("'*' may be at the beginning and at the end alone")
    tokens = _reduced(bare).split()
    if not tokens:
        raise BadWord("a word needs a letter, a digit or a symbol; this one would match everything")
    word = Word(tuple(tokens), not written.startswith("*"), not written.endswith("*"), _has_letter(bare))
    if len(word.pattern) == 1:
        raise BadWord("one character with '*' at both ends would match nearly everything")
    return word


class WordList:
    """The words of a list. ``find`` takes about a microsecond for a text of words that were seen before."""

    def __init__(self, words: Iterable[Word]) -> None:
        words = list(words)
        _confusables()  # not during the first message: that takes 30 ms
        self._words = _automaton(words)
        parts = [part for word in words if len(word.tokens) > 1 for part in word.parts()]
        self._parts = _automaton(parts) if parts else None
        self._clean = {""}
        """Chunks, the parts of texts between spaces, that have neither a word nor a part of a phrase."""

    def find(self, text: str) -> list[tuple[int, int]]:
        """The beginnings and ends of the words in a text, rising and apart. Grapheme clusters are whole."""
        chunks = text.split(" ")
        if self._clean.issuperset(chunks) or all(map(self._is_clean, set(chunks) - self._clean)):
            return []
        return _joined(span for reading in _readings(text) for span in self._find(reading))

    def mask(self, text: str) -> str:
        """The text with one ``*`` for each character of a word that a reader sees."""
        parts, at = [], 0
        for start, end in self.find(text):
            parts += [text[at:start], "*" * _seen_characters(text[start:end])]
            at = end
        return "".join([*parts, text[at:]]) if parts else text

    def _find(self, text: str) -> Iterator[tuple[int, int]]:
        reduced = _Reduced(text)
        spans = set()
        for last, words in self._words.iter(reduced.text):
            for word in words:
                spans.add((reduced.span(last + 1 - len(word.pattern), last + 1, word), word.has_letter))
        for (start, end), has_letter in spans:
            if _has_letter(text[start:end]) is has_letter:
                yield _of_whole_clusters(text, start, end)

    def _is_clean(self, chunk: str) -> bool:
        """Whether a chunk may be left out of account, which is remembered."""
        for reading in _readings(chunk):
            reduced = _reduced(reading)
            if _matches(self._words, reduced) or (self._parts is not None and _matches(self._parts, reduced)):
                return False
        if len(chunk) <= LONGEST_CHUNK:
            if len(self._clean) >= CHUNKS_KEPT:
                self._clean = {""}
            self._clean.add(chunk)
        return True


def _automaton(words: Iterable[Word]) -> Automaton:
    """Finds words by their patterns. Two words may have the same, as "ss" and "55"."""
    automaton = Automaton()
    for word in words:
        automaton.add_word(word.pattern, (word, *automaton.get(word.pattern, ())))
    automaton.make_automaton()
    return automaton


def _matches(automaton: Automaton, reduced: str) -> bool:
    return next(automaton.iter(reduced), None) is not None


class _Reduced:
    """A reduced text, and the place in the text from which each of its characters is."""

    def __init__(self, text: str) -> None:
        characters, places = [" "], [0]
        for place, character in enumerate(text):
            for each in _REDUCED[ord(character)]:
                if each != " " or characters[-1] != " ":
                    characters.append(each)
                    places.append(place)
        if characters[-1] != " ":
            characters.append(" ")
            places.append(len(text))
        self.text = "".join(characters)
        self._places = places

    def span(self, start: int, end: int, word: Word) -> tuple[int, int]:
        """The beginning and the end in the text of a word that was found here, with what its ``*`` stand for."""
        start = start + 1 if word.begins else self.text.rindex(" ", 0, start + 1) + 1
        end = end - 1 if word.ends else self.text.index(" ", end - 1)
        return self._places[start], self._places[end - 1] + 1


def _reduced(text: str) -> str:
    return f" {' '.join(text.translate(_REDUCED).split())} "


class _Table(dict[int, str]):
    """For ``str.translate``: what a character is reduced to. Made when it is first met."""

    def __missing__(self, ordinal: int) -> str:
        character = chr(ordinal)
        if category(character) in _NO_CHARACTER:
            # Not kept: there are a million of them, which somebody could send.
            return " " if without_marks(character) else ""
        self[ordinal] = reduced = _reduced_character(character)
        return reduced


_NO_CHARACTER = frozenset({"Cn", "Co"})
"""Not assigned, or for private use."""
_REDUCED = _Table()


def _reduced_character(character: str) -> str:
    folded = fold(f"x{character}")[1:]  # behind a letter an accent, and an invisible mark, are folded to nothing
    return "".join(_reduced_folded(each) for each in folded)


def _reduced_folded(character: str) -> str:
    character = _LOOK_ALIKES.get(character) or _look_alike(character) or character
    kind = category(character)
    if kind[0] not in "LMN":
        # Not the modifiers of emoji, as of the colour of skin.
        return f" {character} " if kind == "So" else ("" if kind == "Sk" and not character.isascii() else " ")
    return f" {character} " if _UNSPACED.match(name(character, "")) else character


_UNSPACED = re.compile("CJK|HIRAGANA|THAI|LAO|KHMER|MYANMAR|TAI|NEW TAI")
"""Beginnings of the names of letters in scripts that put no spaces between words."""
_LOOK_ALIKES = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "$": "s", "|": "i", "€": "e"}
"""Digits and signs that stand for letters."""


@cache
def _confusables() -> Mapping[str, Sequence[Mapping[str, str]]]:
    """By character, those that look like it. Some megabytes, which a daemon without words does without."""
    from confusable_homoglyphs.confusables import confusables_data

    data: Mapping[str, Sequence[Mapping[str, str]]] = confusables_data
    return data


def _look_alike(character: str) -> str | None:
    """The letter from a to z that a letter of another script looks like, in Unicode's data (UTS #39)."""
    if character.isascii():
        return None
    letters = sorted({found["c"].lower() for found in _confusables().get(character, ()) if found["c"].isascii()})
    return next((letter for letter in letters if len(letter) == 1 and letter.isalpha()), None)


def _readings(text: str) -> Iterator[str]:
    """The text, and where it has ambiguous characters, the same with their other reading, of the same length."""
    yield text
    if text.isascii() and not any(map(text.__contains__, "1|@!I")):
        return
    other = _AMBIGUOUS.sub(_other, text)
    if not text.isascii():
        other = _WORD.sub(_unmixed, other)
    if other != text:
        yield other


_AMBIGUOUS = re.compile(r"[1|]|[@!](?=\w)|I+")
_OTHER = {"1": "l", "|": "l", "@": "a", "!": "i"}
_WORD = re.compile(r"\w+")
_ASCII = re.compile("[A-Za-z0-9]")


def _other(found: re.Match[str]) -> str:
    written = found[0]
    if written[0] != "I":
        return _OTHER[written]
    # Among small letters a capital I looks like a small l.
    around = found.string[max(0, found.start() - 1) : found.end() + 1]
    return "l" * len(written) if around.upper() != around else written


def _unmixed(found: re.Match[str]) -> str:
    """A word of letters from a to z and others, in which each of the others may stand for what its capital looks like.
    In others it may not: a common word as the Russian "but" would be taken for an English one.
    """
    written = found[0]
    return written if written.isascii() or not _ASCII.search(written) else written.translate(_CAPITALS)


class _Capitals(dict[int, str]):
    def __missing__(self, ordinal: int) -> str:
        character = chr(ordinal)
        letter = None if character.isascii() else _look_alike(character) or _look_alike(character.upper())
        self[ordinal] = letter or character
        return self[ordinal]


_CAPITALS = _Capitals()


def _has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _of_whole_clusters(text: str, start: int, end: int) -> tuple[int, int]:
    """A span with the invisible characters and marks behind it, and all of an emoji that is joined of several."""
    while start >= 2 and text[start - 1] == _ZERO_WIDTH_JOINER and category(text[start - 2]) == "So":
        start -= 2
    while end < len(text) and (
        not _REDUCED[ord(text[end])] or (text[end - 1] == _ZERO_WIDTH_JOINER and category(text[end]) == "So")
    ):
        end += 1
    return start, end


def _seen_characters(text: str) -> int:
    """The number of grapheme clusters that a reader sees, with the spaces between words."""
    begins = (
        _REDUCED[ord(character)] and category(character)[0] != "M" and before != _ZERO_WIDTH_JOINER
        for before, character in zip(" " + text, text, strict=False)
    )
    return max(1, sum(map(bool, begins)))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that rise and do not overlap."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
