"""Webhooks, as the settings ask for them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from justchat.actions.webhook_relay import WebhookRelay
from justchat.actions.webhook_sending import AT_ONCE, WebhookSender
from justchat.config.settings import Settings
from justchat.config.webhooks import Webhook
from justchat.model.moment import now
from justchat.outbound.http_client import tls_policy
from justchat.outbound.webhook_poster import WebhookPoster
from justchat.wiring.stores import Stores


@frozen(kw_only=True)
class WebhookSending:
    """A webhook, its sender, and the poster that it sends with."""

    webhook: Webhook
    sender: WebhookSender
    poster: WebhookPoster


def make_webhook_relay(settings: Settings, stores: Stores) -> WebhookRelay:
    """The relay of ``[[webhooks]]``."""
    wanted = {webhook.id: frozenset(webhook.events) for webhook in settings.webhooks}
    return WebhookRelay(marked=stores.marked_events, deliveries=stores.deliveries, wanted=wanted)


def make_webhook_sendings(
    settings: Settings, stores: Stores, may_send: Callable[[], bool], reactor: Any
) -> list[WebhookSending]:
    """One of each of ``[[webhooks]]``."""
    tls = tls_policy() if settings.webhooks else None
    return [
        _sending(webhook, stores, WebhookPoster(webhook, AT_ONCE, reactor, now, tls), may_send, reactor)
        for webhook in settings.webhooks
    ]


def _sending(
    webhook: Webhook, stores: Stores, poster: WebhookPoster, may_send: Callable[[], bool], reactor: Any
) -> WebhookSending:
    sender = WebhookSender(
        webhook=webhook.id,
        name=server_name(webhook),
        deliveries=stores.deliveries,
        poster=poster,
        clock=now,
        seconds=reactor.seconds,
        may_send=may_send,
    )
    return WebhookSending(webhook=webhook, sender=sender, poster=poster)


def server_name(webhook: Webhook) -> str:
    """The server of a webhook, for operators: a path may have a token."""
    parts = urlsplit(webhook.url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"
