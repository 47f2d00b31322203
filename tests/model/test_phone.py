"""Phone numbers, as people write them."""

import itertools
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from twisted.trial.unittest import SynchronousTestCase

from justchat.model.phone import NumberType, is_region, number_type_of, parse_phone

TYPES = [value for name, value in vars(PhoneNumberType).items() if name.isupper() and isinstance(value, int)]
ABROAD = ("RU", "US", "DE", "JP")
"""Default regions in which foreign numbers are written."""
PREFIXES = ("00", "011", "0011", "010", "810", "8~10", "8 10", "000", "119", "009", "99", "990", "002", "00414", "1230")
"""International prefixes of the world's regions, and carriers in them."""


def examples() -> Iterator[tuple[str | None, phonenumbers.PhoneNumber, str]]:
    """(region, number, its E.164 digits) of all examples that the library has; None is the networks of no country."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        found = {}
        for kind in TYPES:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                found[digits(number)] = number
        yield from ((region, number, written) for written, number in found.items())
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        number = phonenumbers.example_number_for_non_geo_entity(code)
        assert number is not None
        yield None, number, digits(number)


def digits(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]


def international(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def outcome(written: str | int, region: str) -> str | None:
    """The phone, or None where it is refused."""
    try:
        return parse_phone(written, region)
    except ValueError:
        return None


def in_digits(text: str, zero: int) -> str:
    """The text with the digits of another script, which begin at ``zero``."""
    return text.translate({48 + digit: zero + digit for digit in range(10)})


def pasted(text: str) -> Iterator[str]:
    """The same number with what comes along when it is copied, or typed on another keyboard."""
    for mark in "\u200e\u200f\u200b\u2060\ufeff\u00ad":
        yield f"{mark}{mark.join(text)}{mark}"
    yield f"\u202a{text}\u202c"
    yield f"\u202d{text}\u202c\n"
    for space in "\u00a0\u202f\u2009\u3000\t":
        yield f"{space}{text.replace(' ', space)}{space}"
    for dash in "\u2010\u2011\u2013\u2014\u2212\uff0d\u30fc\uff70\u2043\u05be":
        yield text.replace("-", dash).replace(" ", dash)
    for separator in "./\u2044\u2215\u2022\u2027\u30fb\uff65":
        yield text.replace("-", separator).replace(" ", separator)
    for zero in (0x660, 0x6F0, 0x966, 0xE50, 0xFF10, 0x1D7CE):
        yield in_digits(text, zero)
    yield in_digits(text, 0xFF10).replace("+", "＋").replace("(", "（").replace(")", "）")


class Parsing(SynchronousTestCase):
    def test_one_number(self) -> None:
        """Every notation of a number gives the same digits."""
        for written in (
            *("+79223438450", "79223438450", "89223438450", "9223438450", 79223438450, 89223438450, 9223438450),
            *("8 922 343-84-50", "+7 922 343 84 50", "8 (922) 343-84-50", "+7(922)3438450", "7-922-343-84-50"),
            *("  +7 922 343 84 50  ", "8\u00a0922\u00a0343\u00a084\u00a050", "8 922 343\u201384\u201350"),
            *("8.922.3438450", "8/922/343-84-50", "[8] 922 3438450", "٧٩٢٢٣٤٣٨٤٥٠", "＋７９２２３４３８４５０"),
            *("tel:+7-922-343-84-50", "TEL:89223438450", "tel:922-343-84-50;phone-context=+7", "tel:+79223438450;x=y"),
            *(
                "(+7) 922 343-84-50",
                "[+7]9223438450",
                "( +7 )922 343 84 50",
                "tel://+79223438450",
                "tel:%2B7%20922-343-84-50",
            ),
        ):
            self.assertEqual("79223438450", parse_phone(written, "RU"), written)

    def test_foreign(self) -> None:
        """A number of another country is accepted with its plus, and without one where the default region has no such
        number.
        """
        for written in ("+380 44 279 02 00", "380442790200", 380442790200, "380 44 279 02 00", "8~10 380 44 279 02 00"):
            self.assertEqual("380442790200", parse_phone(written, "RU"), written)

    def test_region(self) -> None:
        """Without its country a number is of the region that was configured."""
        self.assertEqual("4915123456789", parse_phone("01512 3456789", "DE"))
        self.assertEqual("12025550123", parse_phone("(202) 555-0123", "US"))

    def test_plus_wins(self) -> None:
        """With a plus the region does not matter."""
        self.assertEqual({"79223438450"}, {parse_phone("+7 922 343-84-50", region) for region in ("RU", "DE", "US")})
        self.assertEqual([None] * 4, [outcome("+8 922 343 84 50", region) for region in ("RU", "DE", "US", "KZ")])

    def test_trunk_prefix(self) -> None:
        """A trunk zero after a country code is left out where it stands apart; Italy's zero is part of the number."""
        for written in ("+44 (0)20 7946 0958", "+44 020 7946 0958", "+44(0) 2079460958", "+44 [0] 20 7946 0958"):
            self.assertEqual("442079460958", parse_phone(written, "RU"), written)
        self.assertEqual("390612345678", parse_phone("+39 06 12345678", "RU"))
        self.assertEqual([None, None], [outcome(written, "RU") for written in ("+4402079460958", "+440 20 7946 0958")])
        self.assertEqual("442079460958", parse_phone("00 44 (0)20 7946 0958", "DE"))

    def test_impossible(self) -> None:
        """An impossible number is refused."""
        for written in (
            *("", " ", "+", "-", "()", "abc", "12", "112", "+7", "+7 922", "9" * 25, "9" * 1000, "+999 123456789"),
            *("79223438450x", "7922343845o", "79223438450;", "+7922+3438450", "7922\0003438450", "79223438450,1"),
            *("++79223438450", "79223438450#", "*79223438450", "①②③④⑤⑥⑦⑧⑨⑩⑪", "7922³438450", "\u200b", "٧٩"),
            *(0, 1, 10**30),
        ):
            self.assertIsNone(outcome(written, "RU"), repr(written))

    def test_uris(self) -> None:
        """A tel: URI with an extension, of a context that is no number, or with another scheme is refused."""
        for written in (
            *("tel:+79223438450;ext=12", "tel:+79223438450;isub=1", "tel:9223438450;phone-context=example.com"),
            *("tel:", "tel:+", "tel:;phone-context=+7", "sms:+79223438450", "tel:+7922343845o", "tel:tel:+79223438450"),
            *(
                "tel:+79223438450;EXT=1",
                "tel:7922%003438450",
                "(+7922) 343",
                "8(+7)9223438450",
                "(+7)(+7)9223438450",
                "tel:9223438450;phone-context=+7;phone-context=example.com",
            ),
        ):
            self.assertIsNone(outcome(written, "RU"), written)

    def test_negative(self) -> None:
        """A negative number is not a phone."""
        with self.assertRaises(ValueError):
            parse_phone(-79223438450, "RU")

    def test_regions(self) -> None:
        """A region is two capital letters that numbers are known of."""
        self.assertEqual([True, True], [is_region(region) for region in ("RU", "DE")])
        self.assertEqual([False] * 4, [is_region(region) for region in ("ru", "XX", "", "Russia")])


class EveryRegion(SynchronousTestCase):
    """The library's own examples: each region's, of every type."""

    def test_notations(self) -> None:
        """Each is recognized in its region's notation there, and elsewhere in the international and RFC 3966's."""
        wrong = []
        for region, number, expected in examples():
            uri = phonenumbers.format_number(number, PhoneNumberFormat.RFC3966)
            written = [(text, abroad) for text in (international(number), uri) for abroad in ABROAD]
            if region is not None:
                national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
                written += [(national, region), (international(number), region)]
            wrong += [(*each, outcome(*each), expected) for each in written if outcome(*each) != expected]

        self.assertEqual([], wrong)

    def test_pasted(self) -> None:
        """The same with any marks, spaces, dashes and digits that are pasted with it."""
        wrong = []
        for region, number, expected in itertools.islice(examples(), 0, None, 9):
            national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
            written = [(text, "RU") for text in pasted(international(number))]
            if region is not None:
                written += [(text, region) for text in pasted(national)]
            wrong += [(ascii(each), outcome(*each), expected) for each in written if outcome(*each) != expected]

        self.assertEqual([], wrong)

    def test_plus_forgotten(self) -> None:
        """Without its plus it is the same number, or the default region's number of these digits, or it is refused."""
        wrong = []
        for (_, number, expected), region in itertools.product(examples(), ABROAD):
            for written in (expected, international(number)[1:]):
                found = outcome(written, region)
                own = str(phonenumbers.country_code_for_region(region))
                if found not in (None, expected) and not found.startswith(own):
                    wrong.append((written, region, found, expected))

        self.assertEqual([], wrong)

    def test_prefixes(self) -> None:
        """After another region's international prefix it is refused, or makes a number of the default region's own."""
        wrong = []
        own = {"RU": {"810", "8~10", "8 10"}, "US": {"011"}, "GB": {"00"}, "FR": {"00"}}
        mobiles = [
            phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE) for region in ("GB", "US", "CN")
        ]
        for region, prefix, number in itertools.product(own, PREFIXES, filter(None, mobiles)):
            for written in (prefix + digits(number), f"{prefix} {international(number)[1:]}"):
                found = outcome(written, region)
                if prefix in own[region]:
                    right = found == digits(number)
                elif written.startswith("00") and "00" in own[region]:
                    right = found is None or f"00{found}" == "".join(filter(str.isdigit, written))
                else:
                    right = found is None or found.startswith(str(phonenumbers.country_code_for_region(region)))
                if not right:
                    wrong.append((written, region, found))

        self.assertEqual([], wrong)

    def test_plus_and_prefix(self) -> None:
        """An international prefix after a plus leads to no number that could get an SMS."""
        wrong = []
        for (_, number, _), prefix in itertools.product(examples(), ("+810 ", "+00", "+011 ", "+8 10 ", "+8~10", "+0")):
            written = prefix + international(number)[1:]
            found = outcome(written, "RU")
            if found is not None and number_type_of(found) not in (NumberType.TOLL_FREE, NumberType.UNKNOWN):
                wrong.append((written, found))

        self.assertEqual([], wrong)

    def test_foreign_prefixes(self) -> None:
        """In Russia and North America, no prefix but one's own ever leads to another country."""
        wrong = []
        for (_, number, _), prefix in itertools.product(itertools.islice(examples(), 0, None, 7), PREFIXES):
            for region in ("RU", "US"):
                if prefix not in {"RU": ("810", "8~10", "8 10"), "US": ("011",)}[region]:
                    found = outcome(f"{prefix} {international(number)[1:]}", region)
                    if found is not None and found[0] != {"RU": "7", "US": "1"}[region]:
                        wrong.append((prefix, international(number), region, found))

        self.assertEqual([], wrong)


class Types(SynchronousTestCase):
    def test_types(self) -> None:
        """The library says what a number is; those of no country are that, whatever the library calls them besides."""
        for written, expected in (
            ("+7 922 343 84 50", NumberType.MOBILE),
            ("+44 7400 123456", NumberType.MOBILE),
            ("+1 201 555 0123", NumberType.FIXED_LINE_OR_MOBILE),
            ("+380 44 279 02 00", NumberType.FIXED_LINE),
            ("+44 56 1234 5678", NumberType.VOIP),
            ("+44 70 1234 5678", NumberType.PERSONAL),
            ("+7 800 555 35 35", NumberType.TOLL_FREE),
            ("+49 180 1 2345", NumberType.SHARED_COST),
            ("+44 909 879 0123", NumberType.PREMIUM_RATE),
            ("+979 1 2345 6789", NumberType.GLOBAL),
            ("+881 6 123 45678", NumberType.GLOBAL),
            ("+870 301 234 567", NumberType.GLOBAL),
            ("+882 34 21234", NumberType.GLOBAL),
            ("+7 000 000 00 00", NumberType.UNKNOWN),
            ("+1 201 155 0123", NumberType.UNKNOWN),
        ):
            self.assertEqual(expected, number_type_of(parse_phone(written, "RU")), written)

    def test_every_example(self) -> None:
        """Every valid number has a type."""
        unknown = [digits for _, _, digits in examples() if number_type_of(digits) is NumberType.UNKNOWN]

        self.assertEqual([], unknown)
