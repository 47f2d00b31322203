"""Signatures of Standard Webhooks: a receiver checks with a shared secret that a request is the daemon's.

Source: the specification of Standard Webhooks 1.0.0.
"""

import binascii
import hmac
from base64 import b64decode, b64encode

PREFIX = "whsec_"
SHORTEST = 16
"""Bytes of a secret. The specification recommends 24 to 64."""


def secret_bytes(secret: str) -> bytes:
    """The key of a secret that is written in base64, with ``whsec_`` before it or without. Raises ValueError."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError('must be base64, as "whsec_..." of Standard Webhooks') from None
    if len(key) < SHORTEST:
        raise ValueError(f"must be base64 of at least {SHORTEST} bytes, better of 24 or more")
    return key


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
