"""What can go wrong for a client: one class per error, with its status, code and sentence.

The HTTP body of an error is made from these alone (docs/protocol.rst, "Errors").
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from http import HTTPStatus
from typing import ClassVar, NamedTuple


def reason_phrase(status: int) -> str:
    """The reason phrase of a status; 440 is the original API's own."""
    return "Login Timeout" if status == 440 else HTTPStatus(status).phrase


class BadField(NamedTuple):
    """A field of a request that is wrong: its dotted name and what is wrong with it."""

    field: str
    detail: str


class ApiError(Exception):
    """An error that a client is told.

    ``status`` is the HTTP status, ``code`` a stable slug for programs, ``detail`` a sentence for a person.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    detail: str = ""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.detail)
        if detail is not None:
            self.detail = detail


class BadRequest(ApiError):
    status, code, detail = 400, "bad-request", "the body must be a JSON object"


class InvalidFields(ApiError):
    """The shape of the request is wrong; ``fields`` has every bad field at once."""

    status, code, detail = 400, "invalid-fields", "some fields are missing or wrong"

    def __init__(self, fields: Sequence[BadField]) -> None:
        super().__init__()
        self.fields = tuple(fields)


class CountryNotServed(ApiError):
    status, code, detail = 400, "country-not-served", "no SMS are sent to this phone's country"


class TooSoon(ApiError):
    status, code, detail = 400, "too-soon", "less than 24 hours have passed since the last time"


class WrongKey(ApiError):
    status, code, detail = 401, "wrong-key", "the phone or the key is wrong"


class WrongPassword(ApiError):
    status, code, detail = 401, "wrong-password", "the room's password is wrong"


class NotAdmin(ApiError):
    """At ``/room/remove`` alone; the original says 401 there."""

    status, code, detail = 401, "not-admin", "only the room's admin may do this"


class NotEnoughCoins(ApiError):
    status, code, detail = 402, "not-enough-coins", "your balance is too low"


class WrongSignature(ApiError):
    status, code, detail = 403, "wrong-signature", "the signature does not fit the sum"


class CaptchaFailed(ApiError):
    status, code, detail = 403, "captcha-failed", "the captcha is missing, was not solved, or was used before"


class OriginNotAllowed(ApiError):
    """At the opening of a socket."""

    status, code, detail = 403, "origin-not-allowed", "pages of this origin may not connect"


class SearchOff(ApiError):
    status, code, detail = 403, "search-off", "people cannot be searched for here"


class NotInRoom(ApiError):
    status, code, detail = 403, "not-in-room", "you are not in this room"


class Silenced(ApiError):
    status, code, detail = 403, "silenced", "you may not speak in this room yet"


class Banned(ApiError):
    status, code, detail = 403, "banned", "you are banned from this room"


class Outranked(ApiError):
    status, code, detail = 403, "outranked", "your rank in this room does not allow that"


class NotFound(ApiError):
    status, code, detail = 404, "not-found", "there is nothing here"


class UserNotFound(ApiError):
    status, code, detail = 404, "user-not-found", "no user has this id"


class RoomNotFound(ApiError):
    status, code, detail = 404, "room-not-found", "no room has this id"


class GiftNotFound(ApiError):
    status, code, detail = 404, "gift-not-found", "no gift has this id"


class MessageNotFound(ApiError):
    status, code, detail = 404, "message-not-found", "no message here has this id"


class MethodNotAllowed(ApiError):
    """``allow`` has the methods that the path takes."""

    status, code, detail = 405, "method-not-allowed", "this path takes another method"

    def __init__(self, detail: str | None = None, allow: Iterable[str] = ("GET", "HEAD", "OPTIONS", "POST")) -> None:
        super().__init__(detail)
        self.allow = tuple(sorted(allow))


class Conflict(ApiError):
    status, code, detail = 409, "conflict", "something with these unique fields exists already"


class RoomFull(ApiError):
    status, code, detail = 409, "room-full", "the room has no free place"


class InProgress(ApiError):
    """The first call with this Idempotency-Key is not answered yet."""

    status, code, detail = 409, "in-progress", "a call with this Idempotency-Key is under way; ask again in a moment"


class RangeNotSatisfiable(ApiError):
    status, code, detail = 416, "range-not-satisfiable", "the file has no such bytes"


class ExpectationFailed(ApiError):
    status, code, detail = 417, "expectation-failed", "the one expectation that is met is 100-continue"


class KeyReused(ApiError):
    status, code, detail = 422, "key-reused", "this Idempotency-Key came with another request before"


class TooLarge(ApiError):
    status, code, detail = 413, "too-large", "the body is too large"


class UriTooLong(ApiError):
    status, code, detail = 414, "uri-too-long", "the request's target is too long"


class EncodingNotSupported(ApiError):
    status, code, detail = 415, "encoding-not-supported", "a body must not be compressed"


class NotAnImage(ApiError):
    status, code, detail = 415, "not-an-image", "this is no PNG, JPEG, GIF or WebP image that can be read"


class UpgradeRequired(ApiError):
    status, code, detail = 426, "upgrade-required", "this is a WebSocket"


class HeadTooLarge(ApiError):
    status, code, detail = 431, "head-too-large", "the request's header fields are too large, or too many"


class LoginTimeout(ApiError):
    """The session key is missing, unknown, ended or expired (the original API's own status)."""

    status, code, detail = 440, "login-timeout", "sign in again: there is no such session"


class TooManyRequests(ApiError):
    """More than ``count`` in ``seconds``; the next is free ``after`` so many seconds. ``name`` says of what."""

    status, code, detail = 429, "too-many-requests", "too many requests; nothing was done"

    def __init__(self, name: str, count: int, seconds: int, after: int) -> None:
        super().__init__(f"more than {count} in {seconds} s ({name}); try again in {max(after, 1)} s")
        self.name, self.count, self.seconds, self.after = name, count, seconds, max(after, 1)


class TooManyRooms(ApiError):
    status, code, detail = 409, "too-many-rooms", "you have as many rooms as one may have; remove one first"


class Incident(ApiError):
    """A fault of ours. ``detail`` is the incident's id, which the log carries too."""

    status, code = 500, "incident"


class NotImplementedHere(ApiError):
    status, code, detail = 501, "not-implemented", "this is not done here"


class VersionNotSupported(ApiError):
    status, code, detail = 505, "version-not-supported", "HTTP/1.1 is spoken here, or HTTP/1.0"


class Unavailable(ApiError):
    """The request was not carried out and may be sent again after ``retry_after`` seconds."""

    status, code, detail = 503, "unavailable", "try again in a moment; nothing was stored"
    retry_after: ClassVar[int] = 1


class TooManyConnections(Unavailable):
    """The connection that is one too many is closed with the answer."""

    status, code, detail = 429, "too-many-connections", "too many connections are open"
    retry_after = 10


class DatabaseAway(Unavailable):
    code, detail = "database-away", "the database is away; nothing was stored"


class DiskFull(Unavailable):
    code, detail = "disk-full", "there is no room for this; nothing was stored"


class Busy(Unavailable):
    code, detail = "busy", "too much is waiting already; nothing was stored"


class AlreadyStored(Exception):
    """An entry with this id is in the log already: the same thing was sent before."""


class BadFile(Exception):
    """A file of an operator's is wrong; the message is one line that says where."""


class SmsFailure(Enum):
    """What became of an SMS that was not accepted."""

    RETRY = "retry"
    """Surely not sent; another time it may be."""
    BAD_NUMBER = "bad-number"
    NO_FUNDS = "no-funds"
    MISCONFIGURED = "misconfigured"
    UNKNOWN = "unknown"
    """It may have been sent, and paid for."""


class SmsFailed(Exception):
    """An SMS was not accepted; the message says why, without the SMS's text."""

    def __init__(self, reason: str, failure: SmsFailure = SmsFailure.UNKNOWN) -> None:
        super().__init__(reason)
        self.failure = failure

    @property
    def costs_nothing(self) -> bool:
        """Whether it was surely not sent, for a reason that is not the phone's."""
        return self.failure in (SmsFailure.RETRY, SmsFailure.NO_FUNDS, SmsFailure.MISCONFIGURED)


class StartupError(Exception):
    """The daemon cannot start; the message is the one line that its operator reads."""
