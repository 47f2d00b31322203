"""The bucket: pictures are put, got and removed, each with a request that can be repeated."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from zope.interface import implementer

from justchat.config.uploads import S3
from justchat.errors import StoreAway
from justchat.interfaces.pictures import IRemotePictures
from justchat.outbound.http_client import HttpClient, NoAnswer, tls_policy
from justchat.outbound.s3.signature import NOTHING, Credentials, signed_headers

LARGEST = 64 * 1024 * 1024
"""Bytes of a picture; a larger one is not read."""
PAUSES = (0.2, 1.0)
"""Seconds before the second and the third try of a request."""
WARN_EVERY = 60.0
"""Seconds between two lines in the log about a store that does not do its work."""
_TYPES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "zip": "application/zip",
}


def error_code(body: bytes) -> str:
    """The code in the body of an error, as ``NoSuchKey``; empty if there is none."""
    found = re.search(rb"<Code>(\w{1,64})</Code>", body)
    return found[1].decode() if found else ""


@implementer(IRemotePictures)
class Bucket:
    """See IRemotePictures. A request and its repetitions take at most ``[uploads.s3] timeout`` seconds."""

    _log = Logger()

    def __init__(self, settings: S3, reactor: Any) -> None:
        self._settings = settings
        self._credentials = Credentials(settings.access_key, settings.secret_key, settings.region)
        self._reactor = reactor
        self._tls = tls_policy()
        self._warned_at = -WARN_EVERY

    async def start(self) -> None:
        """See IRemotePictures. The operator makes the bucket."""

    async def put(self, name: str, content: bytes) -> None:
        """See IRemotePictures."""
        digest = await deferToThread(lambda: sha256(content).hexdigest())
        headers = {"Content-Type": _TYPES[name.rpartition(".")[2]]}
        status, body = await self._request("PUT", name, headers, content, digest)
        if status not in (200, 201, 204):
            raise self._refused("PUT", status, body)

    async def get(self, name: str) -> bytes | None:
        """See IRemotePictures."""
        status, body = await self._request("GET", name)
        if status == 200:
            return body
        if status == 404 and error_code(body) == "NoSuchKey":
            return None
        raise self._refused("GET", status, body)

    async def remove(self, names: Sequence[str]) -> None:
        """See IRemotePictures."""
        for name in names:
            status, body = await self._request("DELETE", name)
            if status not in (200, 204) and error_code(body) != "NoSuchKey":
                raise self._refused("DELETE", status, body)

    async def _request(
        self, method: str, name: str, headers: dict[str, str] | None = None, content: bytes = b"", digest: str = NOTHING
    ) -> tuple[int, bytes]:
        """The status and body of the first answer that is neither 5xx nor 429. Raises StoreAway."""
        ends = self._reactor.seconds() + self._settings.timeout
        url = self._settings.url_of(name)
        for pause in (*PAUSES, None):
            try:
                client = HttpClient(
                    "S3", ends - self._reactor.seconds(), self._reactor, answer_limit=LARGEST, tls=self._tls
                )
                signed = signed_headers(self._credentials, method, url, digest, datetime.now(UTC))
                status, body = await client.request(method, url, {**signed, **(headers or {})}, content)
                if status < 500 and status != 429:
                    return status, body
                reason = _reason(status, body)
            except NoAnswer as error:
                reason = str(error)
            if pause is None or self._reactor.seconds() + pause >= ends:
                raise self._away(method, reason)
            await deferLater(self._reactor, pause)
        raise AssertionError

    def _refused(self, method: str, status: int, body: bytes) -> StoreAway:
        return self._away(method, _reason(status, body))

    def _away(self, method: str, reason: str) -> StoreAway:
        if self._reactor.seconds() - self._warned_at >= WARN_EVERY:
            self._warned_at = self._reactor.seconds()
            self._log.warn("[uploads.s3] a {method} failed: {reason}", method=method, reason=reason)
        return StoreAway()


def _reason(status: int, body: bytes) -> str:
    return f"status {status} {error_code(body)}".rstrip()
