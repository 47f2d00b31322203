"""The types of request fields: each checks itself, and says in the OpenAPI document what it takes.

Limits that can be configured are read from the validation's context, which is the ``Limits``-bearing ``Shape``.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
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

from justchat.config.settings import Limits
from justchat.http.patterns import MOMENT, birthday
from justchat.http.spool import SpoolFile
from justchat.model.ids import Id, as_id
from justchat.model.moment import Moment, from_iso, from_milliseconds
from justchat.model.phone import NumberType, Phone, number_type_of, parse_phone
from justchat.model.text import SHOWN, as_key, composed, shows


@frozen
class Shape:
    """What checking a request needs to know: the limits, where phones without a plus are from, and which get SMS."""

    limits: Limits
    region: str
    number_types: frozenset[NumberType]


class Body(BaseModel):
    """A request's JSON object. Unknown fields are dropped; nothing is converted."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


@frozen
class ImageBody:
    """The body of an upload: the picture, in a file."""

    file: SpoolFile


class Empty(Body):
    """A request of nothing but its session."""


def _shape(info: ValidationInfo) -> Shape:
    shape: Shape = info.context  # type: ignore[assignment]
    return shape


def wrong(detail: str) -> PydanticCustomError:
    """What a validator raises; ``detail`` is what the client reads."""
    return PydanticCustomError("wrong", "{detail}", {"detail": detail})


class LimitName(str):
    """A setting of ``[limits]``: in the JSON schema of a type it stands where that setting's value is to be."""


@frozen(eq=False)
class Says:
    """What a type's own validators look at, told in keywords of JSON Schema."""

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), **self.keywords}


@frozen
class AtMost:
    """A bound on a text's length in NFC, by the name of its limit."""

    limit: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "maxLength": LimitName(self.limit)}

    def _check(self, text: str, info: ValidationInfo) -> str:
        longest: int = getattr(_shape(info).limits, self.limit)
        if len(text) > longest and len(composed(text)) > longest:
            raise wrong(f"longer than {longest} characters")
        return text


def _shown(text: str) -> str:
    if not shows(text):
        raise wrong("empty")
    return text


def _filled(text: str) -> str:
    if not shows(text):
        raise wrong("empty")
    return composed(text)


def _perhaps_filled(text: str) -> str:
    return composed(text) if shows(text) else ""


WRITTEN = 64
"""Characters that a phone or a key may be written with."""


def _phone(value: Any, info: ValidationInfo) -> Phone:
    value = _whole(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise wrong("a phone is a string or a whole number")
    if len(str(value)) > WRITTEN:
        raise wrong("not a phone number")
    try:
        return parse_phone(value, _shape(info).region)
    except ValueError as error:
        raise wrong(str(error)) from error


def _reachable(phone: Phone, info: ValidationInfo) -> Phone:
    if number_type_of(phone) not in _shape(info).number_types:
        raise wrong("no SMS are sent to numbers of this type")
    return phone


def _key(value: Any) -> str:
    value = _whole(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise wrong("a key is a string or a whole number")
    text = str(value)
    if len(text) > WRITTEN:
        raise wrong("too long for a key")
    return as_key(text)


_DOB = re.compile(r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})$")


def _dob(value: Any) -> date | None:
    if value is None:
        return None
    parts = _DOB.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise wrong("a date is YYYY-MM-DD")
    try:
        day = date(*map(int, parts.groups()))
    except ValueError:
        raise wrong("there is no such day") from None
    if not date(1900, 1, 1) <= day <= datetime.now(UTC).date():
        raise wrong("nobody alive was born then")
    return day


def _page(value: int, info: ValidationInfo) -> int:
    return min(value, _shape(info).limits.page)


def _max_users(value: int, info: ValidationInfo) -> int:
    most = _shape(info).limits.room_users
    if value > most:
        raise wrong(f"more than {most}")
    return value


def _as_id(text: str) -> Id:
    return as_id(text)


def _whole(value: Any) -> Any:
    """JavaScript knows one kind of number: 100.0 is 100."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


def _direction(value: int) -> int:
    if value not in (1, -1):
        raise wrong("1 or -1")
    return value


def _moment(value: Any) -> Moment:
    """Milliseconds since the epoch, of which a fraction is cut, or an ISO-8601 string."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return from_milliseconds(floor(value))
        if isinstance(value, str):
            return from_iso(value)
    except (ValueError, OverflowError):
        pass
    raise wrong("a time is milliseconds since 1970, or an ISO-8601 string")


def _invited(phones: list[Phone], info: ValidationInfo) -> list[Phone]:
    most = _shape(info).limits.invites
    if len(phones) > most:
        raise wrong(f"more than {most} phones")
    return phones


FOUND = 1000
"""People that a search shows at most, page by page: it is for finding somebody, not for taking everybody along."""
DEEPEST = 100_000
"""So many of a list may be left out before a page of it: the database reads them all."""
ASKED_AT_ONCE = 100
"""Users that one call asks after."""

_Milliseconds = {"minimum": -62_135_596_800_000, "maximum": 253_402_300_799_999}
"""The years 1 to 9999."""
_Digits = {"type": "integer", "minimum": 0, "maximum": 2**53}
_AsPhone = {"anyOf": [{"type": "string", "maxLength": WRITTEN, "format": "phone"}, _Digits]}
_AsKey = {"anyOf": [{"type": "string", "maxLength": WRITTEN}, _Digits]}

Filled = Annotated[str, AfterValidator(_filled), Says({"pattern": SHOWN})]
"""Text in NFC, of which something shows (docs/protocol.rst, "Text")."""
PerhapsFilled = Annotated[str, AfterValidator(_perhaps_filled)]
"""Text in NFC; of one that shows nothing, nothing."""
AsWritten = Annotated[str, AfterValidator(_shown), Says({"pattern": SHOWN})]
"""What somebody signs, or a machine made: not one character of it is changed."""
Text = Annotated[Filled, AtMost("text")]
Name = Annotated[PerhapsFilled, AtMost("name")]
RoomName = Annotated[Filled, AtMost("room_name")]
Password = Annotated[str, AtMost("password")]
"""As it was written: see ``model.text.password_forms``."""
ClientId = Annotated[Filled, AtMost("client_id")]
PhotoUrl = Annotated[str, AtMost("photo")]
IdField = Annotated[str, AfterValidator(_as_id), Says({"description": "24 hexadecimal digits"})]
"""A malformed id is no error of shape: it names nothing, which is 404."""
Ids = Annotated[list[IdField], Field(max_length=ASKED_AT_ONCE), Says({"description": "the ids of users"})]
PhoneField = Annotated[Phone, PlainValidator(_phone), WithJsonSchema(_AsPhone)]
ReachablePhone = Annotated[PhoneField, AfterValidator(_reachable)]
"""A phone that is to be sent an SMS."""
KeyField = Annotated[str, PlainValidator(_key), WithJsonSchema(_AsKey)]
Dob = Annotated[
    date | None,
    PlainValidator(_dob),
    WithJsonSchema({"type": ["string", "null"], "pattern": birthday(datetime.now(UTC).year)}),
]
Gender = Annotated[int, Field(ge=0, le=1), BeforeValidator(_whole), Says({"enum": [0, 1]})]
MaxUsers = Annotated[
    int,
    Field(ge=1),
    AfterValidator(_max_users),
    BeforeValidator(_whole),
    Says({"maximum": LimitName("room_users")}),
]
Skip = Annotated[int, Field(ge=-(2**53), le=2**53), BeforeValidator(_whole)]
Limit = Annotated[
    int,
    Field(ge=1, le=2**53),
    AfterValidator(_page),
    BeforeValidator(_whole),
    Says({"description": "a larger one is cut to what x-cut-to says", "x-cut-to": LimitName("page")}),
]

OptionalText = Annotated[PerhapsFilled, AtMost("text")]
SearchedNickname = Annotated[Filled, AtMost("name")]
SearchSkip = Annotated[int, Field(ge=0, le=FOUND), BeforeValidator(_whole)]
SearchedName = Annotated[PerhapsFilled, AtMost("room_name")]
PaymentId = Annotated[AsWritten, AtMost("payment_id")]
Secret = Annotated[str, Field(max_length=256)]
CaptchaToken = Annotated[str, Field(max_length=8192)]
Phones = Annotated[list[ReachablePhone], AfterValidator(_invited), Says({"maxItems": LimitName("invites")})]
MomentField = Annotated[
    Moment,
    PlainValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "number", **_Milliseconds}, {"type": "string", "pattern": MOMENT}]}),
]
Coins = Annotated[int, Field(ge=1, le=10**9), BeforeValidator(_whole)]
Page = Annotated[int, Field(ge=1, le=10**6), BeforeValidator(_whole)]
Offset = Annotated[int, Field(ge=0, le=DEEPEST), BeforeValidator(_whole)]
Direction = Annotated[int, AfterValidator(_direction), BeforeValidator(_whole), Says({"enum": [1, -1]})]
