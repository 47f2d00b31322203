"""Settings: frozen values read from TOML; a wrong one is named by its table and key.

``etc/justchat.toml`` shows every setting with its default.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from justchat.config.secrets import Secret
from justchat.config.setting_types import (
    UNREAD,
    NeededSecret,
    Networks,
    NumberTypes,
    Positive,
    RateText,
    RateTexts,
    Region,
    Seconds,
    SecretTemplate,
    SecretText,
    SecretUrl,
)
from justchat.errors import StartupError
from justchat.model.phone import NumberType
from justchat.model.rate import Rate, parse_rate

Failure = Literal["retry", "bad-number", "no-funds", "misconfigured", "unknown"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Http(_Table):
    """``[http]``: the API, ``/ws``, uploads."""

    endpoint: str = "tcp:4000"
    workers: int = 1
    """Processes of the daemon. More than one is not built yet."""
    allow_origins: tuple[str, ...] = ("*",)
    """Origins whose pages may call the API and open sockets; ``*`` is any."""
    proxies: Networks = ()
    """Networks of the proxies in front of us, whose word on a caller's address is taken."""
    proxy_header: Literal["X-Forwarded-For", "Forwarded"] = "X-Forwarded-For"
    """The header in which they say it."""
    idle_timeout: Seconds = 60
    """Seconds without a word, after which a connection is closed; a request must be whole within ten times that."""
    fast_lane: bool = True
    """Whether plain calls take a short cut past twisted.web and Klein."""
    debug: bool = False
    """Whether a 500 tells the exception's own message."""

    @field_validator("workers", mode="before")
    @classmethod
    def _is_built(cls, workers: object) -> object:
        if workers != 1:
            raise ValueError("must be 1: several processes of one daemon are not built yet")
        return workers

    def allows_origin(self, origin: str | None) -> bool:
        """Whether a page of this origin may talk to us. None is no page, but a native app."""
        return origin is None or "*" in self.allow_origins or origin in self.allow_origins


class Websocket(_Table):
    """``[websocket]``: the socket."""

    endpoint: str = "tcp:8000"
    init_timeout: Seconds = 30
    ping_interval: Seconds = 25
    ping_timeout: Seconds = 20
    send_buffer: Positive = 1024 * 1024
    """Bytes that may wait for one slow reader before its socket is closed."""
    replay_events: Positive = 1000
    """Events of a user, and of a room, that one who comes back is told at most."""
    replay_days: Seconds = 7.0


class Mongo(_Table):
    """``[mongo]``: where the data lives; no URI means the embedded database."""

    uri: NeededSecret | None = None


class Bus(_Table):
    """``[bus]``: what joins several daemons."""

    uri: SecretText | None = None


class Sms(_Table):
    """``[sms]``: who sends the keys."""

    sender: Literal["outbox", "http"] = "outbox"
    region: Region = "RU"
    countries: tuple[Region, ...] | None = None
    """Regions whose phones are sent SMS; none of them for any. None is ``region`` with a gateway, and any without."""
    number_types: NumberTypes = (NumberType.MOBILE, NumberType.FIXED_LINE_OR_MOBILE)
    """Types of numbers that are sent SMS: by default those that surely or perhaps get them, at an ordinary price."""
    key_lifetime: Seconds | None = None
    """Seconds from a key's making until it signs nobody in any more."""
    key_digits: Annotated[int, Field(ge=4, le=12)] = 6
    text: str = "Your JustChat key: {key}"
    invite_text: str = "A friend invites you to JustChat."
    burnt_text: str = "Somebody tried wrong keys for your JustChat account. Your key is void now: ask for a new one."
    """What an owner is sent, once a day, whose key was tried too often; empty: nothing."""
    url: SecretUrl | None = None
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: Mapping[str, SecretText] = {}
    body: SecretTemplate = Secret("")
    success_status: tuple[int, ...] = (200, 201, 202, 204)
    success_path: str | None = None
    success_value: str | int | bool | None = None
    failure_path: str | None = None
    failures: Mapping[Failure, tuple[str | int, ...]] = {}
    """What values at ``failure_path``, or statuses, mean that are not success."""
    timeout: Seconds = 5

    @field_validator("text")
    @classmethod
    def _has_key(cls, text: str) -> str:
        if "{key}" not in text:
            raise ValueError("must contain {key}")
        return text


class Captcha(_Table):
    """``[captcha]``: what keeps robots from signing up."""

    enabled: bool = False
    """Whether each sign-up needs one; what is configured is asked for at an alarm in any case."""
    url: SecretUrl | None = None
    """A provider's siteverify."""
    secret: SecretText | None = None
    timeout: Seconds = 5

    @property
    def is_configured(self) -> bool:
        return self.url is not None and self.secret is not None


class Payments(_Table):
    """``[payments]``: what signs top-ups; made at random and kept in the data directory when absent."""

    secret_key: SecretText | None = None
    allow_unnumbered: bool = True
    """Whether top-ups without a payment_id are taken; whoever sees one can send it again."""
    free_coins: Positive = 10
    """What telling one network's people of us brings, once in 24 hours."""

    @field_validator("secret_key")
    @classmethod
    def _is_there(cls, secret_key: str | None) -> str | None:
        # By an empty key anybody could sign; an environment variable is easily empty.
        if secret_key is not None and not secret_key.strip():
            raise ValueError("is empty: anybody could sign")
        return secret_key


class Limits(_Table):
    """``[limits]``: ``enabled`` switches rates, connection counts and spend limits, never the sizes below."""

    enabled: bool = True
    exempt: Networks = ()
    """Networks whose callers are not counted, unless they come through a proxy."""
    sign_in: RateText = "1000/minute"
    """Sign-ups and sign-ins of an address."""
    send: RateText = "6000/minute"
    """Messages, gifts and complaints of a session; the next three are the same for other calls."""
    change: RateText = "3000/minute"
    read: RateText = "6000/minute"
    upload: RateText = "120/minute"
    enter: RateText = "60/minute"
    """Enterings of one person into one room, of which everybody inside is told."""
    moderate: RateText = "120/minute"
    """What one person does with their rank in one room."""
    kept_answers: RateText = "67108864/day"
    """Bytes of a user's answers that are kept for their Idempotency-Keys; of an address, where there is no session."""
    get: RateText = "12000/minute"
    """Of an address: whatever is asked for that is no call, answers to what is refused among it."""
    upload_bytes_per_user: Positive = 256 * 1024 * 1024
    """Bytes of uploads, a day."""
    upload_bytes_per_address: Positive = 1024 * 1024 * 1024
    upload_bytes_in_all: Positive = 20 * 1024 * 1024 * 1024
    share: Positive = 20
    """An address may have as much as this many sessions: many people can be behind one."""
    wrong_keys_per_phone: RateTexts = ("20/hour", "50/day")
    """Wrong keys of a phone, over all of its keys; of one key there are five."""
    wrong_keys_per_address: RateTexts = ("300/hour", "600/day")
    wrong_keys_per_network: RateTexts = ("600/hour", "1200/day")
    """Of a /24 of IPv4 or a /48 of IPv6."""
    wrong_keys_in_all: RateTexts = ("2000/hour", "10000/day")
    wrong_passwords_per_user: RateTexts = ("10/minute", "60/day")
    """Wrong passwords of rooms that one person tries."""
    wrong_passwords_per_address: RateTexts = ("300/hour", "1000/day")
    wrong_passwords_per_room: RateTexts = ("200/hour", "1000/day")
    """Those of all who were never in the room."""
    unnumbered_top_ups: RateTexts = ("20/day",)
    """Top-ups of a user that come without a payment_id, so that a signature that was seen is not sent for ever."""
    sms_per_phone: RateTexts | None = None
    """SMS to a phone; for the next ones, too, None is SPENDING with a gateway, and no limit without."""
    sms_per_address: RateTexts | None = None
    sms_per_network: RateTexts | None = None
    sms_per_code: RateTexts | None = None
    """SMS to the phones of a dial code, as 7."""
    sms_in_all: RateTexts | None = None
    connections: Positive = 20_000
    """Connections of HTTP that may be open, less where the process may open fewer files."""
    connections_per_address: Positive = 1000
    sockets_per_address: Positive = 2000
    """Sockets that one address may have open: a whole town can be behind one."""
    sockets_per_session: Positive = 1000
    frames_per_minute: Positive = 600
    """Frames that one socket may send: ``init``, and the answers to pings."""
    frame: Positive = 16 * 1024
    text: Positive = 4096
    name: Positive = 64
    room_name: Positive = 128
    password: Positive = 128
    client_id: Positive = 128
    payment_id: Positive = 128
    invites: Positive = 50
    """Phones of one ``/init/invite``."""
    photo: Positive = 1024
    rooms_per_user: Positive = 1000
    """Rooms of one admin."""
    searches: Positive = 1
    """Slow searches under way at once."""
    searches_per_user: Positive = 8
    """Slow searches of a user that are under way, or wait for their turn."""
    room_users: Positive = 100_000
    """The largest ``max_users`` that a room may be given."""
    body: Positive = 64 * 1024
    image: Positive = 5 * 1024 * 1024
    uploads_per_address: Positive = 500
    """Uploads of one address that may be under way; they may have half of that many times ``image`` bytes so far."""
    uploads_in_all: Positive = 2000
    page: Positive = 500
    """The largest ``limit`` or ``per_page``; a larger one is cut to it."""

    def rates(self, written: RateTexts) -> tuple[Rate, ...]:
        """The rates that apply: none where they are switched off."""
        found = (parse_rate(rate) for rate in written if self.enabled)
        return tuple(rate for rate in found if rate is not None)


SmsLimit = Literal["sms_per_phone", "sms_per_address", "sms_per_network", "sms_per_code", "sms_in_all"]
SPENDING: Mapping[SmsLimit, RateTexts] = {
    "sms_per_phone": ("1/minute", "5/hour", "20/day"),
    "sms_per_address": ("100/hour", "200/day"),
    "sms_per_network": ("200/hour", "400/day"),
    "sms_per_code": ("5000/day",),
    "sms_in_all": ("10000/day",),
}


class Sessions(_Table):
    """``[sessions]``: ``lifetime`` in seconds from sign-in."""

    lifetime: Seconds = 90 * 24 * 3600


class Privacy(_Table):
    """``[privacy]``: ``show_phones`` shows everyone's phone to everyone, as the original does."""

    show_phones: bool = True
    show_registered: bool = True
    """Whether ``/init/reg`` tells a new phone (201) from a known one (200)."""
    search_users: bool = False
    """Whether ``/user/search`` finds people by the beginning of their nickname."""


class Uploads(_Table):
    """``[uploads]``: whether ``/upload`` wants a session."""

    require_session: bool = False
    free_space: Annotated[int, Field(ge=0)] = 512 * 1024 * 1024
    """Bytes that the disk must have left for an upload to be taken."""
    orphan_lifetime: Seconds = 24 * 3600
    """Seconds after which an uploaded picture that nothing refers to is removed."""


class Settings(_Table):
    """Everything that can be set."""

    data_dir: Path = Path("justchat-data")
    http: Http = Http()
    websocket: Websocket = Websocket()
    mongo: Mongo = Mongo()
    bus: Bus = Bus()
    sms: Sms = Sms()
    captcha: Captcha = Captcha()
    payments: Payments = Payments()
    limits: Limits = Limits()
    sessions: Sessions = Sessions()
    privacy: Privacy = Privacy()
    uploads: Uploads = Uploads()

    def spending(self, limit: SmsLimit) -> tuple[Rate, ...]:
        """How many SMS may be sent."""
        written: RateTexts | None = getattr(self.limits, limit)
        if written is None:
            written = SPENDING[limit] if self.sms.sender == "http" else ()
        return self.limits.rates(written)

    @property
    def served_countries(self) -> frozenset[str]:
        """Regions whose phones are sent SMS; none of them for any. Where SMS cost money, those of ``region`` alone."""
        if self.sms.countries is not None:
            return frozenset(self.sms.countries)
        return frozenset({self.sms.region} if self.sms.sender == "http" else ())

    @field_validator("captcha")
    @classmethod
    def _captcha_is_complete(cls, captcha: Captcha) -> Captcha:
        if captcha.enabled and (captcha.url is None or captcha.secret is None):
            raise ValueError("enabled = true needs a url and a secret")
        return captcha

    @field_validator("sms")
    @classmethod
    def _sender_is_complete(cls, sms: Sms, _info: ValidationInfo) -> Sms:
        if sms.sender == "http" and sms.url is None:
            raise ValueError('sender = "http" needs a url')
        if sms.sender == "http":
            templates = (sms.url or "", sms.body, *sms.headers.values())
            for place in ("{phone}", "{text}"):
                if not any(place in template or template is UNREAD for template in templates):
                    raise ValueError(f"neither url nor body nor headers have {place}: nobody would receive a key")
        return sms


def load_settings(
    file: str | None, overrides: Mapping[str, Mapping[str, Any]], data_dir: str | None, *, secrets: bool = True
) -> Settings:
    """The settings of a TOML file (none: the defaults), with what the command line says on top.

    ``overrides`` maps a table to the keys that win. Without ``secrets`` those that stand in another file or in the
    environment are not read, but for ``[mongo] uri``: systemd hands them to the daemon alone.
    Raises StartupError with a line for each thing that is wrong.
    """
    tables: dict[str, Any] = {}
    if file is not None:
        try:
            tables = tomllib.loads(Path(file).read_text("utf-8"))
        except OSError as error:
            raise StartupError(f"{file}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise StartupError(f"{file}: not TOML: {error}") from error
    if "data_dir" in tables:
        raise StartupError(f"{file}: [data_dir] is not a table we know; use --data-dir")
    for table, keys in overrides.items():
        given = tables.setdefault(table, {})
        if isinstance(given, dict):
            given.update(keys)
    if data_dir is not None:
        tables["data_dir"] = Path(os.path.abspath(data_dir))
    else:
        tables["data_dir"] = Path(os.path.abspath(Settings.model_fields["data_dir"].default))
    try:
        return Settings.model_validate(_frozen(tables), context={"secrets": secrets})
    except ValidationError as error:
        # A value that none of a setting's types fits has an error for each: the first will do.
        lines = {each["loc"][:2]: f"{file or 'command line'}: {_line(each)}" for each in reversed(error.errors())}
        raise StartupError("\n".join(reversed(lines.values()))) from error


def _frozen(value: Any) -> Any:
    """TOML has arrays, settings are tuples."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _line(error: ErrorDetails) -> str:
    table, *keys = (str(part) for part in error["loc"])
    place = f"[{table}]" + (f" {'.'.join(keys)}" if keys else "")
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown {'key' if keys else 'table'}"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"
