"""``[[webhooks]]``: the servers of the app that are told of what happens."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from justchat.config.secrets import Secret
from justchat.config.setting_types import UNREAD, SecretText
from justchat.config.table import Table
from justchat.model.ids import Id, derived_id
from justchat.model.reach import Reach, reach_of
from justchat.model.webhook import WebhookType
from justchat.model.webhook_secret import secret_bytes

MOST_WEBHOOKS = 20


def _type(written: object) -> WebhookType:
    try:
        return WebhookType(str(written))
    except ValueError:
        raise ValueError(f"not one of {', '.join(known.value for known in WebhookType)}") from None


def _signing_secret(secret: str) -> str:
    if secret is not UNREAD:
        secret_bytes(secret)
    return Secret(secret)


class Webhook(Table):
    """One of ``[[webhooks]]``."""

    url: SecretText
    secret: Annotated[SecretText, AfterValidator(_signing_secret)]
    """The shared secret of Standard Webhooks, in base64; the receiver verifies with it who sends."""
    events: Annotated[tuple[Annotated[WebhookType, BeforeValidator(_type)], ...], Field(min_length=1)]
    allow_private: bool = False
    """Whether the address may be in a private network."""

    @model_validator(mode="after")
    def _is_within_reach(self) -> "Webhook":
        if self.url is not UNREAD:
            reach_of(self.url, allow_private=self.allow_private)
        return self

    @property
    def id(self) -> Id:
        """What it is stored under: the same as long as the address is. A new secret changes nothing."""
        return derived_id("webhook", self.url)

    @property
    def reach(self) -> Reach:
        """The addresses that it may be at."""
        return reach_of(self.url, allow_private=self.allow_private)


def check_webhooks(webhooks: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
    """Raises ValueError where there are too many, or two of one address."""
    if len(webhooks) > MOST_WEBHOOKS:
        raise ValueError(f"at most {MOST_WEBHOOKS}")
    addresses = [webhook.url for webhook in webhooks if webhook.url is not UNREAD]
    if len(set(addresses)) < len(addresses):
        raise ValueError("two have the same url; list all events in one")
    return webhooks


Webhooks = Annotated[tuple[Webhook, ...], AfterValidator(check_webhooks)]
