"""Signatures of Standard Webhooks: a receiver checks with a shared secret that a request is the daemon's.

Source: the specification of Standard Webhooks 1.0.0.
"""

import hmac
from base64 import b64encode


def webhook_headers(key: bytes, id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of a request with this body. ``id`` names the event, the same at every try; ``seconds`` is the
    time of this try, since 1970.
    """
    signature = b64encode(hmac.digest(key, f"{id}.{seconds}.".encode() + body, "sha256")).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }
