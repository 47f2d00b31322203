"""Sends the requests of a webhook, signed, over kept connections."""

from typing import Any

from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from justchat.config.webhooks import Webhook
from justchat.interfaces.webhooks import IWebhookPoster
from justchat.model.ids import Id
from justchat.model.moment import Clock, milliseconds
from justchat.model.webhook import PostFailure
from justchat.model.webhook_secret import secret_bytes
from justchat.outbound.http_client import HttpClient, NoAnswer
from justchat.outbound.standard_webhooks import webhook_headers

TIMEOUT = 15.0
"""Seconds for a request and its answer. The specification recommends 15 to 30."""
ANSWER_LIMIT = 64 * 1024
REFUSALS = frozenset({400, 409, 413, 415, 422})
"""Statuses that are about one request; the others are likely the same for all."""


@implementer(IWebhookPoster)
class WebhookPoster:
    """See IWebhookPoster. Keeps up to ``connections`` of them."""

    def __init__(
        self, webhook: Webhook, connections: int, reactor: Any, clock: Clock, tls: IPolicyForHTTPS | None = None
    ) -> None:
        self._url = webhook.url
        self._key = secret_bytes(webhook.secret)
        self._clock = clock
        self._client = HttpClient(
            "the webhook",
            TIMEOUT,
            reactor,
            answer_limit=ANSWER_LIMIT,
            tls=tls,
            reach=webhook.reach,
            keep_alive=connections,
        )

    async def post(self, id: Id, body: bytes) -> PostFailure | None:
        headers = webhook_headers(self._key, id, milliseconds(self._clock()) // 1000, body)
        try:
            status, _ = await self._client.request("POST", self._url, headers, body)
        except NoAnswer as error:
            return PostFailure(reason=str(error), is_down=True)
        if 200 <= status < 300:
            return None
        return PostFailure(reason=f"the webhook answered {status}", is_down=status not in REFUSALS)

    async def close(self) -> None:
        """Close the kept connections."""
        await self._client.close()
