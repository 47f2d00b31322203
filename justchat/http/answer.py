"""An answer as status and JSON body, and those that follow from errors."""

import secrets

import orjson
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import (
    ApiError,
    Incident,
    InvalidFields,
    SlowMode,
    Suspended,
    TooManyRequests,
    Unavailable,
    reason_phrase,
)
from justchat.model.moment import iso
from justchat.model.record import record

_log = Logger()


@record
class Answer:
    """The answer to a request; ``body`` is JSON."""

    status: int
    body: bytes
    retry_after: int | None = None
    """Seconds."""
    limit: tuple[tuple[bytes, bytes], ...] = ()
    """The header fields that describe the exceeded rate."""


def incident_answer(failure: Failure, *, debug: bool) -> Answer:
    """Log an unexpected exception; returns the 500 that has its number in the log."""
    incident = secrets.token_hex(8)
    _log.failure("incident {incident}", failure, incident=incident)
    return error_answer(Incident(f"{incident}: {failure.value}" if debug else incident))


def error_answer(error: ApiError) -> Answer:
    """The body of an error (docs/protocol.rst, "Errors")."""
    body: dict[str, object] = {
        "error": reason_phrase(error.status),
        "code": error.code,
        "detail": error.detail,
    }
    if isinstance(error, InvalidFields):
        body["fields"] = [wrong._asdict() for wrong in error.fields[:100]]
    if isinstance(error, Suspended):
        body["until"] = None if error.until is None else iso(error.until)
    encoded = orjson.dumps(body)
    if isinstance(error, TooManyRequests):
        # draft-ietf-httpapi-ratelimit-headers
        policy = b'"%s";q=%d;w=%d' % (error.name.encode(), error.count, error.seconds)
        left = b'"%s";r=0;t=%d' % (error.name.encode(), error.after)
        return Answer(error.status, encoded, error.after, ((b"RateLimit-Policy", policy), (b"RateLimit", left)))
    if isinstance(error, SlowMode):
        return Answer(error.status, encoded, error.after)
    return Answer(error.status, encoded, error.retry_after if isinstance(error, Unavailable) else None)
