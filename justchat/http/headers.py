"""The header fields of answers and requests, apart from who reads or writes them on the wire."""

import re
from collections.abc import Iterable

from justchat.config.settings import Http
from justchat.http.dispatcher import Answer

Field = tuple[bytes, bytes]
_NAME = rb"[A-Za-z0-9._~!$&'()*+,;=-]*"
_HOST = re.compile(rb"(?:\[[0-9A-Fa-fvV:.]+\]|" + _NAME + rb"(?:%[0-9A-Fa-f]{2}" + _NAME + rb")*)(?::[0-9]*)?\Z")

PREFLIGHT: tuple[Field, ...] = (
    (b"Access-Control-Allow-Methods", b"GET, POST, OPTIONS"),
    (b"Access-Control-Allow-Headers", b"Authorization, Content-Type, Idempotency-Key"),
    (b"Access-Control-Max-Age", b"86400"),
)
EVERY_ANSWER: tuple[Field, ...] = (
    (b"Server", b"JustChat"),
    (b"Content-Type", b"application/json; charset=utf-8"),
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
)


def of_answer(answer: Answer) -> tuple[Field, ...]:
    """What goes before an answer's body, beside EVERY_ANSWER and the body's length."""
    return () if answer.retry_after is None else ((b"Retry-After", b"%d" % answer.retry_after), *answer.limit)


def of_origin(settings: Http, origin: bytes | None, *, credentials: bool = False) -> list[Field]:
    """What a browser is told, whose page is of this origin (the Fetch standard, CORS protocol).

    ``credentials``: it asks with them, for which ``*`` is not enough. We use no cookies.
    """
    if origin is None:
        return []
    anyone = "*" in settings.allow_origins and not credentials
    fields: list[Field] = []
    if settings.allows_origin(origin.decode("latin-1")):
        if credentials:
            fields.append((b"Access-Control-Allow-Credentials", b"true"))
        fields.append((b"Access-Control-Allow-Origin", b"*" if anyone else origin))
        fields.append((b"Access-Control-Expose-Headers", b"Retry-After, RateLimit, RateLimit-Policy"))
    if not anyone:
        fields.append((b"Vary", b"Origin"))
    return fields


def options_of(values: Iterable[bytes]) -> set[bytes]:
    """The elements of a list of tokens, over all of its fields, in lower case (RFC 9110, section 5.6.1)."""
    return {option.strip().lower() for value in values for option in value.split(b",")} - {b""}


def is_host(value: bytes) -> bool:
    """Whether a Host field, or the authority of a target, is ``uri-host [":" port]`` (RFC 9110, section 7.2)."""
    return _HOST.match(value) is not None


def bearer_of(authorization: bytes | None) -> str | None:
    """The session key in an Authorization field (RFC 6750, section 2.1)."""
    if authorization and authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip().decode("latin-1") or None
    return None
