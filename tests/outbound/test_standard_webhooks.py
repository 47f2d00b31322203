"""Signatures of webhooks, as the reference library of Standard Webhooks verifies them."""

import time
from base64 import b64encode
from unittest import TestCase

from standardwebhooks import Webhook, WebhookVerificationError

from justchat.model.webhook_secret import secret_bytes
from justchat.outbound.standard_webhooks import webhook_headers

SECRET = "whsec_" + b64encode(bytes(range(24))).decode()
BODY = '{"type":"message.new","data":{"text":"Привет"}}'.encode()


class Signatures(TestCase):
    def test_verified(self) -> None:
        headers = webhook_headers(secret_bytes(SECRET), "msg_1", int(time.time()), BODY)

        self.assertEqual({"text": "Привет"}, Webhook(SECRET).verify(BODY, headers)["data"])

    def test_forged(self) -> None:
        """Another body, id, time or secret does not verify."""
        now = int(time.time())
        right = webhook_headers(secret_bytes(SECRET), "msg_1", now, BODY)
        other = webhook_headers(secret_bytes("A" * 32), "msg_1", now, BODY)
        for headers, body in (
            (right, BODY + b" "),
            ({**right, "webhook-id": "msg_2"}, BODY),
            ({**right, "webhook-timestamp": str(now + 1)}, BODY),
            (other, BODY),
        ):
            with self.assertRaises(WebhookVerificationError):
                Webhook(SECRET).verify(body, headers)

    def test_secrets(self) -> None:
        """A secret is base64, with the prefix or without."""
        self.assertEqual(bytes(range(24)), secret_bytes(SECRET))
        self.assertEqual(bytes(range(24)), secret_bytes(SECRET.removeprefix("whsec_")))
        for secret in ("", "whsec_", "whsec_not base64!", "whsec_" + b64encode(b"short").decode(), SECRET + "\n"):
            with self.assertRaises(ValueError, msg=secret):
                secret_bytes(secret)
