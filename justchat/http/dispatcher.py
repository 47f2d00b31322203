"""Carries a request through its endpoint: shape (400), session (440), the call itself, its answer or error.

It does not depend on how HTTP is read or written: bytes come in, a status and bytes go out.
"""

from bisect import bisect_left
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

import orjson
from attrs import evolve
from pydantic import ValidationError
from pydantic_core import from_json
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.actions.server_keys import ServerKeyCheck
from justchat.errors import (
    ApiError,
    BadField,
    BadRequest,
    Busy,
    DatabaseAway,
    Incident,
    InvalidFields,
    LoginTimeout,
    ScopeMissing,
    TooLarge,
    TooManyRequests,
    Unavailable,
    WrongServerKey,
)
from justchat.http.answer import Answer, error_answer, incident_answer
from justchat.http.endpoint import KEY_ONLY, NONE, OPTIONAL, REQUIRED, Endpoint, Reply, Requester
from justchat.http.fields import Body, FieldContext, ImageBody
from justchat.http.headers import CallFields
from justchat.http.idempotency import IDEMPOTENCY_ERRORS, Idempotency, fingerprint, key_id
from justchat.http.long_answers import LongReads, encode_json
from justchat.http.multipart import is_form, read_upload
from justchat.http.spool import Spool, SpoolFile
from justchat.interfaces.users import ISessions
from justchat.limits.rate_limiter import RateLimiter
from justchat.metrics.declarations import CALL_SECONDS, CALLS, FAILURES
from justchat.model.ids import Id

_log = Logger()

ANY_CALL = (
    *(InvalidFields, BadRequest, LoginTimeout, TooLarge, TooManyRequests),
    *(Unavailable, DatabaseAway, Busy, Incident),
)
"""The errors that every call may answer, beside those that it declares."""
BUSY_PAUSE = 0.25
"""Seconds after which a call is told that the daemon is busy. Answered at once, who repeats the call at once would keep
the reactor busy with refusals.
"""
SERVER_ERRORS = (WrongServerKey, ScopeMissing)
"""The errors that a call of an app's server may answer beside its own."""


def errors_of(endpoint: Endpoint) -> tuple[type[ApiError], ...]:
    """All errors that a call may answer."""
    server = SERVER_ERRORS if endpoint.scopes else ()
    return (*ANY_CALL, *server, *(IDEMPOTENCY_ERRORS if endpoint.takes_idempotency_key else ()), *endpoint.raises)


def _meter(path: str) -> Callable[[int, float], None]:
    """Counts the calls of a path, by status and seconds. It costs half of what the two metrics do on their own."""
    buckets, row, counts = CALL_SECONDS.buckets, CALL_SECONDS.row(path), CALLS.series

    def count(status: int, seconds: float) -> None:
        row[bisect_left(buckets, seconds)] += 1
        row[-1] += seconds
        try:
            counts[path, status] += 1
        except KeyError:
            CALLS.count(path, status)

    return count


class Dispatcher:
    """Carries requests through endpoints.

    ``debug`` sends clients the message of an unexpected exception. ``strict``, for tests, answers 500 to an error that
    the endpoint does not declare and to an answer that does not match its declaration. ``note_user``, for the access
    log, gets the id of who makes a call. ``is_measured``: somebody scrapes how many calls there are and how long they
    take.
    """

    def __init__(
        self,
        sessions: ISessions,
        context: FieldContext,
        *,
        debug: bool = False,
        strict: bool = False,
        idempotency: Idempotency | None = None,
        rates: RateLimiter | None = None,
        spool: Spool | None = None,
        server_keys: ServerKeyCheck | None = None,
        is_measured: bool = False,
        note_user: Callable[[str], None] | None = None,
    ) -> None:
        self._sessions = sessions
        self._context = context
        self._debug = debug
        self._strict = strict
        self._idempotency = idempotency
        self._spool = spool
        self._server_keys = server_keys
        self._note_user = note_user
        self._is_measured = is_measured
        self._meters: dict[str, Callable[[int, float], None]] = {}
        self._long_reads = LongReads(reactor)
        self.rates = rates
        """None if calls are not counted."""
        self.pending = 0
        """Calls that have begun and are not answered."""
        self._drained: Deferred[None] | None = None
        self.closing = self._closed = False

    def change(self, context: FieldContext, server_keys: ServerKeyCheck) -> None:
        """Check calls that come from now on by these."""
        self._context = context
        self._server_keys = server_keys

    async def respond(
        self,
        endpoint: Endpoint,
        body: bytes | SpoolFile,
        fields: CallFields,
        address: str | None = None,
        head_checked: bool = False,
        host: str | None = None,
    ) -> Answer:
        """The answer to a call; never raises. ``address`` is the client's; None is not counted. ``host`` is the whole
        address, for calls that need a scope.

        ``head_checked``: check_head() has counted the call already.
        """
        if self._closed:
            return error_answer(Unavailable("the daemon goes down; nothing was stored"))
        self.pending += 1
        began = perf_counter() if self._is_measured else 0.0
        try:
            if address is not None and self.rates is not None and not head_checked:
                # First of all, so that a call over its rate costs least.
                self.rates.hit_address(endpoint.rate, address)
            if endpoint.scopes:
                answer = await self._server_call(endpoint, body, fields, address, host)
            else:
                answer = await self._call(endpoint, body, fields, address, head_checked)
        except ApiError as error:
            if isinstance(error, Busy):
                await deferLater(reactor, BUSY_PAUSE)
            answer = self._refuse(endpoint, error)
        except Exception as error:
            answer = self._incident(error)
        finally:
            self.pending -= 1
            if not self.pending and self._drained is not None:
                self._drained.callback(None)
                self._drained = None
        if self._is_measured:
            meter = self._meters.get(endpoint.path)
            if meter is None:
                meter = self._meters[endpoint.path] = _meter(endpoint.path)
            meter(answer.status, perf_counter() - began)
        return answer

    async def check_head(self, endpoint: Endpoint, fields: CallFields, address: str | None) -> None:
        """Count a call whose body has not come yet, and check its session. Raises TooManyRequests, LoginTimeout.

        A call without a bearer may still have its session key in the form that is its body.
        """
        if self._closed:
            raise Unavailable("the daemon goes down; nothing was stored")
        if address is not None and self.rates is not None:
            self.rates.hit_address(endpoint.rate, address)
        if fields.bearer is not None:
            session = await self._sessions.get(fields.bearer)
            if address is not None and self.rates is not None:
                self.rates.hit_session(endpoint.rate, session.id)
        elif endpoint.session is REQUIRED and not is_form(fields.content_type):
            raise LoginTimeout

    async def drained(self, seconds: float, reactor: IReactorTime) -> None:
        """Return when every pending call is answered, or after some seconds. Later calls are refused."""
        self.closing = True
        if self.pending:
            self._drained = Deferred()
            self._drained.addTimeout(seconds, reactor, lambda *_: None)
            await self._drained
        self._closed = True

    async def _call(
        self,
        endpoint: Endpoint,
        raw: bytes | SpoolFile,
        fields: CallFields,
        address: str | None,
        head_checked: bool,
    ) -> Answer:
        body: Body | ImageBody
        if issubclass(endpoint.body, ImageBody):
            assert isinstance(raw, SpoolFile) and self._spool is not None
            body, key = await read_upload(raw, fields.content_type, self._context.limits, self._spool)
        else:
            assert isinstance(raw, bytes)
            body, key = self._parse(endpoint.body, raw)
        try:
            session = None
            if endpoint.session is NONE:
                key = None
            else:
                key = key or fields.bearer
                if key is None and endpoint.session is not OPTIONAL:
                    raise LoginTimeout
                if key is not None and endpoint.session is not KEY_ONLY:
                    session = await self._sessions.get(key)
                    if self._note_user is not None:
                        self._note_user(session.user)
                    if address is not None and self.rates is not None and not (head_checked and key == fields.bearer):
                        self.rates.hit_session(endpoint.rate, session.id)
            requester = Requester(key, session, None, address)
            if session is not None and endpoint.rate == "read":
                return Answer(
                    *await self._long_reads.run(
                        session.user, lambda: self._answer(endpoint, raw, body, requester, fields)
                    )
                )
            return Answer(*await self._answer(endpoint, raw, body, requester, fields))
        finally:
            if isinstance(body, ImageBody):
                body.file.close()

    async def _server_call(
        self, endpoint: Endpoint, raw: bytes | SpoolFile, fields: CallFields, address: str | None, host: str | None
    ) -> Answer:
        """A call of an app's server. Its key comes first: who has none learns nothing else."""
        assert self._server_keys is not None
        assert isinstance(raw, bytes) and issubclass(endpoint.body, Body)

        def hit_wrong() -> None:
            if address is not None and self.rates is not None:
                self.rates.hit_address("sign_in", address)

        key = await self._server_keys.check(fields.bearer, endpoint.scopes, host, address, hit_wrong)
        if self._note_user is not None:
            self._note_user(key.id)
        if address is not None and self.rates is not None:
            self.rates.hit_session(endpoint.rate, key.id)
        body, _ = self._parse(endpoint.body, raw)
        requester = Requester(fields.bearer, None, None, address, key, host)
        return Answer(*await self._answer(endpoint, raw, body, requester, fields))

    def _answer(
        self,
        endpoint: Endpoint,
        raw: bytes | SpoolFile,
        body: Body | ImageBody,
        requester: Requester,
        fields: CallFields,
    ) -> Awaitable[tuple[int, bytes]]:
        """The status and body. No coroutine of its own: nearly every call would pay for it."""
        if self._idempotency is None or fields.idempotency_key is None or not endpoint.takes_idempotency_key:
            return self._carry_out(endpoint, body, requester)
        return self._call_once(self._idempotency, endpoint, raw, body, requester, fields.idempotency_key)

    async def _call_once(
        self,
        idempotency: Idempotency,
        endpoint: Endpoint,
        raw: bytes | SpoolFile,
        body: Body | ImageBody,
        requester: Requester,
        idempotency_key: str,
    ) -> tuple[int, bytes]:
        """Carry a call out under its Idempotency-Key, or give its first answer again."""
        id = key_id(idempotency_key, requester.id)
        # Whose stored answers this one counts among.
        owner = None if requester.address is None else _owner_of_answers(requester)
        if owner is not None and self.rates is not None:
            self.rates.hit_kept(owner)

        async def carry_out(idempotency_id: Id) -> tuple[int, bytes]:
            answer = await self._carry_out(endpoint, body, evolve(requester, idempotency_id=idempotency_id))
            if owner is not None and self.rates is not None and endpoint.keeps_answer:
                self.rates.charge_kept(owner, len(answer[1]))
            return answer

        return await idempotency.answer(
            id,
            fingerprint(endpoint, raw, body),
            carry_out,
            lambda error: self._outcome(endpoint, error),
            endpoint.keeps_answer,
        )

    def _outcome(self, endpoint: Endpoint, error: Exception) -> tuple[int, bytes] | None:
        """The answer that is stored for an exception; None if the call may be carried out again."""
        if not isinstance(error, ApiError):
            # How far the call came is unknown: it is rather carried out too little than twice.
            answer = self._incident(error)
        elif isinstance(error, endpoint.raises) and error.status != 429 and not isinstance(error, Unavailable):
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
        return status, await encode_json(result) if endpoint.rate in ("read", "server") else orjson.dumps(result)

    def _parse(self, model: type[Body], raw: bytes) -> tuple[Body, str | None]:
        """The checked body and the session key in it. Raises BadRequest, InvalidFields."""
        document = _json(raw)
        if not isinstance(document, dict):
            raise BadRequest
        wrong_fields: list[BadField] = []
        key = document.get("session_key")
        if key is not None and not isinstance(key, str):
            wrong_fields.append(BadField("session_key", "a session key is a string"))
            key = None
        try:
            body = model.model_validate(document, context=self._context)
        except ValidationError as error:
            wrong_fields += [_bad_field(wrong["loc"], wrong["msg"]) for wrong in error.errors(include_url=False)]
        if wrong_fields:
            raise InvalidFields(wrong_fields)
        return body, key or None

    def _refuse(self, endpoint: Endpoint, error: ApiError) -> Answer:
        if self._strict and not isinstance(error, errors_of(endpoint)):
            return self._incident(AssertionError(f"{endpoint.path} does not declare {error!r}"))
        if error.status >= 500:
            FAILURES.count(error.status)
        return error_answer(error)

    def _incident(self, error: Exception) -> Answer:
        FAILURES.count(Incident.status)
        return incident_answer(Failure(error), debug=self._debug)


def _owner_of_answers(requester: Requester) -> str | None:
    if requester.session is not None:
        return requester.session.user
    return requester.address if requester.server_key is None else requester.server_key.id


def _check_declared(endpoint: Endpoint, answer: object) -> None:
    """Raises AssertionError if an answer does not match its declaration, without the answer, which may be secret."""
    try:
        endpoint.answer_adapter.validate_python(answer, strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        raise AssertionError(f"{endpoint.path} does not answer as declared: {wrong}") from None


def _json(raw: bytes) -> object:
    """The JSON document. Raises BadRequest."""
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        if raw.startswith(BOM_UTF8) and not raw.startswith(BOM_UTF8 * 2):
            # A parser may ignore a byte order mark (RFC 8259, section 8.1).
            return _json(raw.removeprefix(BOM_UTF8))
        raise BadRequest(f"the body is not JSON: {error}") from error


def _bad_field(loc: Sequence[int | str], detail: str) -> BadField:
    return BadField(".".join(map(str, loc)) or "(body)", detail[:1].lower() + detail[1:])
