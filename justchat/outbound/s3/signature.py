"""Signature Version 4 of Amazon's services, for the requests that JustChat makes: without a query, over simple paths.

(Amazon, "Authenticating Requests (AWS Signature Version 4)".) The libraries that are maintained do not fit: botocore is
30 MB of descriptions of other services, aws-sdk-signers needs Python 3.12, and requests-aws4auth signs the requests of
another HTTP client, which it brings along. The tests compare our signatures with botocore's.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlsplit

from attrs import frozen

ALGORITHM = "AWS4-HMAC-SHA256"
NOTHING = sha256(b"").hexdigest()
"""The digest of an empty body."""


@frozen
class Credentials:
    """What requests are signed with."""

    access_key: str
    secret_key: str
    region: str


def signed_headers(credentials: Credentials, method: str, url: str, digest: str, time: datetime) -> Mapping[str, str]:
    """The headers that a request needs. ``digest`` is the SHA-256 of its body, ``time`` is in UTC.

    The path of ``url`` has unreserved characters and slashes alone, and it has no query.
    """
    parts = urlsplit(url)
    moment = time.strftime("%Y%m%dT%H%M%SZ")
    signed = {"host": _host(parts.scheme, parts.netloc), "x-amz-content-sha256": digest, "x-amz-date": moment}
    names = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
    request = "\n".join((method, parts.path, "", *lines, "", names, digest))
    scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
    text = "\n".join((ALGORITHM, moment, scope, sha256(request.encode()).hexdigest()))
    signature = hmac.new(_key(credentials, scope), text.encode(), sha256).hexdigest()
    del signed["host"]  # the client sends it
    return {
        **signed,
        "Authorization": (
            f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        ),
    }


def _host(scheme: str, netloc: str) -> str:
    return netloc.removesuffix(":443" if scheme == "https" else ":80")


def _key(credentials: Credentials, scope: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return key
