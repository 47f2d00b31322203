"""Idempotency-Key: a call that came with one before is given its first answer again.

    claim the key -> carry the call out -> keep the answer

A claim is a document that there can be but one of, whichever daemon makes it. What was not carried out, or only in
doubt (503), gives its claim up. A daemon that dies between doing and keeping leaves a claim, which the next start
frees, or which runs out where there are several daemons; then the call is carried out by whoever sends it again. What
it makes takes its id from the claim's ``idempotency_id``, which stays the same: so even then there is one of it.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256

from pydantic_core import from_json
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import ApiError, BadField, InProgress, InvalidFields, KeyReused, Unavailable
from justchat.http.endpoint import Endpoint
from justchat.http.fields import Body, ImageBody
from justchat.http.spool import SpoolFile
from justchat.interfaces.idempotency import IIdempotencyKeys
from justchat.model.ids import Id, derived_id, new_id

IDEMPOTENCY_ERRORS = (InProgress, KeyReused)
"""Errors that a call may answer when it came with a key."""
LARGEST = 256 * 1024
"""Bytes of an answer that is kept. Only ``/room/enter`` has larger ones, and may be carried out again."""
TRIES, TRY_EVERY = 60, 0.5
"""As long as a claim lasts, in steps of so many seconds."""
_KEY = re.compile(r"[\x21-\x7e]{1,128}\Z")


def key_id(key: str, caller: Id | None) -> Id:
    """What a caller's key is kept under; None is all who have no session. Raises InvalidFields."""
    if not _KEY.match(key):
        raise InvalidFields([BadField("Idempotency-Key", "1 to 128 visible ASCII characters")])
    return derived_id("once", caller or "", key)


def fingerprint(endpoint: Endpoint, raw: bytes | SpoolFile, body: Body | ImageBody) -> bytes:
    """What makes a request the same: its path and what it says, however that is written, but not the session key."""
    if isinstance(body, ImageBody):
        said = body.file.digest
    else:
        assert isinstance(raw, bytes)
        document = from_json(raw)
        document.pop("session_key", None)
        # Not orjson, which refuses integers that the call itself may drop unread.
        said = repr(_sorted(document)).encode("utf-8", "backslashreplace")
    return sha256(endpoint.path.encode() + b"\n" + said).digest()


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return [(name, _sorted(value[name])) for name in sorted(value)]
    return [_sorted(item) for item in value] if isinstance(value, list) else value


class Idempotency:
    """Carries out a call under a key, or answers what it answered the first time."""

    _log = Logger()

    def __init__(self, answers: IIdempotencyKeys) -> None:
        self._answers = answers

    async def answer(
        self,
        id: Id,
        request: bytes,
        carry_out: Callable[[Id], Awaitable[tuple[int, bytes]]],
        refusal: Callable[[Exception], tuple[int, bytes] | None],
        keeps_answer: bool = True,
    ) -> tuple[int, bytes]:
        """Status and body. ``refusal`` makes an answer of an exception, or None where nothing was carried out.

        Where the answer is not kept, the call is carried out again when it is sent again.
        """
        by = new_id()
        try:
            claim = await self._answers.claim(id, request, by)
        except Unavailable:
            self._settle_later(lambda: self._answers.release(id, by))  # it may be there all the same
            raise
        if isinstance(claim, tuple):
            return claim
        try:
            status, body = await carry_out(claim.idempotency_id)
        except Exception as error:
            refused = refusal(error)
            if refused is None:
                await self._settle(lambda: self._answers.release(id, by))
                raise
            status, body = refused
        if len(body) > LARGEST or not keeps_answer:
            await self._settle(lambda: self._answers.release(id, by))
        else:
            await self._settle(lambda: self._answers.keep(id, by, status, body))
        return status, body

    async def _settle(self, settling: Callable[[], Awaitable[None]]) -> None:
        """The call is done, whatever becomes of this."""
        try:
            await settling()
        except ApiError:
            self._settle_later(settling)

    def _settle_later(self, settling: Callable[[], Awaitable[None]]) -> None:
        """Until the database is back, or the claim has run out: nobody is to wait for a claim that nobody holds."""
        Deferred.fromCoroutine(self._keep_trying(settling)).addErrback(
            lambda failure: self._log.failure("a first answer is not kept", failure)
        )

    async def _keep_trying(self, settling: Callable[[], Awaitable[None]]) -> None:
        for _ in range(TRIES):
            await deferLater(reactor, TRY_EVERY)
            with suppress(ApiError):
                return await settling()
        self._log.warn("a first answer is not kept: the database is away")
