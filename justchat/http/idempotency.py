"""Idempotency-Key: a call that is sent again under the same key gets its first answer again.

    claim the key -> carry the call out -> store the answer

A claim is a document with a unique id, whichever daemon inserts it. A call that was not carried out, or whose outcome
is in doubt (503), releases its claim. A daemon that dies between carrying out and storing leaves a claim. The next
start releases it; with several daemons it expires, since nobody renews it. Then the call is carried out when it is
sent again. What the call creates takes its id from the claim's ``idempotency_id``, which stays the same, so even then
it is created once.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from typing import TypeVar

from pydantic_core import from_json
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from justchat.errors import ApiError, BadField, InProgress, InvalidFields, KeyReused, Unavailable
from justchat.http.endpoint import Endpoint
from justchat.http.fields import Body, ImageBody
from justchat.http.spool import SpoolFile
from justchat.interfaces.idempotency import IIdempotencyKeys
from justchat.model.ids import Id, derived_id, new_id

IDEMPOTENCY_ERRORS = (InProgress, KeyReused)
"""The errors that a call under an Idempotency-Key may answer beside its own."""
MAX_STORED = 256 * 1024
"""Bytes of an answer that is stored. Only ``/room/enter`` has larger ones, and may be carried out again."""
RENEWED_EVERY = 1.0
"""Seconds between two renewals of a claim, a third of the time for which it holds."""
RETRIES, RETRY_INTERVAL = 60, 0.5
"""Attempts to store an answer while the database is away; the interval is in seconds."""
_T = TypeVar("_T")
_KEY = re.compile(r"[\x21-\x7e]{1,128}\Z")


def key_id(key: str, caller: Id | None) -> Id:
    """The id of a claim, of a session or server key and the key; None is all without either. Raises InvalidFields."""
    if not _KEY.match(key):
        raise InvalidFields([BadField("Idempotency-Key", "1 to 128 visible ASCII characters")])
    return derived_id("once", caller or "", key)


def fingerprint(endpoint: Endpoint, raw: bytes | SpoolFile, body: Body | ImageBody) -> bytes:
    """A digest that equal requests share: of the path and the body's values, however written, without session key."""
    if isinstance(body, ImageBody):
        content = body.file.digest
    else:
        assert isinstance(raw, bytes)
        document = from_json(raw.removeprefix(BOM_UTF8))
        document.pop("session_key", None)
        # Not orjson, which refuses large integers that the call itself may ignore.
        content = repr(_sorted(document)).encode("utf-8", "backslashreplace")
    return sha256(endpoint.path.encode() + b"\n" + content).digest()


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return [(name, _sorted(value[name])) for name in sorted(value)]
    return [_sorted(item) for item in value] if isinstance(value, list) else value


class Idempotency:
    """Carries a call out under a key, or returns its first answer."""

    _log = Logger()

    def __init__(self, keys: IIdempotencyKeys) -> None:
        self._keys = keys

    async def answer(
        self,
        id: Id,
        request: bytes,
        carry_out: Callable[[Id], Awaitable[tuple[int, bytes]]],
        outcome: Callable[[Exception], tuple[int, bytes] | None],
        keeps_answer: bool = True,
    ) -> tuple[int, bytes]:
        """Status and body. ``outcome`` returns the answer to an exception, or None if nothing was carried out.

        If the answer is not stored, the call is carried out again when it is sent again.
        """
        by = new_id()
        try:
            claim = await self._keys.claim(id, request, by)
        except Unavailable:
            self._settle_later(lambda: self._keys.release(id, by))  # the claim may be stored all the same
            raise
        if isinstance(claim, tuple):
            return claim
        try:
            status, body = await self._renewing(id, by, carry_out(claim.idempotency_id))
        except Exception as error:
            refused = outcome(error)
            if refused is None:
                await self._settle(lambda: self._keys.release(id, by))
                raise
            status, body = refused
        if len(body) > MAX_STORED or not keeps_answer:
            await self._settle(lambda: self._keys.release(id, by))
        else:
            await self._settle(lambda: self._keys.keep(id, by, status, body))
        return status, body

    async def _renewing(self, id: Id, by: Id, call: Awaitable[_T]) -> _T:
        """The result of a call whose claim is renewed until it has one."""

        async def renew() -> None:
            with suppress(ApiError):
                await self._keys.renew(id, by)

        renewal = LoopingCall(lambda: Deferred.fromCoroutine(renew()))
        renewal.start(RENEWED_EVERY, now=False).addErrback(
            lambda failure: self._log.failure("a claim is not renewed", failure)
        )
        try:
            return await call
        finally:
            renewal.stop()

    async def _settle(self, settling: Callable[[], Awaitable[None]]) -> None:
        """Store an answer or release a claim. A failure does not change the call's outcome."""
        try:
            await settling()
        except ApiError:
            self._settle_later(settling)

    def _settle_later(self, settling: Callable[[], Awaitable[None]]) -> None:
        """Retry until the database is back or the claim has expired, so that a lost claim does not block the key."""
        Deferred.fromCoroutine(self._retry(settling)).addErrback(
            lambda failure: self._log.failure("an idempotent answer is not stored", failure)
        )

    async def _retry(self, settling: Callable[[], Awaitable[None]]) -> None:
        for _ in range(RETRIES):
            await deferLater(reactor, RETRY_INTERVAL)
            with suppress(ApiError):
                return await settling()
        self._log.warn("an idempotent answer is not stored: the database is away")
