"""The check at the start that the bucket can be used with these keys."""

from datetime import UTC, datetime
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from justchat.config.uploads import S3
from justchat.errors import StartupError
from justchat.outbound.s3.signature import NOTHING, Credentials, signed_headers

PATIENCE = 5.0
"""Seconds."""
_FAULTS = {
    301: "region or endpoint: the bucket is in another region",
    400: "region or endpoint: the service does not accept the request",
    401: "access_key, secret_key: wrong",
    403: "access_key, secret_key: wrong, or without the right to list the bucket (s3:ListBucket)",
    404: "bucket: there is none of this name",
}


class BucketAway(Exception):
    """The bucket cannot be reached now. The message is one line."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:
        """Follow none: the signature is for one host."""


def check_bucket(settings: S3) -> None:
    """Raises StartupError with one line for wrong settings, and BucketAway. Blocks, at most PATIENCE seconds."""
    url = settings.bucket_url
    credentials = Credentials(settings.access_key, settings.secret_key, settings.region)
    headers = signed_headers(credentials, "HEAD", url, NOTHING, datetime.now(UTC))
    request = Request(url, headers=dict(headers), method="HEAD")  # noqa: S310  (the settings allow http alone)
    try:
        build_opener(_NoRedirects()).open(request, timeout=PATIENCE).close()
    except HTTPError as error:
        error.close()
        if error.code in _FAULTS:
            raise StartupError(f"[uploads.s3] {_FAULTS[error.code]} (status {error.code})") from None
        raise BucketAway(f"[uploads.s3] endpoint: status {error.code}") from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise BucketAway(f"[uploads.s3] endpoint: {settings.endpoint} cannot be reached: {reason}") from None
