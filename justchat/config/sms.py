"""``[sms]`` and ``[[sms.chain]]``: how keys are sent."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from justchat.config.secrets import Secret
from justchat.config.setting_types import (
    UNREAD,
    NumberTypes,
    Origin,
    Region,
    Seconds,
    SecretTemplate,
    SecretText,
    SecretUrl,
)
from justchat.config.table import Table
from justchat.model.phone import NumberType

SenderKind = Literal[
    "outbox",
    "http",
    "twilio",
    "twilio-verify",
    "vonage",
    "messagebird",
    "bird",
    "smsru",
    "smsc",
    "telegram",
    "whatsapp",
]
Failure = Literal["retry", "bad-number", "no-funds", "misconfigured", "unknown"]

NEEDED: Mapping[SenderKind, tuple[str, ...]] = {
    "twilio": ("account", "secret", "sender_id"),
    "twilio-verify": ("account", "secret", "service"),
    "vonage": ("account", "secret", "sender_id"),
    "messagebird": ("secret", "sender_id"),
    "bird": ("account", "service", "secret"),
    "smsru": ("secret",),
    "smsc": ("account", "secret"),
    "telegram": ("secret",),
    "whatsapp": ("service", "secret", "template"),
}
"""The settings that each preset requires."""

MOST_DIGITS: Mapping[SenderKind, int] = {"telegram": 8, "twilio-verify": 10}
"""Digits of the longest key that a provider of keys sends."""

MOST_SENDERS = 8


class SmsSender(Table):
    """One way to send an SMS: a preset, or templates of an HTTP request."""

    sender: SenderKind = "outbox"
    account: str | None = None
    """The account at the provider of a preset, as the next five."""
    secret: SecretText | None = None
    service: str | None = None
    sender_id: str | None = None
    """What the SMS comes from: a number, or a name that is registered with the provider."""
    template: str | None = None
    language: str = "en_US"
    url: SecretUrl | None = None
    """The address of the gateway; of a preset, another host than the provider's usual one."""
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: Mapping[str, SecretText] = {}
    body: SecretTemplate = Secret("")
    success_status: tuple[int, ...] = (200, 201, 202, 204)
    success_path: str | None = None
    success_value: str | int | bool | None = None
    failure_path: str | tuple[str, ...] | None = None
    """Several paths: the first one that leads to a value of ``failures``."""
    failures: Mapping[Failure, tuple[str | int, ...]] = {}
    """By kind of failure, the values at ``failure_path`` or the statuses that mean it."""
    timeout: Seconds = 5

    def check_complete(self) -> None:
        """Raises ValueError where the sender lacks a setting."""
        if self.sender == "http":
            self._check_templates()
        for name in NEEDED.get(self.sender, ()):
            if not getattr(self, name):
                raise ValueError(f'sender = "{self.sender}" needs {name}')

    def _check_templates(self) -> None:
        if self.url is None:
            raise ValueError('sender = "http" needs a url')
        if not self._has("{phone}"):
            raise ValueError("neither url nor body nor headers have {phone}: nobody would receive a key")
        if not self._has("{text}") and not self._has("{key}"):
            raise ValueError("neither url nor body nor headers have {text}: nobody would receive a key")

    def _has(self, place: str) -> bool:
        templates = (self.url or "", self.body, *self.headers.values())
        return any(place in template or template is UNREAD for template in templates)

    @property
    def sends_only_keys(self) -> bool:
        """Whether the provider has a text of its own for keys, and sends nothing else."""
        return self._has("{key}") and not self._has("{text}")


class ChainedSender(SmsSender):
    """An entry of ``[[sms.chain]]``."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] | None = None
    """The name in logs and counts; None for that of the sender."""
    countries: tuple[Region, ...] = ()
    """Regions whose phones it serves; empty for all."""

    @property
    def called(self) -> str:
        """Its name."""
        return self.name or self.sender


class Sms(SmsSender):
    """``[sms]``."""

    region: Region = "RU"
    countries: tuple[Region, ...] | None = None
    """Regions whose phones are sent SMS; empty for all. None is ``region`` with a gateway, and all without."""
    number_types: NumberTypes = (NumberType.MOBILE, NumberType.FIXED_LINE_OR_MOBILE)
    """Types of numbers that are sent SMS: by default those that may receive them at an ordinary price."""
    key_lifetime: Seconds | None = None
    """Seconds that a key is valid; None until the next one."""
    key_digits: Annotated[int, Field(ge=4, le=12)] = 6
    text: str = "Your JustChat key: {key}"
    invite_text: str = "A friend invites you to JustChat."
    burnt_text: str = "Somebody tried wrong keys for your JustChat account. Your key is void now: ask for a new one."
    """The SMS to an owner whose key was tried too often, once a day; empty for none."""
    chain: Annotated[tuple[ChainedSender, ...], Field(min_length=1, max_length=MOST_SENDERS)] | None = None
    """Senders that are tried in this order; None for the one of this table."""
    chain_timeout: Seconds = 12
    """Seconds that all of ``chain`` have together."""

    report_url: Origin | None = None
    """Where providers reach this daemon, put into requests whose providers take an address for reports."""
    report_secret: SecretText | None = None
    """Signs the addresses of delivery reports; None to take none in."""

    @field_validator("text")
    @classmethod
    def _has_key(cls, text: str) -> str:
        if "{key}" not in text:
            raise ValueError("must contain {key}")
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> "Sms":
        if self.chain and self.sender != "outbox":
            raise ValueError("sender and [[sms.chain]] exclude each other")
        names = [entry.called for entry in self.senders]
        if len(set(names)) < len(names):
            raise ValueError("two senders of [[sms.chain]] have one name; give each a name of its own")
        for each in self.senders:
            if self.key_digits > MOST_DIGITS.get(each.sender, self.key_digits):
                raise ValueError(f'key_digits: sender = "{each.sender}" sends at most {MOST_DIGITS[each.sender]}')
        return self

    @property
    def senders(self) -> tuple[ChainedSender, ...]:
        """The senders in their order: the chain, or the one of the table itself."""
        if self.chain:
            return self.chain
        return (ChainedSender.model_construct(**{name: getattr(self, name) for name in SmsSender.model_fields}),)

    @property
    def has_gateway(self) -> bool:
        """Whether an SMS may cost money."""
        return any(each.sender != "outbox" for each in self.senders)
