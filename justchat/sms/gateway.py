"""Any SMS gateway that speaks HTTP: URL, headers and body are templates from the configuration.

``{phone}`` and ``{text}`` are filled in, quoted for where they stand: as JSON strings in a JSON body, by percent
in a URL or a form. Success is told by the status and, where ``success_path`` is set, by a value in a JSON answer.
"""

import json
import re
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from zope.interface import implementer

from justchat.config import Sms
from justchat.errors import SmsFailed, SmsFailure
from justchat.interfaces import ISmsSender
from justchat.model.phone import Phone

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer's body that are read."""

Quote = Callable[[str], str]

_PLACE = re.compile(r"\{(phone|text)\}")
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


_OF_STATUS = {
    400: SmsFailure.BAD_NUMBER,
    401: SmsFailure.MISCONFIGURED,
    402: SmsFailure.NO_FUNDS,
    403: SmsFailure.MISCONFIGURED,
    404: SmsFailure.MISCONFIGURED,
    405: SmsFailure.MISCONFIGURED,
    415: SmsFailure.MISCONFIGURED,
    422: SmsFailure.BAD_NUMBER,
    429: SmsFailure.RETRY,
    503: SmsFailure.RETRY,
}
"""What gateways mean by a status (RFC 9110, section 15); with others it is not known what they have done."""


@implementer(ISmsSender)
class Gateway:
    """Makes one HTTP request per SMS, each over a connection of its own.

    The reason of a failure has nothing of what was sent or answered: either may hold the key or a secret.
    """

    _log = Logger()

    def __init__(self, settings: Sms, reactor: Any) -> None:
        assert settings.url is not None, "the settings have checked it"
        self._settings = settings
        self._url = settings.url
        self._reactor = reactor
        self._tls = BrowserLikePolicyForHTTPS()
        self._headers = dict(settings.headers)
        media = _media_type(self._headers)
        if media is None and _looks_like_json(settings.body):
            self._headers["Content-Type"] = media = _JSON
        self._quote_in_body = _quote_for(media)
        self._configured = {value: SmsFailure(name) for name, values in settings.failures.items() for value in values}

    async def send(self, phone: Phone, text: str) -> None:
        exchange = Deferred.fromCoroutine(self._exchange(phone, text))
        exchange.addTimeout(self._settings.timeout, self._reactor, _too_late)
        try:
            await exchange
        except SmsFailed:
            raise
        except Exception as error:
            # Twisted's and treq's messages may quote the URL or a header: only the kind of the error is told.
            raise SmsFailed(f"the gateway cannot be asked: {_kind(error)}", _failure_of(error)) from None
        self._log.info("the gateway took an SMS to …{last}", last=phone[-2:])

    async def _exchange(self, phone: str, text: str) -> None:
        connections = _Connections(self._reactor)
        try:
            await self._ask(self._client(connections), {"phone": phone, "text": text})
        except BaseException:
            connections.cut()
            raise

    def _client(self, connections: "_Connections") -> Any:
        agent = Agent(self._reactor, self._tls, connectTimeout=self._settings.timeout, pool=connections)
        return HTTPClient(agent, IndexableCookieJar(DefaultCookiePolicy(allowed_domains=[])))

    async def _ask(self, client: Any, values: dict[str, str]) -> None:
        response = await client.request(
            self._settings.method,
            _filled(self._url, values, _in_url),
            headers={name: _filled(value, values, _in_header) for name, value in self._headers.items()},
            data=_filled(self._settings.body, values, self._quote_in_body).encode(),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        answer = _Answer()
        if response.code not in self._settings.success_status:
            failure = await self._refusal(response, answer)
            raise SmsFailed(f"the gateway answered with status {response.code}", failure)
        # Also where nobody looks at it: an answer cut short is no yes.
        await response.collect(answer.add)
        if self._settings.success_path is not None:
            self._check(answer, self._settings.success_path)

    async def _refusal(self, response: Any, answer: "_Answer") -> SmsFailure:
        """What a status that is no yes means."""
        if self._settings.failure_path is not None:
            await response.collect(answer.add)
        told = self._told(answer)
        return told or self._configured.get(response.code) or _OF_STATUS.get(response.code, SmsFailure.UNKNOWN)

    def _told(self, answer: "_Answer") -> SmsFailure | None:
        """What the answer says at ``failure_path``."""
        if self._settings.failure_path is None:
            return None
        try:
            value = _value_at(answer.json(), self._settings.failure_path)
        except SmsFailed:
            return None
        return self._configured.get(value) if isinstance(value, str | int) else None

    def _check(self, answer: "_Answer", path: str) -> None:
        try:
            accepted = self._is_yes(answer.json(), path)
        except SmsFailed as error:
            raise SmsFailed(str(error), self._told(answer) or SmsFailure.UNKNOWN) from None
        if not accepted:
            told = self._told(answer) or SmsFailure.UNKNOWN
            raise SmsFailed(f"the gateway's answer tells of no success at {path}", told)

    def _is_yes(self, answer: Any, path: str) -> bool:
        value, wanted = _value_at(answer, path), self._settings.success_value
        if wanted is None:
            return value is not None and value is not False
        # To Python, but not to JSON, 1 and true are the same.
        return bool(value == wanted and isinstance(value, bool) == isinstance(wanted, bool))


class _Connections(HTTPConnectionPool):
    """The connections of one exchange.

    What a response calls its transport can only be closed politely, and TLS waits for a silent peer's farewell
    forever; so the connections themselves are kept at hand.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor, persistent=False)
        self._made: list[Any] = []

    def getConnection(self, key: Any, endpoint: Any) -> Any:
        return super().getConnection(key, endpoint).addCallback(self._keep)

    def _keep(self, connection: Any) -> Any:
        self._made.append(connection)
        return connection

    def cut(self) -> None:
        """Close them at once, whatever is under way."""
        for connection in self._made:
            connection.transport.abortConnection()


class _Answer:
    """The body of an answer, as it comes in."""

    def __init__(self) -> None:
        self._body = bytearray()

    def add(self, data: bytes) -> None:
        if len(self._body) + len(data) > ANSWER_LIMIT:
            raise SmsFailed("the gateway's answer is too large")
        self._body += data

    def json(self) -> Any:
        try:
            return orjson.loads(self._body)
        except orjson.JSONDecodeError:
            raise SmsFailed("the gateway's answer is not JSON") from None


def _too_late(_result: object, seconds: float) -> Failure:
    return Failure(SmsFailed(f"the gateway did not answer within {seconds:g} s"))


def _kind(error: BaseException) -> str:
    """The kind of the first cause: Twisted's client wraps what happened to the connection."""
    reasons = getattr(error, "reasons", None)
    return _kind(reasons[0].value) if reasons else type(error).__name__


def _failure_of(error: Exception) -> SmsFailure:
    """What an error means that happened to the connection."""
    if isinstance(error, ConnectError | DNSLookupError):
        return SmsFailure.RETRY  # nothing was sent yet
    return SmsFailure.MISCONFIGURED if isinstance(error, ValueError) else SmsFailure.UNKNOWN


def _filled(template: str, values: dict[str, str], quoted: Quote) -> str:
    # One pass, so that braces in an SMS stay what they are.
    return _PLACE.sub(lambda place: quoted(values[place[1]]), template)


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _in_header(value: str) -> str:
    return value.replace("\r", "").replace("\n", "")


def _in_json(value: str) -> str:
    """Inside the quotes that the template has; in ASCII, so that no charset of a header can spoil it."""
    return json.dumps(value)[1:-1]


def _quote_for(media: str | None) -> Quote:
    if media is None:
        return str
    if media == _JSON or media.endswith("+json"):
        return _in_json
    return quote_plus if media == _FORM else str


def _media_type(headers: dict[str, str]) -> str | None:
    for name, value in headers.items():
        if name.lower() == "content-type":
            return value.partition(";")[0].strip().lower()
    return None


def _looks_like_json(body: str) -> bool:
    return body.lstrip().startswith(("{", "[")) and not _PLACE.match(body.lstrip())


def _value_at(answer: Any, path: str) -> Any:
    """The value at a dotted path; SmsFailed where there is none."""
    value = answer
    try:
        for step in path.split("."):
            value = value[int(step) if isinstance(value, list) else step]
    except (KeyError, IndexError, ValueError, TypeError):
        raise SmsFailed(f"the gateway's answer has nothing at {path}") from None
    return value
