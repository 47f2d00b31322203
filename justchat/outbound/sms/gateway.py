"""Any SMS gateway that speaks HTTP: URL, headers and body are templates from the configuration.

``{phone}`` and ``{text}`` are filled in, quoted for where they stand: as JSON strings in a JSON body, by percent
in a URL or a form. Success is told by the status and, where ``success_path`` is set, by a value in a JSON answer.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
from twisted.logger import Logger
from zope.interface import implementer

from justchat.config.settings import Sms
from justchat.errors import SmsFailed, SmsFailure
from justchat.interfaces.outbound import ISmsSender
from justchat.model.phone import Phone
from justchat.outbound.http_client import HttpClient, NoAnswer

Quote = Callable[[str], str]

_PLACE = re.compile(r"\{(phone|text)\}")
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


_OF_STATUS = {
    401: SmsFailure.MISCONFIGURED,
    402: SmsFailure.NO_FUNDS,
    403: SmsFailure.MISCONFIGURED,
    404: SmsFailure.MISCONFIGURED,
    405: SmsFailure.MISCONFIGURED,
    415: SmsFailure.MISCONFIGURED,
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
        self._asker = HttpClient("the gateway", settings.timeout, reactor)
        self._headers = dict(settings.headers)
        media = _media_type(self._headers)
        if media is None and _looks_like_json(settings.body):
            self._headers["Content-Type"] = media = _JSON
        self._quote_in_body = _quote_for(media)
        self._configured = {value: SmsFailure(name) for name, values in settings.failures.items() for value in values}

    async def send(self, phone: Phone, text: str) -> None:
        values = {"phone": phone, "text": text}
        try:
            status, answer = await self._asker.ask(
                self._settings.method,
                _filled(self._url, values, _in_url),
                {name: _filled(value, values, _in_header) for name, value in self._headers.items()},
                _filled(self._settings.body, values, self._quote_in_body).encode(),
            )
        except NoAnswer as error:
            raise SmsFailed(str(error), _failure_of(error)) from None
        wrong = self._wrong(status, answer)
        if wrong is not None:
            raise SmsFailed(wrong, self._failure(status, answer))
        self._log.info("the gateway took an SMS to …{last}", last=phone[-2:])

    def _wrong(self, status: int, answer: bytes) -> str | None:
        """Why this answer is no yes; None where it is one."""
        if status not in self._settings.success_status:
            return f"the gateway answered with status {status}"
        path, wanted = self._settings.success_path, self._settings.success_value
        if path is None:
            return None
        try:
            value = _value_at(answer, path)
        except ValueError as error:
            return str(error)
        if wanted is None:
            accepted = value is not None and value is not False
        else:
            # To Python, but not to JSON, 1 and true are the same.
            accepted = value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
        return None if accepted else f"the gateway's answer tells of no success at {path}"

    def _failure(self, status: int, answer: bytes) -> SmsFailure:
        """What an answer means that is no yes."""
        if self._settings.failure_path is not None:
            try:
                told = _value_at(answer, self._settings.failure_path)
            except ValueError:
                told = None
            if isinstance(told, str | int) and told in self._configured:
                return self._configured[told]
        return self._configured.get(status) or _OF_STATUS.get(status, SmsFailure.UNKNOWN)


def _failure_of(error: NoAnswer) -> SmsFailure:
    if error.unreachable:
        return SmsFailure.RETRY
    return SmsFailure.MISCONFIGURED if error.unsendable else SmsFailure.UNKNOWN


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


def _value_at(answer: bytes, path: str) -> Any:
    """The value at a dotted path of a JSON answer; ValueError where there is none."""
    try:
        value = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise ValueError("the gateway's answer is not JSON") from None
    try:
        for step in path.split("."):
            value = value[int(step) if isinstance(value, list) else step]
    except (KeyError, IndexError, ValueError, TypeError):
        raise ValueError(f"the gateway's answer has nothing at {path}") from None
    return value
