"""Phone numbers, kept and shown as E.164 digits without the plus: ``79223438450``."""

import re
from typing import NewType

import phonenumbers

Phone = NewType("Phone", str)

_WRITTEN = re.compile(r"\s*\+?[0-9()\s.\-\u2010-\u2015]{3,40}\Z")


def parse_phone(written: str | int, region: str) -> Phone:
    """The phone that somebody wrote, with or without ``+``, spaces, dashes or brackets.

    Without a plus it is read as a number of the default region first (``8 922 …`` in ``RU``), then as an
    international one whose plus was forgotten. Raises ValueError for what cannot be a phone number.
    """
    text = str(written)
    if isinstance(written, int) and written < 0:
        raise ValueError("not a phone number")
    if not _WRITTEN.match(text):
        raise ValueError("not a phone number")
    readings = [text] if text.lstrip().startswith("+") else [text, f"+{text}"]
    possible = []
    for reading in readings:
        try:
            number = phonenumbers.parse(reading, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return _digits(number)
        if phonenumbers.is_possible_number(number):
            possible.append(number)
    if not possible:
        raise ValueError("not a possible phone number")
    return _digits(possible[0])


def country_of(phone: Phone) -> str | None:
    """The region of a phone, as ``RU``; None where that cannot be told."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{phone}"))


def dial_code_of(phone: Phone) -> int:
    """The country code of a phone, which several regions may share: 7, say."""
    return phonenumbers.parse(f"+{phone}").country_code or 0


def is_region(region: str) -> bool:
    """Whether this is a region that phone numbers can be read in: two letters, as ``RU``."""
    return region in phonenumbers.SUPPORTED_REGIONS


def _digits(number: phonenumbers.PhoneNumber) -> Phone:
    return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+"))
