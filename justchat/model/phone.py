"""Phone numbers, stored and shown as E.164 digits without the plus: ``79223438450``.

The phonenumbers library decides whether a number is valid, and its country and type. This module first cleans up what
people write and paste around the digits (docs/protocol.rst, "Ids, times, phones").
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import NewType
from unicodedata import category
from urllib.parse import unquote

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneMetadata, PhoneNumberType

from justchat.model.text import with_digits, with_spaces, without_marks

Phone = NewType("Phone", str)

_DASHES = "".join(sign for sign in map(chr, range(0x80, 0x10000)) if category(sign) == "Pd")
_SIGNS: Mapping[str, str] = {
    "-": _DASHES + "\u2043\u2212\u30fc\uff70",
    "/": "\u2044\u2215\uff0f",
    ".": "\u00b7\u2022\u2024\u2027\u2219\u22c5\u30fb\uff0e\uff65",
    "~": "\u2053\u223c\uff5e",
    "+": "\ufe62\uff0b",
    "(": "\ufe59\uff08",
    ")": "\ufe5a\uff09",
    "[": "\uff3b",
    "]": "\uff3d",
}
"""By sign, what is written for it. Dashes are Unicode's, a bullet, the minus, and the long-vowel marks of kana, which
Japanese keyboards have in place of a hyphen.
"""
_SEPARATORS = str.maketrans({written: sign for sign, others in _SIGNS.items() for written in others})
_WRITTEN = re.compile(r"(?P<plus>\+?)(?P<rest>[0-9()\[\] ./~-]{3,60})\Z")
_BRACKETED_CODE = re.compile(r"[(\[] *(\+ *[0-9]+) *[)\]]")
"""A country code in brackets, as in (+7) 922."""
_URI = re.compile(r"tel:(?://)?(?P<number>[^;]*)(?P<parameters>(?:;[^;]*)*)\Z", re.IGNORECASE)
_CONTEXT = re.compile(r"phone-context=(\+[0-9.()-]+)\Z", re.IGNORECASE)
_NOT_ONE_LINE = re.compile(r"(?:ext|isub|phone-context|postd|tsp)(?:=|\Z)", re.IGNORECASE)
_GROUP = re.compile(r"[0-9]+")
_TRUNK_ZERO = re.compile(r"[(\[] *0 *[)\]]")
"""A trunk prefix in brackets, as in +44 (0)20: dial 0 within the country, nothing from abroad."""


class NumberType(Enum):
    """The type of a number. The values are those of ``[sms] number_types``."""

    MOBILE = "mobile"
    FIXED_LINE_OR_MOBILE = "fixed-line-or-mobile"
    """The number does not reveal which, as in North America."""
    FIXED_LINE = "fixed-line"
    VOIP = "voip"
    PERSONAL = "personal-number"
    PAGER = "pager"
    COMPANY = "uan"
    VOICEMAIL = "voicemail"
    TOLL_FREE = "toll-free"
    SHARED_COST = "shared-cost"
    PREMIUM_RATE = "premium-rate"
    GLOBAL = "global-network"
    """Of no country: satellites (+870, +881), networks (+882, +883) and services (+800, +808, +878, +888, +979)."""
    UNKNOWN = "unknown"
    """Not an assigned number, as far as the library knows."""


_TYPES = {
    PhoneNumberType.MOBILE: NumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.FIXED_LINE: NumberType.FIXED_LINE,
    PhoneNumberType.VOIP: NumberType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: NumberType.PERSONAL,
    PhoneNumberType.PAGER: NumberType.PAGER,
    PhoneNumberType.UAN: NumberType.COMPANY,
    PhoneNumberType.VOICEMAIL: NumberType.VOICEMAIL,
    PhoneNumberType.TOLL_FREE: NumberType.TOLL_FREE,
    PhoneNumberType.SHARED_COST: NumberType.SHARED_COST,
    PhoneNumberType.PREMIUM_RATE: NumberType.PREMIUM_RATE,
}


def parse_phone(written: str | int, region: str) -> Phone:
    """Parse a phone number: a string, an int or a ``tel:`` URI (RFC 3966).

    With a plus, the region does not matter. Without one it is a number of the region (``8 922 …`` in ``RU``), or of
    another country after the region's international prefix (``8~10``), or an international number without its plus.
    Raises ValueError for what cannot be a phone number, and where the country would be a guess.
    """
    if isinstance(written, int) and written < 0:
        raise ValueError("not a phone number")
    text = with_spaces(with_digits(without_marks(str(written)))).translate(_SEPARATORS).strip(" ")
    uri = _URI.match(text)
    found = _WRITTEN.match(_BRACKETED_CODE.sub(r"\1 ", _without_uri(uri) if uri else text, count=1))
    if found is None:
        raise ValueError("not a phone number")
    rest = found["rest"]
    abroad = _read(f"+{rest}", None)
    whole = abroad if abroad is not None and _joined(rest) == _digits(abroad) else None
    if found["plus"]:
        readings = [whole or _with_trunk_zero(rest, abroad)]
    else:
        readings = [_dialled(rest, region), _plus_forgotten(rest, whole)]
    for number in readings:
        if number is not None and phonenumbers.is_valid_number(number):
            return _digits(number)
    # The library does not know it as assigned. It is accepted only if its country is certain.
    if whole is None or not phonenumbers.is_possible_number(whole):
        raise ValueError("not a possible phone number")
    if not found["plus"] and whole.country_code != phonenumbers.country_code_for_region(region):
        raise ValueError("not a phone number of the region, nor an international one")
    return _digits(whole)


def _without_uri(uri: re.Match[str]) -> str:
    """The number of a ``tel:`` URI. Raises ValueError for an extension, or a context that is not a number."""
    number = unquote(uri["number"]).strip(" ")
    for parameter in uri["parameters"].split(";")[1:]:
        context = _CONTEXT.match(parameter.strip())
        if context is not None and not number.startswith("+"):
            number = f"{context[1]} {number}"
        elif _NOT_ONE_LINE.match(parameter.strip()):
            raise ValueError("not a phone number of its own")
    return number


def _read(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _with_trunk_zero(rest: str, number: phonenumbers.PhoneNumber | None) -> phonenumbers.PhoneNumber | None:
    """An international number with a trunk zero after its country code, which the library drops: +44 (0)20, +44 020.

    The zero must be separate: +810 44 is how Russia dials 44, not a Japanese number.
    """
    return number if number is not None and _GROUP.findall(rest)[0] == str(number.country_code) else None


def _dialled(rest: str, region: str) -> phonenumbers.PhoneNumber | None:
    """The number that these digits dial in a region.

    After the region's international prefix the rest must be the whole number: where the prefix is 00, 011 44 … is not
    an American number.
    """
    number = _read(rest, region)
    if number is None or number.country_code_source != CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return number
    metadata = PhoneMetadata.metadata_for_region(region)
    prefix = (metadata and metadata.international_prefix) or ""
    for digits in (_joined(rest), _joined(_TRUNK_ZERO.sub("", rest))):
        if digits.endswith(_digits(number)) and re.fullmatch(prefix, digits.removesuffix(_digits(number))):
            return number
    return None


def _joined(text: str) -> str:
    return "".join(_GROUP.findall(text))


def _plus_forgotten(rest: str, whole: phonenumbers.PhoneNumber | None) -> phonenumbers.PhoneNumber | None:
    """An international number without its plus: every digit belongs to it, and no prefix is dropped.

    If the digits are in groups, the first must be the country code. Otherwise a national number of another country, or
    its international prefix, would pass for one.
    """
    groups = _GROUP.findall(rest)
    if whole is None or (len(groups) > 1 and groups[0] != str(whole.country_code)):
        return None
    return whole


def number_type_of(phone: Phone) -> NumberType:
    """The type of a phone number."""
    number = phonenumbers.parse(f"+{phone}")
    if not phonenumbers.is_valid_number(number):
        return NumberType.UNKNOWN
    if phonenumbers.region_code_for_number(number) == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return NumberType.GLOBAL
    return _TYPES.get(phonenumbers.number_type(number), NumberType.UNKNOWN)


def country_of(phone: Phone) -> str | None:
    """The region of a phone, such as ``RU``; None where it is unknown."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{phone}"))


def dial_code_of(phone: Phone) -> int:
    """The country calling code of a phone, such as 7. Several regions may share one."""
    return phonenumbers.parse(f"+{phone}").country_code or 0


def is_region(region: str) -> bool:
    """Whether phone numbers can be parsed in this region: two letters, such as ``RU``."""
    return region in phonenumbers.SUPPORTED_REGIONS


def _digits(number: phonenumbers.PhoneNumber) -> Phone:
    # Not format_number, which returns the raw input where all digits are zeros.
    return Phone(f"{number.country_code}{phonenumbers.national_significant_number(number)}")
