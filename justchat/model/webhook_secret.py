"""Secrets of webhooks, as the specification of Standard Webhooks 1.0.0 writes them."""

import binascii
from base64 import b64decode

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
