"""The errors that a client can get: one class per error, with its status, code and detail.

The HTTP body of an error contains these alone (docs/protocol.rst, "Errors").
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from http import HTTPStatus
from typing import ClassVar, NamedTuple


def reason_phrase(status: int) -> str:
    """The reason phrase of a status; 440 is the original API's own."""
    return "Login Timeout" if status == 440 else HTTPStatus(status).phrase


class BadField(NamedTuple):
    """A wrong field of a request: its dotted name, and what is wrong with it."""

    field: str
    detail: str


class ApiError(Exception):
    """An error that is sent to the client.

    ``status`` is the HTTP status, ``code`` a stable slug for programs, ``detail`` a sentence for people.
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
    """The request has wrong fields. ``fields`` lists all of them."""

    status, code, detail = 400, "invalid-fields", "some fields are missing or wrong"

    def __init__(self, fields: Sequence[BadField]) -> None:
        super().__init__()
        self.fields = tuple(fields)


class CountryNotServed(ApiError):
    status, code, detail = 400, "country-not-served", "this server sends no SMS to the country of this phone"


class TooSoon(ApiError):
    status, code, detail = 400, "too-soon", "24 hours have not passed since the last time"


class WrongKey(ApiError):
    status, code, detail = 401, "wrong-key", "wrong phone or key"


class WrongServerKey(ApiError):
    """An app's server has no key, or one that is unknown, revoked, or bound to other networks."""

    status, code, detail = 401, "wrong-server-key", "this call takes a server key that may be used from here"


class WrongToken(ApiError):
    """A token that is malformed, expired, for others, or not signed by a configured issuer."""

    status, code, detail = 401, "wrong-token", "this token signs nobody in"


class WrongPassword(ApiError):
    status, code, detail = 401, "wrong-password", "wrong room password"


class NotAdmin(ApiError):
    """Only ``/room/remove`` answers this. The original API answers 401 there, too."""

    status, code, detail = 401, "not-admin", "only the admin of the room may do this"


class NotEnoughCoins(ApiError):
    status, code, detail = 402, "not-enough-coins", "your balance is too low"


class WrongSignature(ApiError):
    status, code, detail = 403, "wrong-signature", "the signature does not match the payment"


class CaptchaFailed(ApiError):
    status, code, detail = 403, "captcha-failed", "the captcha token is missing, invalid or already used"


class OriginNotAllowed(ApiError):
    """The opening of a socket was refused."""

    status, code, detail = 403, "origin-not-allowed", "pages of this origin may not connect"


class PhoneSignUpOff(ApiError):
    status, code, detail = 403, "phone-sign-up-off", "nobody signs up or in by phone on this server"


class SearchOff(ApiError):
    status, code, detail = 403, "search-off", "searching for users is disabled on this server"


class ScopeMissing(ApiError):
    status, code, detail = 403, "scope-missing", "this server key has no scope for this call"


class BeyondNetworks(ApiError):
    status, code, detail = 403, "beyond-networks", "this server key may not be used from all of these networks"


class Suspended(ApiError):
    """``until`` is when the suspension ends; None if only an operator ends it."""

    status, code, detail = 403, "suspended", "this account is suspended"

    def __init__(self, until: datetime | None) -> None:
        super().__init__()
        self.until = until


class NotInRoom(ApiError):
    status, code, detail = 403, "not-in-room", "you are not in this room"


class Silenced(ApiError):
    status, code, detail = 403, "silenced", "you are silenced in this room"


class Banned(ApiError):
    status, code, detail = 403, "banned", "you are banned from this room"


class Rejected(ApiError):
    """The text has a word of the operator's list."""

    status, code, detail = 403, "rejected", "the text has a word that this server does not allow"


class Outranked(ApiError):
    status, code, detail = 403, "outranked", "your rank in this room does not allow this"


class Blocked(ApiError):
    status, code, detail = 403, "blocked", "one of you has blocked the other"


class NotFound(ApiError):
    status, code, detail = 404, "not-found", "nothing exists at this path"


class UserNotFound(ApiError):
    status, code, detail = 404, "user-not-found", "no user has this id"


class RoomNotFound(ApiError):
    status, code, detail = 404, "room-not-found", "no room has this id"


class GiftNotFound(ApiError):
    status, code, detail = 404, "gift-not-found", "no gift has this id"


class MessageNotFound(ApiError):
    status, code, detail = 404, "message-not-found", "no message that you can see has this id"


class MethodNotAllowed(ApiError):
    """``allow`` has the methods that the path accepts."""

    status, code, detail = 405, "method-not-allowed", "this path does not accept this method"

    def __init__(self, detail: str | None = None, allow: Iterable[str] = ("GET", "HEAD", "OPTIONS", "POST")) -> None:
        super().__init__(detail)
        self.allow = tuple(sorted(allow))


class Conflict(ApiError):
    status, code, detail = 409, "conflict", "an object with the same unique fields already exists"


class RoomFull(ApiError):
    status, code, detail = 409, "room-full", "the room is full"


class InProgress(ApiError):
    """The first request with this Idempotency-Key has no answer yet."""

    status, code, detail = (
        409,
        "in-progress",
        "a request with this Idempotency-Key is in progress; retry in a moment",
    )


class RangeNotSatisfiable(ApiError):
    status, code, detail = 416, "range-not-satisfiable", "the file does not have the requested bytes"


class ExpectationFailed(ApiError):
    status, code, detail = 417, "expectation-failed", "the only supported expectation is 100-continue"


class KeyReused(ApiError):
    status, code, detail = 422, "key-reused", "this Idempotency-Key was used with a different request"


class TooLarge(ApiError):
    status, code, detail = 413, "too-large", "the body is too large"


class UriTooLong(ApiError):
    status, code, detail = 414, "uri-too-long", "the request target is too long"


class EncodingNotSupported(ApiError):
    status, code, detail = 415, "encoding-not-supported", "compressed request bodies are not supported"


class NotAnImage(ApiError):
    status, code, detail = 415, "not-an-image", "the file is not a readable PNG, JPEG, GIF or WebP image"


class UpgradeRequired(ApiError):
    status, code, detail = 426, "upgrade-required", "this path is a WebSocket endpoint"


class HeadTooLarge(ApiError):
    status, code, detail = 431, "head-too-large", "the request has too many header fields, or they are too large"


class LoginTimeout(ApiError):
    """The session key is missing, unknown, ended or expired. 440 is the original API's own status."""

    status, code, detail = 440, "login-timeout", "the session does not exist or has ended; sign in again"


class TooManyRequests(ApiError):
    """More than ``count`` in ``seconds``. The next is allowed ``after`` that many seconds. ``name`` is the limit's."""

    status, code, detail = 429, "too-many-requests", "too many requests; nothing was done"

    def __init__(self, name: str, count: int, seconds: int, after: int) -> None:
        super().__init__(f"more than {count} in {seconds} s ({name}); try again in {max(after, 1)} s")
        self.name, self.count, self.seconds, self.after = name, count, seconds, max(after, 1)


class SlowMode(ApiError):
    """The next message is allowed ``after`` that many seconds."""

    status, code, detail = 429, "slow-mode", "this room is in slow mode; wait before your next message"

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after


class TooManyRooms(ApiError):
    status, code, detail = 409, "too-many-rooms", "you have the maximum number of rooms; remove one first"


class TooManyAnnouncements(ApiError):
    status, code, detail = 409, "too-many-announcements", "too many announcements are under way; nothing was announced"


class ExportNotFound(ApiError):
    status, code, detail = 404, "export-not-found", "you have no export with this id"


class TooManyBlocks(ApiError):
    status, code, detail = 409, "too-many-blocks", "you block the maximum number of users; unblock one first"


class Incident(ApiError):
    """A fault of the server. ``detail`` is the id of the incident, which the log has, too."""

    status, code = 500, "incident"


class NotImplementedHere(ApiError):
    status, code, detail = 501, "not-implemented", "this server does not implement this"


class VersionNotSupported(ApiError):
    status, code, detail = 505, "version-not-supported", "this server supports HTTP/1.1 and HTTP/1.0"


class Unavailable(ApiError):
    """The request was not carried out. The client may retry after ``retry_after`` seconds."""

    status, code, detail = 503, "unavailable", "nothing was stored; retry in a moment"
    retry_after: ClassVar[int] = 1


class TooManyConnections(Unavailable):
    """The server closes the connection with this answer."""

    status, code, detail = 429, "too-many-connections", "too many connections are open"
    retry_after = 10


class DatabaseAway(Unavailable):
    code, detail = "database-away", "the database is not available; nothing was stored"


class DiskFull(Unavailable):
    code, detail = "disk-full", "the disk is full; nothing was stored"


class StoreAway(Unavailable):
    code, detail = "store-away", "the store of images is not available; nothing was stored"
    retry_after = 5


class Busy(Unavailable):
    code, detail = "busy", "the server is busy; nothing was stored"


class AlreadyStored(Exception):
    """The log already has an entry with this id: a retry of the same action."""


class BadFile(Exception):
    """An operator's file is wrong. The message is one line that says where."""


class SmsFailure(Enum):
    """Why a gateway did not accept an SMS."""

    RETRY = "retry"
    """Certainly not sent; a retry may succeed."""
    BAD_NUMBER = "bad-number"
    NO_FUNDS = "no-funds"
    MISCONFIGURED = "misconfigured"
    UNKNOWN = "unknown"
    """It may have been sent and charged."""


class SmsFailed(Exception):
    """A gateway did not accept an SMS. The message says why, without the text of the SMS.

    ``answer`` is what an operator may see of the gateway's answer, without secrets; empty if there is none.
    """

    def __init__(self, reason: str, failure: SmsFailure = SmsFailure.UNKNOWN, answer: str = "") -> None:
        super().__init__(reason)
        self.failure = failure
        self.answer = answer

    @property
    def details(self) -> str:
        """The message, and what the gateway answered."""
        return f"{self}; it answered: {self.answer}" if self.answer else str(self)

    @property
    def costs_nothing(self) -> bool:
        """Whether the SMS was certainly not sent, for a reason other than its number."""
        return self.failure in (SmsFailure.RETRY, SmsFailure.NO_FUNDS, SmsFailure.MISCONFIGURED)


class StartupError(Exception):
    """The daemon cannot start. The message is the one line that the operator reads."""
