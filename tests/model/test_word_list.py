"""Word lists: what is found in a text, and what a mask leaves of it; the table of docs/moderating.rst holds."""

import re
from collections.abc import Iterator
from time import process_time
from unicodedata import normalize

from docutils import nodes
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from justchat.model.word_list import _REDUCED, CHUNKS_KEPT, BadWord, WordList, parse_word
from tests.support.docs import PROJECT, parsed

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
FAMILY = "👨\u200d👩\u200d👧"


def words(*lines: str) -> WordList:
    return WordList([parse_word(line) for line in lines])


def table() -> Iterator[tuple[str, list[str], list[str]]]:
    """The rows of "What a word finds"."""
    page = parsed(PROJECT / "docs" / "moderating.rst")
    (found,) = (table for table in page.findall(nodes.table) if table[0].astext() == "What a word finds")
    for row in found.next_node(nodes.tbody).children:
        line, finds, not_finds, _ = (
            [_written(literal.astext()) for literal in entry.findall(nodes.literal)] for entry in row.children
        )
        yield line[0], finds, not_finds


def _written(literal: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), literal)


class Finding(SynchronousTestCase):
    def test_table(self) -> None:
        """Each line of the table finds what it says there, and not the rest; in the middle of a text, too."""
        wrong = []
        for line, finds, not_finds in table():
            for before, after in (("", ""), ("well, ", " ..."), ("(", ")"), ("\n", "\t")):
                wrong += [(line, text, "not found") for text in finds if not words(line).find(before + text + after)]
                wrong += [(line, text, "found") for text in not_finds if words(line).find(before + text + after)]

        self.assertEqual([], wrong)

    def test_scunthorpe(self) -> None:
        """Words inside other words are not found."""
        found = words("cunt", "ass", "tit", "rape", "cock", "sex").find(
            "Scunthorpe, Essex: a classic title of grapes, a peacock and an assassin"
        )

        self.assertEqual([], found)

    def test_many(self) -> None:
        """Each of many words is found, after others were not, and each time."""
        listed = words(*(f"w{chr(97 + n % 26)}{'x' * (n // 26 % 26)}y{'z' * (n // 676)}" for n in range(2000)))

        for _ in range(2):
            self.assertEqual([], listed.find("nothing is wrong here"))
            self.assertEqual([(8, 11)], listed.find("this is WÄY wrong"))

    def test_phrase_over_chunks(self) -> None:
        """A phrase is found though each of its words was seen by itself."""
        listed = words("very bad")

        self.assertEqual([[], [], []], [listed.find(text) for text in ("very", "bad", "bad very")])
        self.assertEqual([(4, 12)], listed.find("not very bad"))

    def test_bounded(self) -> None:
        """The memory of clean parts is bounded, and what is found does not depend on it."""
        listed = words("bad")
        for start in range(0, CHUNKS_KEPT + 3000, 1000):
            listed.find(" ".join(f"n{number}" for number in range(start, start + 1000)))
            self.assertLessEqual(len(listed._clean), CHUNKS_KEPT)

        self.assertEqual([(6, 9)], listed.find("n1 n2 bad"))

    def test_no_characters(self) -> None:
        """What is met of a million code points that are no characters is not kept; they part words, as before."""
        listed = words("bad")
        known = len(_REDUCED)

        for start in range(0xF0000, 0xF0000 + 0x4000, 0x1000):
            self.assertEqual([], listed.find("".join(map(chr, range(start, start + 0x1000)))))

        self.assertEqual(known, len(_REDUCED))
        self.assertEqual([(2, 5)], listed.find("x\U000f0000bad\U000f0000x"))
        self.assertEqual([(0, 4)], listed.find("b\U000e0fffad"))  # not assigned, and invisible

    def test_hostile(self) -> None:
        """The longest texts cost little, whatever is in them."""
        listed = words("*ab*", "very bad", "55", "lll*")
        for part in ("I", "ab", "5", "я", "яa", "a1", "very ", "@!"):
            text = part * (4096 // len(part))
            began = process_time()
            listed.mask(text)
            self.assertLess(process_time() - began, 0.1, part)

    @settings(max_examples=200, deadline=None, database=None)
    @given(TEXT, TEXT)
    def test_hidden_anywhere(self, before: str, after: str) -> None:
        """A word between spaces is found whatever is around it, and the text around it stays."""
        text = normalize("NFC", f"{before} bad {after}")

        masked = words("bad").mask(text)

        self.assertIn(" *** ", masked)
        self.assertEqual(masked, words("bad").mask(masked))


class Masking(SynchronousTestCase):
    def assert_masked(self, expected: str, text: str, *lines: str) -> None:
        self.assertEqual(expected, words(*lines).mask(text))

    def test_offsets(self) -> None:
        """Folding changes lengths, and the stars are where the word was."""
        self.assert_masked("ﬁnd ﬁ *** straße **** ﬁ", "ﬁnd ﬁ bad straße groß ﬁ", "bad", "gross")

    def test_clusters(self) -> None:
        """One star for what a reader sees as one character, and no part of one is left."""
        self.assert_masked("x * y", f"x {FAMILY} y", "👩")
        self.assert_masked("x *y", "x 🖕🏽y", "🖕")
        self.assert_masked("x *** y", "x b\u0323\u0302ad\u0302\u200d y", "bad")
        self.assert_masked("x *** y", "x b\u200ba\u200bd y", "bad")

    def test_wildcard(self) -> None:
        """What a star of the list stands for is masked with the word."""
        self.assert_masked("a *****, ****, abadly b", "a badly, abad, abadly b", "bad*", "*bad")

    def test_several(self) -> None:
        """Words that overlap, follow each other and come twice."""
        self.assert_masked("********* and *****", "worse bad and worse", "worse", "worse bad", "bad", "*rse")

    def test_clean(self) -> None:
        """A text without words is the same object."""
        text = "a text without"

        self.assertIs(text, words("bad").mask(text))


class Parsing(SynchronousTestCase):
    def test_everything(self) -> None:
        """A line that would match everything, or nearly, is no word."""
        for line in ("*", "**", "!", "* *", "\u200b", "*a*", "--"):
            with self.assertRaises(BadWord, msg=line):
                parse_word(line)

    def test_inner_star(self) -> None:
        """A star in the middle is an error, not a letter."""
        with self.assertRaises(BadWord):
            parse_word("b*d")
