"""The values of arguments. Each function takes what was written, and raises ArgumentTypeError with what is wrong."""

from argparse import ArgumentTypeError
from ipaddress import ip_network
from os.path import lexists
from pathlib import Path

from justchat.config.gift_file import NAME_LENGTH
from justchat.model.moment import Moment, from_iso
from justchat.model.text import composed, shows

LONGEST_TEXT = 4096
MOST_COINS = 10**9
LONGEST_PAGE = 1000
"""Rows of a list that one command shows."""


def text_argument(written: str) -> str:
    """A text with something to see."""
    try:
        written.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8
        raise ArgumentTypeError("not UTF-8") from None
    if not shows(written):
        raise ArgumentTypeError("empty")
    text = composed(written)
    if len(text) > LONGEST_TEXT:
        raise ArgumentTypeError(f"longer than {LONGEST_TEXT} characters")
    return text


def moment_argument(written: str) -> Moment:
    """A time in ISO 8601."""
    try:
        return from_iso(written)
    except (ValueError, OverflowError):
        raise ArgumentTypeError("not a time, such as 2026-12-24 or 2026-12-24T18:00Z (UTC)") from None


def network_argument(written: str) -> str:
    """A network in CIDR notation."""
    try:
        return str(ip_network(written))
    except ValueError as error:
        raise ArgumentTypeError(f"not a network, as 192.0.2.0/24: {error}") from None


def new_file_argument(written: str) -> Path:
    """The path of a file that is not there."""
    path = Path(path_argument(written))
    if lexists(path):
        raise ArgumentTypeError(f"{written} is there already")
    return path


def backup_argument(written: str) -> Path:
    """The path of a file that is not there, or of a folder."""
    path = Path(path_argument(written))
    return path if path.is_dir() else new_file_argument(written)


def path_argument(written: str) -> str:
    """A URL, or a file's name, which may have any bytes and is not normalized."""
    if not written.strip():
        raise ArgumentTypeError("empty")
    return written


def name_argument(written: str) -> str:
    """A short text."""
    name = text_argument(written)
    if len(name) > NAME_LENGTH:
        raise ArgumentTypeError(f"longer than {NAME_LENGTH} characters")
    return name


def coins_argument(written: str) -> int:
    """A sum of coins, which may be negative, but not 0."""
    coins = _whole(written)
    if coins == 0 or abs(coins) > MOST_COINS:
        raise ArgumentTypeError(f"not a number from 1 to {MOST_COINS}")
    return coins


def count_argument(written: str) -> int:
    """A number from 1."""
    count = coins_argument(written)
    if count < 0:
        raise ArgumentTypeError("below 1")
    return count


def limit_argument(written: str) -> int:
    """The length of a page, from 1 to LONGEST_PAGE."""
    limit = count_argument(written)
    if limit > LONGEST_PAGE:
        raise ArgumentTypeError(f"over {LONGEST_PAGE}; --skip leads to the next page")
    return limit


def skip_argument(written: str) -> int:
    """How many rows come before a page, from 0."""
    skip = _whole(written)
    if not 0 <= skip <= MOST_COINS:
        raise ArgumentTypeError(f"not a number from 0 to {MOST_COINS}")
    return skip


def _whole(written: str) -> int:
    try:
        return int(written)
    except ValueError:
        raise ArgumentTypeError("not a whole number") from None
