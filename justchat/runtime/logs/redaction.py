"""Removes secrets from what is logged.

No code logs a secret on purpose. What a library puts into the message of an exception is not known.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel

from justchat.config.secrets import Secret
from justchat.config.settings import Settings

HIDDEN = "…"
SHORTEST = 8
"""Characters of a part of a secret that is looked for. Shorter ones are words."""
_CREDENTIALS = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")
_FIELD = re.compile(
    r"""(?ix)(["']?\b (?:session_key|secret|secret_key|password|authorization|token|api_key) ["']?\s*[:=]\s*)
    (?:"[^"]*"|'[^']*'|[^\s"',;}\])]+)"""
)
_PHONE = re.compile(r"(?:\+|(?<=[\"']))\d{7,13}(\d\d)(?!\d)")


class Redactor:
    """Hides secrets of the settings, credentials, and all digits of phones but the last two."""

    def __init__(self, settings: Settings | None = None) -> None:
        found = () if settings is None else {part for secret in secrets_in(settings) for part in _parts(secret)}
        ordered = sorted((part for part in found if len(part) >= SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = _CREDENTIALS.sub(rf"\1 {HIDDEN}", text)
        text = _FIELD.sub(rf"\1{HIDDEN}", text)
        return _PHONE.sub(rf"{HIDDEN}\1", text)


def secrets_in(value: object) -> Iterator[str]:
    """Every secret of the settings, or of a part of them."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, BaseModel):
        yield from secrets_in(value.__dict__)
    elif isinstance(value, dict):
        for each in value.values():
            yield from secrets_in(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from secrets_in(each)


def _parts(secret: str) -> Iterable[str]:
    """A secret, and the secrets in it: the password and the query of a URL, the last word of a header."""
    parts = [secret, secret.rpartition(" ")[2], secret.removeprefix("whsec_")]
    if "://" in secret:
        try:
            url = urlsplit(secret)
            parts += [url.password or "", unquote(url.password or "")]
        except ValueError:
            return parts
        parts += [value for _, value in parse_qsl(url.query) if "{" not in value]
    return parts
