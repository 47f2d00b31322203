"""A request's way through an endpoint: shape (400), session (440), the call itself, its answer or error.

Knows nothing of HTTP's wire: bytes come in, a status and bytes go out.
"""

import secrets
from codecs import BOM_UTF8
from collections.abc import Sequence

import orjson
from pydantic import ValidationError
from pydantic_core import from_json
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import (
    ApiError,
    BadField,
    BadRequest,
    Busy,
    DatabaseAway,
    Incident,
    InvalidFields,
    LoginTimeout,
    TooLarge,
    TooManyRequests,
    Unavailable,
    reason_phrase,
)
from justchat.http.endpoint import KEY_ONLY, NONE, OPTIONAL, REQUIRED, Endpoint, Reply, Requester
from justchat.http.fields import Body, ImageBody, Shape
from justchat.http.idempotency import IDEMPOTENCY_ERRORS, Idempotency, fingerprint, key_id
from justchat.http.long_answers import encoded
from justchat.http.multipart import is_form, read_upload
from justchat.http.spool import Spool, SpoolFile
from justchat.interfaces.users import ISessions
from justchat.limits.rate_limiter import RateLimiter
from justchat.model.ids import Id
from justchat.model.record import record

_log = Logger()

ANY_CALL = (
    *(InvalidFields, BadRequest, LoginTimeout, TooLarge, TooManyRequests),
    *(Unavailable, DatabaseAway, Busy, Incident),
)
"""Errors that every call may answer, beside those it declares."""


def errors_of(endpoint: Endpoint) -> tuple[type[ApiError], ...]:
    """Every error that a call may answer."""
    return (*ANY_CALL, *(IDEMPOTENCY_ERRORS if endpoint.takes_idempotency_key else ()), *endpoint.raises)


@record
class Answer:
    """What goes back to the client; ``body`` is JSON."""

    status: int
    body: bytes
    retry_after: int | None = None
    limit: tuple[tuple[bytes, bytes], ...] = ()
    """The header fields that tell of a rate."""


class Dispatcher:
    """Carries requests through endpoints.

    ``debug`` tells a client the message of an exception of ours. ``strict``, for tests, makes a fault of an error
    that the endpoint does not declare, and of an answer that is not as declared.
    """

    def __init__(
        self,
        sessions: ISessions,
        shape: Shape,
        *,
        debug: bool = False,
        strict: bool = False,
        idempotency: Idempotency | None = None,
        rates: RateLimiter | None = None,
        spool: Spool | None = None,
    ) -> None:
        self._sessions = sessions
        self._shape = shape
        self._debug = debug
        self._strict = strict
        self._idempotency = idempotency
        self._spool = spool
        self.rates = rates
        """None where calls are not counted."""
        self._under_way = 0
        self._all_done: Deferred[None] | None = None
        self.closing = self._closed = False

    async def respond(
        self,
        endpoint: Endpoint,
        body: bytes | SpoolFile,
        bearer: str | None,
        content_type: str = "",
        idempotency_key: str | None = None,
        address: str | None = None,
        judged: bool = False,
    ) -> Answer:
        """The answer to a call; never raises. ``address`` is where it comes from; None is one that is not counted.

        ``judged``: judge() has counted it already.
        """
        if self._closed:
            return error_answer(Unavailable("the daemon goes down; nothing was stored"))
        self._under_way += 1
        try:
            if address is not None and self.rates is not None and not judged:
                # Before anything is looked at: what is too much is to cost least.
                self.rates.hit_address(endpoint.rate, address)
            return await self._call(endpoint, body, bearer, content_type, idempotency_key, address, judged)
        except ApiError as error:
            if self._strict and not isinstance(error, errors_of(endpoint)):
                return self._incident(AssertionError(f"{endpoint.path} does not declare {error!r}"))
            return error_answer(error)
        except Exception as error:
            return self._incident(error)
        finally:
            self._under_way -= 1
            if not self._under_way and self._all_done is not None:
                self._all_done.callback(None)
                self._all_done = None

    async def judge(self, endpoint: Endpoint, bearer: str | None, content_type: str, address: str | None) -> None:
        """Count a call whose body has not come yet, and look at its session. Raises TooManyRequests, LoginTimeout.

        The key of a session may also be in the form that is the body.
        """
        if self._closed:
            raise Unavailable("the daemon goes down; nothing was stored")
        if address is not None and self.rates is not None:
            self.rates.hit_address(endpoint.rate, address)
        if bearer is not None:
            session = await self._sessions.get(bearer)
            if address is not None and self.rates is not None:
                self.rates.hit_session(endpoint.rate, session.id)
        elif endpoint.session is REQUIRED and not is_form(content_type):
            raise LoginTimeout

    async def drained(self, seconds: float, reactor: object) -> None:
        """Returns when every request under way is answered, or after some seconds."""
        self.closing = True
        if self._under_way:
            self._all_done = Deferred()
            self._all_done.addTimeout(seconds, reactor, lambda *_: None)  # type: ignore[arg-type]
            await self._all_done
        self._closed = True

    async def _call(
        self,
        endpoint: Endpoint,
        raw: bytes | SpoolFile,
        bearer: str | None,
        content_type: str,
        idempotency_key: str | None,
        address: str | None,
        judged: bool,
    ) -> Answer:
        body: Body | ImageBody
        if issubclass(endpoint.body, ImageBody):
            assert isinstance(raw, SpoolFile) and self._spool is not None
            body, key = await read_upload(raw, content_type, self._shape.limits, self._spool)
        else:
            assert isinstance(raw, bytes)
            body, key = self._parse(endpoint.body, raw)
        try:
            session = None
            if endpoint.session is NONE:
                key = None
            else:
                key = key or bearer
                if key is None and endpoint.session is not OPTIONAL:
                    raise LoginTimeout
                if key is not None and endpoint.session is not KEY_ONLY:
                    session = await self._sessions.get(key)
                    if address is not None and self.rates is not None and not (judged and key == bearer):
                        self.rates.hit_session(endpoint.rate, session.id)
            if self._idempotency is None or idempotency_key is None or not endpoint.takes_idempotency_key:
                return Answer(*await self._carry_out(endpoint, body, Requester(key, session, None, address)))
            id = key_id(idempotency_key, None if session is None else session.id)
            keeper = None if address is None else (address if session is None else session.user)
            if keeper is not None and self.rates is not None:
                self.rates.hit_kept(keeper)

            async def carry_out(idempotency_id: Id) -> tuple[int, bytes]:
                answer = await self._carry_out(endpoint, body, Requester(key, session, idempotency_id, address))
                if keeper is not None and self.rates is not None and endpoint.keeps_answer:
                    self.rates.charge_kept(keeper, len(answer[1]))
                return answer

            return Answer(
                *await self._idempotency.answer(
                    id,
                    fingerprint(endpoint, raw, body),
                    carry_out,
                    lambda error: self._outcome(endpoint, error),
                    endpoint.keeps_answer,
                )
            )
        finally:
            if isinstance(body, ImageBody):
                body.file.close()

    def _outcome(self, endpoint: Endpoint, error: Exception) -> tuple[int, bytes] | None:
        """What an exception is answered for good; None where it leaves the call to be sent again."""
        if not isinstance(error, ApiError):
            # How far it came, nobody knows: better once too little than twice.
            answer = self._incident(error)
        elif isinstance(error, endpoint.raises) and not isinstance(error, Unavailable):
            answer = error_answer(error)
        else:
            return None
        return answer.status, answer.body

    async def _carry_out(self, endpoint: Endpoint, body: Body | ImageBody, requester: Requester) -> tuple[int, bytes]:
        result = await endpoint.handler(requester, body)
        status = endpoint.statuses[0]
        if isinstance(result, Reply):
            status, result = result.status, result.body
        if self._strict:
            assert status in endpoint.statuses, f"{endpoint.path} does not declare {status}"
            _check_declared(endpoint, result)
        return status, await encoded(result) if endpoint.rate == "read" else orjson.dumps(result)

    def _parse(self, model: type[Body], raw: bytes) -> tuple[Body, str | None]:
        """The checked body and the session key in it. Raises BadRequest, InvalidFields."""
        document = _json(raw)
        if not isinstance(document, dict):
            raise BadRequest
        fields: list[BadField] = []
        key = document.get("session_key")
        if key is not None and not isinstance(key, str):
            fields.append(BadField("session_key", "a session key is a string"))
            key = None
        try:
            body = model.model_validate(document, context=self._shape)
        except ValidationError as error:
            fields += [_bad_field(wrong["loc"], wrong["msg"]) for wrong in error.errors(include_url=False)]
        if fields:
            raise InvalidFields(fields)
        return body, key or None

    def _incident(self, error: Exception) -> Answer:
        return incident_answer(Failure(error), debug=self._debug)


def _check_declared(endpoint: Endpoint, answer: object) -> None:
    """Raises AssertionError where an answer is not as declared; it has nothing of the answer, which may be secret."""
    try:
        endpoint.answers.validate_python(answer, strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        raise AssertionError(f"{endpoint.path} does not answer as declared: {wrong}") from None


def _json(raw: bytes) -> object:
    """The document. Raises BadRequest."""
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        if raw.startswith(BOM_UTF8) and not raw.startswith(BOM_UTF8 * 2):
            # A parser may ignore it (RFC 8259, section 8.1).
            return _json(raw.removeprefix(BOM_UTF8))
        raise BadRequest(f"the body is not JSON: {error}") from error


def _bad_field(loc: Sequence[int | str], detail: str) -> BadField:
    return BadField(".".join(map(str, loc)) or "(body)", detail[:1].lower() + detail[1:])


def incident_answer(failure: Failure, *, debug: bool) -> Answer:
    """A fault of ours goes into the log, and what a client is told of it names its place there."""
    incident = secrets.token_hex(8)
    _log.failure("incident {incident}", failure, incident=incident)
    return error_answer(Incident(f"{incident}: {failure.value}" if debug else incident))


def error_answer(error: ApiError) -> Answer:
    """The body of an error (docs/protocol.rst, "Errors")."""
    body: dict[str, object] = {
        "error": reason_phrase(error.status),
        "code": error.code,
        "detail": error.detail,
    }
    if isinstance(error, InvalidFields):
        body["fields"] = [wrong._asdict() for wrong in error.fields[:100]]
    encoded = orjson.dumps(body)
    if isinstance(error, TooManyRequests):
        # draft-ietf-httpapi-ratelimit-headers
        policy = b'"%s";q=%d;w=%d' % (error.name.encode(), error.count, error.seconds)
        left = b'"%s";r=0;t=%d' % (error.name.encode(), error.after)
        return Answer(error.status, encoded, error.after, ((b"RateLimit-Policy", policy), (b"RateLimit", left)))
    return Answer(error.status, encoded, error.retry_after if isinstance(error, Unavailable) else None)
