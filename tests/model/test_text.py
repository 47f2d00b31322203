"""Text by Unicode's rules; the table of docs/protocol.rst holds."""

import re
from time import process_time
from unicodedata import category, combining, normalize

from docutils import nodes
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from justchat.model.text import _MANY_MARKS, SHOWN, as_key, as_password, composed, fold, password_forms, shows
from tests.support.docs import PROJECT, parsed

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
MARKED = st.text("aeиеΣςσıİIß ̣́̈̆각ᄀ각\u200d\u3164กิก่हिन्दीﬁＡｶﾞ", max_size=12)
"""Text of what folding has to do with."""
POINTS = (*range(0x20000), *range(0xE0000, 0xE1000))
"""Where all marks, controls and format characters are, and what changes in being folded."""
SHOWS_NOTHING = (
    *("", " ", "\t\r\n", "\0", "\x7f\x1b", "\x85", "\xa0", "\xad", "\u034f", "\u061c", "\u115f", "\u1160", "\u1680"),
    *("\u17b4", "\u180b", "\u180e", "\u200b", "\u200c", "\u200d", "\u200e", "\u2028", "\u202e", "\u202f", "\u2060"),
    *("\u2063", "\u206a", "\u2800", "\u3000", "\u3164", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\U0001d159"),
    *("\U0001d173", "\U000e0001", "\U000e0020\U000e007f", "\U000e0100", " \0\u200b\u2800\u3164 "),
)
SHOWS = ("a", "\0a", "\u200b.", "\u0600", "\u06dd", "\u0301", "\ufffd", "\ue000", "\U0001f600", "❤\ufe0f", "\u200d👩")


def written(literal: str) -> str:
    """A literal of the table, with its \\uXXXX as what they stand for."""
    return re.sub(r"\\u([0-9a-f]{4})|\\t", lambda found: chr(int(found[1], 16)) if found[1] else "\t", literal)


def table() -> list[list[list[str]]]:
    """The rows of "What searches find", by columns."""
    page = parsed(PROJECT / "docs" / "protocol.rst")
    (found,) = (table for table in page.findall(nodes.table) if table[0].astext() == "What searches find")
    body = found.next_node(nodes.tbody)
    return [
        [[written(literal.astext()) for literal in entry.findall(nodes.literal)] for entry in row.children]
        for row in body.children
    ]


class Folding(SynchronousTestCase):
    def test_table(self) -> None:
        """Each name of the table is found by the searches in the second column, and by none in the third."""
        wrong = []
        for names, found_by, not_by, _ in table():
            one_each = len(names) == len(found_by) == 3 and fold(names[0]) != fold(names[1]) and not not_by
            pairs = zip(names, found_by, strict=True) if one_each else ((n, f) for n in names for f in found_by)
            wrong += [(name, part, "not found") for name, part in pairs if fold(part) not in fold(name)]
            wrong += [(name, part, "found") for name in names for part in not_by if fold(part) in fold(name)]

        self.assertEqual([], wrong)
        self.assertGreater(len(table()), 15)

    @settings(max_examples=300, deadline=None, database=None)
    @given(TEXT | MARKED)
    def test_idempotent(self, text: str) -> None:
        """Folding gives the same result for every form of a text, and the result is in NFC."""
        folded = fold(text)

        self.assertEqual(
            [folded] * 4, [fold(folded), *(fold(normalize(form, text)) for form in ("NFC", "NFD", "NFKC"))]
        )
        self.assertEqual(folded, normalize("NFC", folded))
        self.assertNotIn("\0", folded)

    @settings(max_examples=300, deadline=None, database=None)
    @given(TEXT | MARKED)
    def test_empty(self, text: str) -> None:
        """A text folds to nothing, or to spaces, if and only if it shows nothing."""
        if shows(text):
            self.assertNotEqual("", fold(text).strip())

    def test_all_characters(self) -> None:
        """For each character alone: folding is idempotent, and removes it only if it shows nothing."""
        wrong = []
        for code in POINTS:
            character = chr(code)
            if category(character) not in ("Cs", "Cn", "Co"):
                folded = fold(character)
                if (shows(character) and not folded.strip()) or (code % 7 == 0 and fold(folded) != folded):
                    wrong.append(f"{code:X}")

        self.assertEqual([], wrong)


class Showing(SynchronousTestCase):
    def test_nothing(self) -> None:
        """Blank, invisible and control characters show nothing; any other character makes the text show something."""
        self.assertEqual([], [text for text in SHOWS_NOTHING if shows(text)])
        self.assertEqual([], [text for text in SHOWS if not shows(text)])

    def test_categories(self) -> None:
        """White space, controls and format characters show nothing, but for the format characters that do by name."""
        shown = {
            f"{code:X}" for code in POINTS if category(chr(code)) in ("Zs", "Zl", "Zp", "Cc", "Cf") and shows(chr(code))
        }

        # Prepended_Concatenation_Mark of PropList.txt, and the joiners of hieroglyphs.
        marks = {f"{code:X}" for code in (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)}
        self.assertEqual(set(), {code for code in shown - marks if not 0x13430 <= int(code, 16) <= 0x1343F})

    def test_pattern(self) -> None:
        """The pattern of the OpenAPI document accepts every text that shows something."""
        self.assertEqual([], [text for text in SHOWS if not re.search(SHOWN, text)])
        self.assertEqual(
            [], [text for text in SHOWS_NOTHING if max(text, default="") < "\U00010000" and re.search(SHOWN, text)]
        )


class Storing(SynchronousTestCase):
    def test_composed(self) -> None:
        """Text is kept in NFC; joiners and selectors in it stay."""
        self.assertEqual("Чайная", composed("Чаи\u0306ная"))
        self.assertEqual("한국", composed(normalize("NFD", "한국")))
        for text in ("👨\u200d👩\u200d👧", "❤\ufe0f", "می\u200cخواهم", "क्\u200dष", "a\0b", "ﬁ"):
            self.assertEqual(text, composed(text))

    def test_many_marks(self) -> None:
        """Many marks on a letter, in any order, have one form, which is computed fast."""
        for marks in (
            "\U00012000\U0001e94a\u0323",
            "\u0301\u0323",
            "\u0323\u0344\u0301",
            "\u0f73\u0f71",
            "\u0327\U0001e94a\u05b0",
        ):
            text = f"a{marks * 400}b{marks[::-1] * 400}й"
            self.assertEqual(normalize("NFC", text), composed(text))

        began = process_time()
        composed("a" + "\u0301\u0323" * 16_000)
        fold("a" + "\u0301" * 250 + "\u0323" * 250)
        self.assertLess(process_time() - began, 0.3)

    def test_all_marks(self) -> None:
        """Every character that has a combining class is known as a mark."""
        marks = [chr(code) for code in POINTS if combining(chr(code))]

        self.assertEqual([], [mark for mark in marks if not _MANY_MARKS.search(mark * 32)])


class Secrets(SynchronousTestCase):
    def test_passwords(self) -> None:
        """A password is the same in NFC and with every space as U+0020; case, width and ligatures count."""
        same = ("correct horse é", "correct\u00a0horse e\u0301", "correct\u3000horse é")
        self.assertEqual(1, len({as_password(written) for written in same}))
        self.assertEqual(5, len({as_password(written) for written in ("a", "A", "ａ", "á", " a")}))
        self.assertEqual("πß๓", as_password("πß๓"))
        self.assertEqual("❤\ufe0f👩\u200d👧", as_password("❤\ufe0f👩\u200d👧"))
        self.assertEqual([""] * 3, [as_password(written) for written in (" ", "\u200b", "\u3164")])

    def test_forms(self) -> None:
        """A password that was hashed as written still matches; plain text has one form."""
        self.assertEqual(("sesame",), password_forms("sesame"))
        self.assertEqual(("сезамй",), password_forms("сезамй"))
        self.assertEqual(("é", "e\u0301"), password_forms("e\u0301"))
        self.assertEqual(("", " "), password_forms(" "))

    def test_keys(self) -> None:
        """A key is its digits, in any script, with any characters pasted around and between them."""
        for text in (
            *("123456", " 123456\n", "123 456", "123\u00a0456", "\u202a123456\u202c", "\u200e1\u200b23456\ufeff"),
            *("١٢٣٤٥٦", "۱۲۳۴۵۶", "१२३४५६", "１２３４５６", "𝟏𝟐𝟑𝟒𝟓𝟔", "１２३456"),
        ):
            self.assertEqual("123456", as_key(text), ascii(text))
        self.assertNotIn("123456", {as_key(text) for text in ("①②③④⑤⑥", "¹²³⁴⁵⁶", "12345", "1234567", "12345x")})
