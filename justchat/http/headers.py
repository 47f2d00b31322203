"""The header fields of requests and responses, independent of who reads or writes them.

The fast lane and the Site both use these functions, so that a call has the same answer on either path.
"""

import re
from collections.abc import Callable, Iterable

from attrs import field as attribute

from justchat.config.settings import Http
from justchat.errors import ApiError, EncodingNotSupported, MethodNotAllowed, UpgradeRequired
from justchat.http.answer import Answer
from justchat.model.record import record
from justchat.model.trace_context import TraceContext, parse_traceparent
from justchat.protocol.handshake import UPGRADE_FIELDS

Field = tuple[bytes, bytes]
_NAME = rb"[A-Za-z0-9._~!$&'()*+,;=-]*"
_HOST = re.compile(rb"(?:\[[0-9A-Fa-fvV:.]+\]|" + _NAME + rb"(?:%[0-9A-Fa-f]{2}" + _NAME + rb")*)(?::[0-9]*)?\Z")

_ALLOWED = b"Authorization, Content-Type, Idempotency-Key"
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]{1,128}\Z")
COMMON: tuple[Field, ...] = (
    (b"Server", b"JustChat"),
    (b"Content-Type", b"application/json; charset=utf-8"),
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
)
"""The fields that every answer of ours has."""
CHALLENGE: Field = (b"WWW-Authenticate", b'Bearer realm="JustChat"')
"""Of every 401 (RFC 9110, section 15.5.2; RFC 6750, section 3). Without it some clients, as Android's of old, report an
I/O error in place of the answer. It makes no browser ask for a password.
"""
TRACEPARENT = b"traceparent"
CLOSE: Field = (b"Connection", b"close")


@record
class CallFields:
    """The header fields that a call depends on."""

    bearer: str | None = attribute(default=None, repr=False)
    """The session key of the Authorization field."""
    content_type: str = ""
    idempotency_key: str | None = None


def call_fields(field: Callable[[bytes], bytes | None]) -> CallFields:
    """Read the fields of a call. ``field`` returns a field's value by its lower-case name, None if it is absent."""
    key = field(b"idempotency-key")
    return CallFields(
        bearer_of(field(b"authorization")),
        (field(b"content-type") or b"").decode("latin-1"),
        None if key is None else key.decode("latin-1"),
    )


def trace_of(traceparent: bytes | None) -> TraceContext | None:
    """The trace that a ``traceparent`` field names."""
    return None if traceparent is None else parse_traceparent(traceparent.decode("latin-1"))


def common_fields(status: int) -> tuple[Field, ...]:
    """The fields that every answer with a status has."""
    return (*COMMON, CHALLENGE) if status == 401 else COMMON


def answer_fields(answer: Answer) -> tuple[Field, ...]:
    """The fields that depend on the answer, beside common_fields() and Content-Length."""
    return () if answer.retry_after is None else ((b"Retry-After", b"%d" % answer.retry_after), *answer.limit)


def error_fields(error: ApiError) -> list[Field]:
    """The fields that the answer to a refused request must have because of its error."""
    if isinstance(error, MethodNotAllowed):
        return [(b"Allow", ", ".join(error.allow).encode())]
    if isinstance(error, UpgradeRequired):
        return UPGRADE_FIELDS
    # RFC 9110, section 12.5.3
    return [(b"Accept-Encoding", b"identity")] if isinstance(error, EncodingNotSupported) else []


def cors_fields(settings: Http, origin: bytes | None, *, credentials: bool = False) -> list[Field]:
    """The fields that allow a page of this origin to read the answer (the Fetch standard, CORS protocol).

    ``credentials``: the page sends its request with credentials, for which ``*`` does not suffice. JustChat uses no
    cookies.
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


def preflight_fields(asked: bytes | None) -> list[Field]:
    """The fields of the answer to a CORS preflight, beside those of ``cors_fields``.

    Libraries add fields of their own, as uploaders do and tracers. Each that is ``asked`` for is allowed, since fields
    that mean nothing here are ignored.
    """
    others = sorted(filter(_FIELD_NAME.match, list_elements([asked or b""]) - list_elements([_ALLOWED])))
    return [
        (b"Access-Control-Allow-Methods", b"GET, POST, OPTIONS"),
        (b"Access-Control-Allow-Headers", b", ".join([_ALLOWED, *others])),
        (b"Access-Control-Max-Age", b"86400"),
    ]


def list_elements(values: Iterable[bytes]) -> set[bytes]:
    """The elements of a list field, over all of its field lines, in lower case (RFC 9110, section 5.6.1)."""
    return {element.strip().lower() for value in values for element in value.split(b",")} - {b""}


def is_host(value: bytes) -> bool:
    """Whether a Host field, or the authority of a target, is ``uri-host [":" port]`` (RFC 9110, section 7.2)."""
    return _HOST.match(value) is not None


def bearer_of(authorization: bytes | None) -> str | None:
    """The session key in an Authorization field (RFC 6750, section 2.1)."""
    if authorization and authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip().decode("latin-1") or None
    return None
