"""Settings: frozen values read from TOML. An error names the table and the key.

``etc/justchat.toml`` shows every setting.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails

from justchat.config.auth import AuthSettings
from justchat.config.hooks import Hooks
from justchat.config.limits import SMS_RATES, Limits, SmsLimit
from justchat.config.log import LogSettings
from justchat.config.setting_types import (
    Days,
    NeededSecret,
    Networks,
    PageOrigins,
    Positive,
    RateTexts,
    Seconds,
    Secrets,
    SecretText,
    SecretUrl,
    Workers,
)
from justchat.config.sms import Sms
from justchat.config.table import Table
from justchat.config.uploads import PictureStoreKind, Uploads
from justchat.config.webhooks import Webhooks
from justchat.errors import StartupError
from justchat.model.rate import Rate

WordAction = Literal["mask", "reject", "hold"]
"""What becomes of a text with a word of the list."""


class Http(Table):
    """``[http]``: the API, ``/ws``, uploads."""

    endpoint: str = "tcp:4000"
    workers: Workers = 1
    """Processes of the daemon; ``auto`` is the number of usable cores."""
    allow_origins: PageOrigins = ("*",)
    """Origins whose pages may call the API and open sockets; ``*`` is any."""
    proxies: Networks = ()
    """Networks of proxies that are trusted to name a client's address."""
    proxy_header: Literal["X-Forwarded-For", "Forwarded"] = "X-Forwarded-For"
    """The header in which they name it."""
    idle_timeout: Seconds = 60
    """Seconds without data, after which a connection is closed. A request must be complete within ten times that."""
    fast_lane: bool = True
    """Whether plain calls take a short cut past twisted.web and Klein."""
    debug: bool = False
    """Whether a 500 contains the message of the exception."""

    def allows_origin(self, origin: str | None) -> bool:
        """Whether a page of this origin may call the API. None is a native app, which sends no origin."""
        return origin is None or "*" in self.allow_origins or origin in self.allow_origins


class Websocket(Table):
    """``[websocket]``: the socket."""

    endpoint: str = "tcp:8000"
    init_timeout: Seconds = 30
    ping_interval: Seconds = 25
    ping_timeout: Seconds = 20
    send_buffer: Positive = 1024 * 1024
    """Bytes that may wait for a slow reader before its socket is closed."""
    replay_events: Positive = 1000
    """Events of a user, and of a room, that are replayed at most when a client reconnects."""
    replay_days: Seconds = 7.0


class ServerSettings(Table):
    """``[server]``: the calls of an app's own server."""

    endpoint: str | None = None
    """Their own endpoint, where they answer alone; None is that of ``[http]``."""


class Mongo(Table):
    """``[mongo]``: the database. Without a URI it is the embedded one."""

    uri: NeededSecret | None = None
    binary: str | None = None
    """The path of the mongod that runs the embedded database; None for the bundled one, or a newer one on PATH."""


class BusSettings(Table):
    """``[bus]``: the bus that joins several daemons."""

    uri: Secrets | None = None
    """One URI, or one of each node. The order does not matter."""
    ca_file: str | None = None
    """PEM file of the authorities of ``rediss://``; None for those of the system."""


class Metrics(Table):
    """``[metrics]``: what Prometheus scrapes."""

    endpoint: str | None = None
    """Where ``GET /metrics`` is answered, and nothing else; None is nowhere."""


class Captcha(Table):
    """``[captcha]``: keeps robots from signing up."""

    enabled: bool = False
    """Whether each sign-up needs a captcha. During an alarm it does in any case, where one is configured."""
    url: SecretUrl | None = None
    """The address of a provider's siteverify."""
    secret: SecretText | None = None
    timeout: Seconds = 5

    @property
    def is_configured(self) -> bool:
        return self.url is not None and self.secret is not None


class Payments(Table):
    """``[payments]``: the secret that signs top-ups. Without one, a random one is kept in the data directory."""

    secret_key: SecretText | None = None
    allow_unnumbered: bool = True
    """Whether top-ups without a payment_id are accepted. Anybody who sees one can send it again."""
    free_coins: Positive = 10
    """Coins for a post on one social network, once in 24 hours."""

    @field_validator("secret_key")
    @classmethod
    def _is_there(cls, secret_key: str | None) -> str | None:
        # Anybody could sign with an empty key, and an environment variable is easily empty.
        if secret_key is not None and not secret_key.strip():
            raise ValueError("is empty: anybody could sign")
        return secret_key


class SessionSettings(Table):
    """``[sessions]``: ``lifetime`` in seconds from sign-in."""

    lifetime: Seconds = 90 * 24 * 3600


class AccountSettings(Table):
    """``[accounts]``: ``deletion_grace`` is days from a request to delete an account to its deletion."""

    deletion_grace: Annotated[float, Field(ge=0, le=365)] = 14


class RetentionSettings(Table):
    """``[retention]``: days after which each is deleted; None keeps it for ever."""

    messages: Days | None = None
    """What rooms say and do."""
    direct_messages: Days | None = None
    """Direct messages, and what users were told in their own stream."""
    uploads: Days | None = None
    """Uploaded pictures, but for photos of users and gifts."""
    audit: Days | None = None
    """Lines of the audit log."""


class Privacy(Table):
    """``[privacy]``: ``show_phones`` shows every user's phone to every user, as the original does."""

    show_phones: bool = True
    show_registered: bool = True
    """Whether ``/init/reg`` distinguishes a new phone (201) from a known one (200)."""
    search_users: bool = False
    """Whether ``/user/search`` finds users by the beginning of their nickname."""


class ModerationSettings(Table):
    """``[moderation]``: the operator's word list."""

    words: str | None = None
    """The file of the list; None for none."""
    action: WordAction = "mask"


class Web(Table):
    """``[web]``: the web client at ``/``, and the console at ``/console``."""

    enabled: bool = True


class Settings(Table):
    """All settings."""

    data_dir: Path = Path("justchat-data")
    http: Http = Http()
    websocket: Websocket = Websocket()
    server: ServerSettings = ServerSettings()
    mongo: Mongo = Mongo()
    bus: BusSettings = BusSettings()
    metrics: Metrics = Metrics()
    sms: Sms = Sms()
    captcha: Captcha = Captcha()
    hooks: Hooks = Hooks()
    auth: AuthSettings = AuthSettings()
    payments: Payments = Payments()
    limits: Limits = Limits()
    web: Web = Web()
    sessions: SessionSettings = SessionSettings()
    accounts: AccountSettings = AccountSettings()
    privacy: Privacy = Privacy()
    retention: RetentionSettings = RetentionSettings()
    moderation: ModerationSettings = ModerationSettings()
    uploads: Uploads = Uploads()
    log: LogSettings = LogSettings()
    webhooks: Webhooks = ()
    _file: Path | None = PrivateAttr(None)

    def __eq__(self, other: object) -> bool:
        # Whatever file they are of: a worker's are of none.
        return isinstance(other, Settings) and self.__dict__ == other.__dict__

    @property
    def file(self) -> Path | None:
        """The TOML file that these are of, if there is one."""
        return self._file

    def of_file(self, file: Path | None) -> "Settings":
        """Note which file these are of. Returns them."""
        self._file = file
        return self

    @property
    def picture_store(self) -> PictureStoreKind:
        """Where pictures are stored."""
        return self.uploads.store or ("folder" if self.mongo.uri is None else "gridfs")

    def sms_rates(self, limit: SmsLimit) -> tuple[Rate, ...]:
        """The rates of an SMS limit."""
        written: RateTexts | None = getattr(self.limits, limit)
        if written is None:
            written = SMS_RATES[limit] if self.sms.has_gateway else ()
        return self.limits.rates(written)

    @property
    def served_countries(self) -> frozenset[str]:
        """Regions whose phones are sent SMS; empty for all. With a gateway the default is the one of ``region``."""
        if self.sms.countries is not None:
            return frozenset(self.sms.countries)
        return frozenset({self.sms.region} if self.sms.has_gateway else ())

    @field_validator("captcha")
    @classmethod
    def _captcha_is_complete(cls, captcha: Captcha) -> Captcha:
        if captcha.enabled and (captcha.url is None or captcha.secret is None):
            raise ValueError("enabled = true needs a url and a secret")
        return captcha

    @field_validator("uploads")
    @classmethod
    def _bucket_is_there(cls, uploads: Uploads) -> Uploads:
        if uploads.store == "s3" and uploads.s3 is None:
            raise ValueError('store = "s3" needs a table [uploads.s3]')
        return uploads

    @field_validator("sms")
    @classmethod
    def _senders_are_complete(cls, sms: Sms) -> Sms:
        for each in sms.senders:
            each.check_complete()
        return sms


def load_settings(
    file: str | None, overrides: Mapping[str, Mapping[str, Any]], data_dir: str | None, *, secrets: bool = True
) -> Settings:
    """The settings of a TOML file, or the defaults where ``file`` is None, with the command line's on top.

    ``overrides`` maps a table to the keys that the command line sets. Without ``secrets``, secrets in another file or
    in the environment are not read, except ``[mongo] uri``: systemd hands them to the daemon alone.
    Raises StartupError with a line for each fault.
    """
    tables: dict[str, Any] = {}
    if file is not None:
        try:
            tables = tomllib.loads(Path(file).read_text("utf-8-sig"))
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
        settings = Settings.model_validate(_frozen(tables), context={"secrets": secrets})
    except ValidationError as error:
        # A value that fits none of a setting's types has an error for each type; the first is enough.
        lines = {each["loc"][:2]: f"{file or 'command line'}: {_line(each)}" for each in reversed(error.errors())}
        raise StartupError("\n".join(reversed(lines.values()))) from error
    return settings.of_file(None if file is None else Path(os.path.abspath(file)))


def _frozen(value: Any) -> Any:
    """A TOML value with tuples for arrays."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _line(error: ErrorDetails) -> str:
    table, *keys = (str(part) for part in error["loc"])
    place = f"[{table}]" + (f" {'.'.join(keys)}" if keys else "")
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown {'key' if keys else 'table'}"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"
