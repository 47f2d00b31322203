"""The types of request fields. Each type validates its values and describes them in the OpenAPI document.

Configured limits come from the validation context, a ``FieldContext``.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from ipaddress import ip_network
from math import floor
from typing import Annotated, Any

from attrs import frozen
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import with_info_after_validator_function

from justchat.config.limits import Limits
from justchat.http.patterns import MOMENT, birthday
from justchat.http.spool import SpoolFile
from justchat.model.ids import as_id, user_client_id
from justchat.model.moment import Moment, from_iso, from_milliseconds
from justchat.model.phone import NumberType, Phone, number_type_of, parse_phone
from justchat.model.room_settings import LONGEST_SLOW_MODE
from justchat.model.text import SHOWN, as_key, composed, shows


@frozen
class FieldContext:
    """The validation context: limits, the region of phones without a plus, and the types of numbers that get SMS."""

    limits: Limits
    region: str
    number_types: frozenset[NumberType]


class Body(BaseModel):
    """The JSON object of a request. Unknown fields are dropped; values are not converted."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


@frozen
class ImageBody:
    """The body of an upload: the picture, in a file."""

    file: SpoolFile


class Empty(Body):
    """A body that has no fields except the session key."""


def _context(info: ValidationInfo) -> FieldContext:
    assert isinstance(info.context, FieldContext)
    return info.context


def invalid(detail: str) -> PydanticCustomError:
    """The error that a validator raises; the client reads ``detail``."""
    return PydanticCustomError("wrong", "{detail}", {"detail": detail})


def one_proof(value: Any, info: ValidationInfo) -> Any:
    """Validates a field that stands for the ``jwt`` declared before it: one of the two is there, and not both."""
    has_token = info.data.get("jwt") is not None
    if value is None and not has_token and "jwt" in info.data:
        raise PydanticCustomError("missing", "missing")
    if value is not None and has_token:
        raise invalid("not beside jwt")
    return value


def neither(name: str) -> Any:
    """The JSON schema of an object that has neither ``jwt`` nor this field."""
    return {"properties": {"jwt": {"type": "null"}, name: {"type": "null"}}}


def both(name: str) -> Any:
    """The JSON schema of an object that has ``jwt`` and this field."""
    present = {"not": {"type": "null"}}
    return {"required": ["jwt", name], "properties": {"jwt": present, name: present}}


def exactly_one(names: Mapping[str, str]) -> dict[str, Any]:
    """The JSON schema of an object that has one of these fields, by their types, and null or nothing for the others."""
    return {"oneOf": [{"properties": {name: {"type": kind}}, "required": [name]} for name, kind in names.items()]}


class LimitName(str):
    """The name of a setting of ``[limits]``, in a JSON schema in place of the setting's value."""


@frozen(eq=False)
class SchemaKeywords:
    """Keywords of JSON Schema for what a type's own validators check."""

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), **self.keywords}


@frozen
class MaxLength:
    """A bound on the length of a text in NFC, by the name of its limit."""

    limit: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "maxLength": LimitName(self.limit)}

    def _check(self, text: str, info: ValidationInfo) -> str:
        longest: int = getattr(_context(info).limits, self.limit)
        if len(text) > longest and len(composed(text)) > longest:
            raise invalid(f"longer than {longest} characters")
        return text


def _shown(text: str) -> str:
    if not shows(text):
        raise invalid("empty")
    return text


def _visible(text: str) -> str:
    if not shows(text):
        raise invalid("empty")
    return composed(text)


def _visible_or_empty(text: str) -> str:
    return composed(text) if shows(text) else ""


MAX_WRITTEN = 64
"""Characters of a phone or a key, as it is written, at most."""


def _phone(value: Any, info: ValidationInfo) -> Phone:
    value = _whole(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid("a phone is a string or a whole number")
    if len(str(value)) > MAX_WRITTEN:
        raise invalid("not a phone number")
    try:
        return parse_phone(value, _context(info).region)
    except ValueError as error:
        raise invalid(str(error)) from error


def _reachable(phone: Phone, info: ValidationInfo) -> Phone:
    if number_type_of(phone) not in _context(info).number_types:
        raise invalid("no SMS are sent to numbers of this type")
    return phone


def _key(value: Any) -> str:
    value = _whole(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid("a key is a string or a whole number")
    text = str(value)
    if len(text) > MAX_WRITTEN:
        raise invalid("too long for a key")
    return as_key(text)


_DOB = re.compile(r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})$")


def _dob(value: Any) -> date | None:
    if value is None:
        return None
    parts = _DOB.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise invalid("a date is YYYY-MM-DD")
    try:
        day = date(*map(int, parts.groups()))
    except ValueError:
        raise invalid("there is no such day") from None
    if not date(1900, 1, 1) <= day <= datetime.now(UTC).date():
        raise invalid("not between 1900 and today")
    return day


def _page(value: int, info: ValidationInfo) -> int:
    return min(value, _context(info).limits.page)


def _max_users(value: int, info: ValidationInfo) -> int:
    most = _context(info).limits.room_users
    if value > most:
        raise invalid(f"more than {most}")
    return value


def _whole(value: Any) -> Any:
    """A whole float as an int: JavaScript has one type of number."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


def _direction(value: int) -> int:
    if value not in (1, -1):
        raise invalid("1 or -1")
    return value


def _moment(value: Any) -> Moment:
    """A time from milliseconds since the epoch, rounded down, or from an ISO 8601 string."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return from_milliseconds(floor(value))
        if isinstance(value, str):
            return from_iso(value)
    except (ValueError, OverflowError):
        pass
    raise invalid("a time is milliseconds since 1970, or an ISO-8601 string")


def _network(written: str) -> str:
    try:
        return str(ip_network(written))
    except ValueError as error:
        raise invalid(f"not a network, as 192.0.2.0/24: {error}") from error


GIFT_IMAGE = "^(uploads/|https?://|/)."


def _gift_image(written: str) -> str:
    if not re.match(GIFT_IMAGE, written):
        raise invalid("neither the url of an upload, nor an address, nor a path that begins with /")
    return written


def few_invited(phones: Any, info: ValidationInfo) -> Any:
    """Phones, of which there are no more than one call may invite. To parse one takes 0.2 ms, so they are counted
    first.
    """
    most = _context(info).limits.invites
    if isinstance(phones, list) and len(phones) > most:
        raise invalid(f"more than {most} phones")
    return phones


SEARCH_DEPTH = 1000
"""Users that the pages of a search show at most: a search finds somebody, it does not export everybody."""
MAX_OFFSET = 100_000
"""Items of a list that may be skipped before a page: the database reads them all."""
USERS_PER_CALL = 100
"""Users that one call asks for at most."""

_MILLISECONDS = {"minimum": -62_135_596_800_000, "maximum": 253_402_300_799_999}
"""The years 1 to 9999."""
_DIGITS = {"type": "integer", "minimum": 0, "maximum": 2**53}
_PHONE_SCHEMA = {"anyOf": [{"type": "string", "maxLength": MAX_WRITTEN, "format": "phone"}, _DIGITS]}
_KEY_SCHEMA = {"anyOf": [{"type": "string", "maxLength": MAX_WRITTEN}, _DIGITS]}

VisibleText = Annotated[str, AfterValidator(_visible), SchemaKeywords({"pattern": SHOWN})]
"""Text in NFC that has a visible character (docs/protocol.rst, "Text")."""
VisibleOrEmpty = Annotated[str, AfterValidator(_visible_or_empty)]
"""Text in NFC; empty if it has no visible character."""
ExactText = Annotated[str, AfterValidator(_shown), SchemaKeywords({"pattern": SHOWN})]
"""Text that is signed or comes from a program; no character is changed."""
Text = Annotated[VisibleText, MaxLength("text")]
Name = Annotated[VisibleOrEmpty, MaxLength("name")]
RoomName = Annotated[VisibleText, MaxLength("room_name")]
Password = Annotated[str, MaxLength("password")]
"""As it is written: see ``model.text.password_forms``."""
ClientId = Annotated[VisibleText, MaxLength("client_id")]
UserClientId = Annotated[ClientId, AfterValidator(user_client_id)]
PhotoUrl = Annotated[str, MaxLength("photo")]
IdField = Annotated[str, AfterValidator(as_id), SchemaKeywords({"description": "24 hexadecimal digits"})]
"""A malformed id has the right shape but names nothing, which is 404."""
Ids = Annotated[list[IdField], Field(max_length=USERS_PER_CALL), SchemaKeywords({"description": "the ids of users"})]
PhoneField = Annotated[Phone, PlainValidator(_phone), WithJsonSchema(_PHONE_SCHEMA)]
ReachablePhone = Annotated[PhoneField, AfterValidator(_reachable)]
"""A phone to which an SMS is sent."""
KeyField = Annotated[str, PlainValidator(_key), WithJsonSchema(_KEY_SCHEMA)]
Token = Annotated[str, SchemaKeywords({"format": "jwt", "minLength": 1})]
"""A token of an issuer. One of another shape is wrong, not malformed."""
Dob = Annotated[
    date | None,
    PlainValidator(_dob),
    WithJsonSchema({"type": ["string", "null"], "pattern": birthday(datetime.now(UTC).year)}),
]
Gender = Annotated[int, Field(ge=0, le=1), BeforeValidator(_whole), SchemaKeywords({"enum": [0, 1]})]
SlowModeSeconds = Annotated[int, Field(ge=0, le=LONGEST_SLOW_MODE), BeforeValidator(_whole)]
MaxUsers = Annotated[
    int,
    Field(ge=1),
    AfterValidator(_max_users),
    BeforeValidator(_whole),
    SchemaKeywords({"maximum": LimitName("room_users")}),
]
Skip = Annotated[int, Field(ge=-(2**53), le=2**53), BeforeValidator(_whole)]
Limit = Annotated[
    int,
    Field(ge=1, le=2**53),
    AfterValidator(_page),
    BeforeValidator(_whole),
    SchemaKeywords({"description": "a larger value is reduced to x-cut-to", "x-cut-to": LimitName("page")}),
]

LONGEST_EXTERNAL_ID = 256
ExternalId = Annotated[ExactText, Field(max_length=LONGEST_EXTERNAL_ID)]
"""An app's own id of a user. No character is changed."""
OptionalText = Annotated[VisibleOrEmpty, MaxLength("text")]
SearchedNickname = Annotated[VisibleText, MaxLength("name")]
SearchSkip = Annotated[int, Field(ge=0, le=SEARCH_DEPTH), BeforeValidator(_whole)]
SearchedName = Annotated[VisibleOrEmpty, MaxLength("room_name")]
PaymentId = Annotated[ExactText, MaxLength("payment_id")]
SignatureField = Annotated[str, Field(max_length=256)]
CaptchaToken = Annotated[str, Field(max_length=8192)]
Phones = Annotated[
    list[ReachablePhone], BeforeValidator(few_invited), SchemaKeywords({"maxItems": LimitName("invites")})
]
MomentField = Annotated[
    Moment,
    PlainValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "number", **_MILLISECONDS}, {"type": "string", "pattern": MOMENT}]}),
]
Coins = Annotated[int, Field(ge=1, le=10**9), BeforeValidator(_whole)]
Page = Annotated[int, Field(ge=1, le=10**6), BeforeValidator(_whole)]
Offset = Annotated[int, Field(ge=0, le=MAX_OFFSET), BeforeValidator(_whole)]
ShownMessages = Annotated[int, Field(ge=0, le=100), BeforeValidator(_whole)]
"""How many of the latest messages are shown beside a room."""
Networks = Annotated[
    list[Annotated[str, AfterValidator(_network), SchemaKeywords({"format": "cidr"})]], Field(max_length=64)
]
"""Networks in CIDR notation."""
ShortName = Annotated[VisibleText, Field(max_length=64)]
"""The name of a gift, or of a server key."""
GiftImage = Annotated[str, MaxLength("photo"), SchemaKeywords({"pattern": GIFT_IMAGE}), AfterValidator(_gift_image)]
"""Where clients find the picture of a gift."""
Direction = Annotated[int, AfterValidator(_direction), BeforeValidator(_whole), SchemaKeywords({"enum": [1, -1]})]
