"""Regular expressions of dates, exact to the day, for JSON Schema. ECMA-262 and Python read them alike.

They are exact so that every value generated from the OpenAPI document is accepted.
"""


def _days(year: str, leap_year: str, month: str, day: str) -> str:
    """A date whose day exists. ``month`` and ``day`` are the prefixes of one-digit numbers."""
    long = f"(?:{month}(?:[13578])|1[02])-(?:{day}[1-9]|[12][0-9]|3[01])"
    short = f"(?:{month}(?:[469])|11)-(?:{day}[1-9]|[12][0-9]|30)"
    february = f"{month}2-(?:{day}[1-9]|1[0-9]|2[0-8])"
    return f"(?:(?:{year})-(?:{long}|{short}|{february})|(?:{leap_year})-{month}2-29)"


_LEAP = "0[48]|[2468][048]|[13579][26]"
_ZONE = "Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?"
_TIME = f"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{{1,9}})?)?(?:{_ZONE})?"
_DATE = _days(
    "[1-8][0-9]{3}|9[0-8][0-9]{2}",
    f"(?:[1-8][0-9]|9[0-8])(?:{_LEAP})|(?:1[26]|[2468][048]|[3579][26])00",
    "0",
    "0",
)
MOMENT = f"^{_DATE}(?:[T ]{_TIME})?$"
"""An ISO 8601 date, with or without a time."""


def birthday(last_year: int) -> str:
    """``YYYY-MM-DD`` from 1900 to the end of a year of this century. Month and day may have one digit."""
    tens, ones = divmod(last_year % 100, 10)
    years = f"20[0-{tens - 1}][0-9]|20{tens}[0-{ones}]"
    leap = "|".join(map(str, range(2000, last_year + 1, 4)))
    return f"^{_days(f'19[0-9]{{2}}|{years}', f'19(?:{_LEAP})|{leap}', '0?', '0?')}$"
