"""The public keys of an issuer, read from its JWKS address (RFC 7517) and cached."""

from collections.abc import Callable, Sequence
from typing import Protocol

import orjson
from jwt import PyJWK
from jwt.exceptions import PyJWTError
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from justchat.config.auth import Algorithm, fits
from justchat.errors import Unavailable
from justchat.outbound.http_client import HttpClient, NoAnswer

MOST_KEYS = 100
REFRESH_AT_MOST_EVERY = 60.0
"""Seconds. An unknown key, which anybody can name, causes no more requests than that."""
RETRY_AT_MOST_EVERY = 2.0
"""Seconds between two requests while no keys were ever read, so that nobody can sign in."""
FRESH = 600.0
"""Seconds after which keys are read again, so that one the issuer has withdrawn is not accepted for long. Where the
address is away, those of the last time are used.
"""


class KeySource(Protocol):
    """The keys of one issuer."""

    async def find(self, kid: str | None, algorithm: str) -> Sequence[object]:
        """The keys for this algorithm that have this id, or all where the token names none. Raises Unavailable."""


class OneKey:
    """The key of ``public_key``. A token may name any id."""

    def __init__(self, key: object) -> None:
        self._key = key

    async def find(self, kid: str | None, algorithm: str) -> Sequence[object]:
        return [self._key] if fits(self._key, algorithm) else []


class JwksKeys:
    """See KeySource. ``seconds`` is a monotonic clock."""

    _log = Logger()

    def __init__(
        self, url: str, algorithms: Sequence[Algorithm], client: HttpClient, seconds: Callable[[], float]
    ) -> None:
        self._url = url
        self._algorithms = algorithms
        self._client = client
        self._seconds = seconds
        self._keys: list[tuple[str | None, object]] | None = None
        self._asked = float("-inf")
        """When the address was last asked."""
        self._looked = float("-inf")
        """When it was last asked for an unknown id."""
        self._asking: list[Deferred[None]] | None = None
        """Those who wait for its answer; None while nobody asks."""

    async def find(self, kid: str | None, algorithm: str) -> Sequence[object]:
        is_fresh = self._keys is not None and self._age() <= FRESH
        if not is_fresh:
            await self._refresh(RETRY_AT_MOST_EVERY if self._keys is None else REFRESH_AT_MOST_EVERY)
        found = self._fitting(kid, algorithm)
        if not found and kid is not None:
            await self._look_for_unknown(is_read_now=not is_fresh)
            found = self._fitting(kid, algorithm)
        if self._keys is None:
            raise Unavailable("the keys of the token's issuer cannot be read now")
        return found

    def _fitting(self, kid: str | None, algorithm: str) -> list[object]:
        return [key for id, key in self._keys or () if kid in (None, id) and fits(key, algorithm)]

    def _age(self) -> float:
        return self._seconds() - self._asked

    async def _look_for_unknown(self, *, is_read_now: bool) -> None:
        """Read the keys anew for an id that none of them has: the issuer may have changed its keys at any time, also
        right after they were read. ``is_read_now``: they were read for this very token.
        """
        if self._seconds() - self._looked < REFRESH_AT_MOST_EVERY:
            if self._asking is not None:  # another token has them read
                await self._refresh(REFRESH_AT_MOST_EVERY)
            return
        self._looked = self._seconds()
        if not is_read_now:
            await self._refresh(0)

    async def _refresh(self, pause: float) -> None:
        """Read the keys anew, unless that was tried less than ``pause`` seconds ago. All who wait share one request."""
        if self._asking is not None:
            waiting: Deferred[None] = Deferred()
            self._asking.append(waiting)
            await waiting
            return
        if self._age() < pause:
            return
        self._asked = self._seconds()
        self._asking = []
        try:
            await self._read()
        finally:
            waiters, self._asking = self._asking, None
            for waiter in waiters:
                waiter.callback(None)

    async def _read(self) -> None:
        try:
            status, body = await self._client.request("GET", self._url, {"Accept": "application/json"}, b"")
        except NoAnswer as error:
            self._failed(str(error))
            return
        if status != 200:
            self._failed(f"it answered with status {status}")
            return
        keys = _parse(body)
        if keys is None:
            self._failed("its answer is no JWKS")
            return
        self._keys = [(id, key) for id, key in keys if any(fits(key, each) for each in self._algorithms)]
        if not self._keys:
            self._log.error("{url} has no key of {algorithms}", url=self._url, algorithms=", ".join(self._algorithms))

    def _failed(self, reason: str) -> None:
        use = "nobody can sign in by it" if self._keys is None else "the keys read before are used"
        self._log.error("{url} was not read, {use}: {reason}", url=self._url, use=use, reason=reason)


def _parse(body: bytes) -> list[tuple[str | None, object]] | None:
    """The ids and keys of a JWKS, without those that we cannot use; None for what is no JWKS."""
    try:
        document = orjson.loads(body)
        written = document["keys"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return None
    if not isinstance(written, list):
        return None
    found: list[tuple[str | None, object]] = []
    for each in written[:MOST_KEYS]:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig" or each.get("kty") == "oct":
            continue
        try:
            key = PyJWK.from_dict(each).key
        except (PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            continue
        kid = each.get("kid")
        # An issuer may publish a private key by mistake; PyJWT returns it as one.
        found.append((kid if isinstance(kid, str) else None, key.public_key() if hasattr(key, "public_key") else key))
    return found
