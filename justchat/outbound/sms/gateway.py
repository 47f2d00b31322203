"""Sends SMS through any gateway that speaks HTTP. URL, headers and body are templates of the settings.

``{phone}``, ``{text}`` and ``{key}`` are replaced, and quoted for their place: as JSON strings in a JSON body,
percent-encoded in a URL or a form. The status and, where ``success_path`` is set, a value in a JSON answer decide about
success.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
from twisted.logger import Logger
from zope.interface import implementer

from justchat.config.sms import SmsSender
from justchat.errors import SmsFailed, SmsFailure
from justchat.interfaces.outbound import ISmsSender
from justchat.model.phone import Phone
from justchat.outbound.http_client import HttpClient, NoAnswer
from justchat.outbound.sms.excerpt import excerpt

Quote = Callable[[str], str]

_PLACE = re.compile(r"\{(phone|text|key)\}")
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
"""What a status means (RFC 9110, section 15). With any other, it is unknown whether the SMS was sent."""


@implementer(ISmsSender)
class Gateway:
    """Makes one HTTP request per SMS, each over a connection of its own.

    The reason of a failure quotes nothing of the request, and of the answer the codes alone that the settings know:
    either may contain the key or a secret. The excerpt of the answer has no value of the request.
    """

    _log = Logger()

    def __init__(self, settings: SmsSender, reactor: Any) -> None:
        assert settings.url is not None, "the settings have checked it"
        self._settings = settings
        self._url = settings.url
        self._client = HttpClient("the gateway", settings.timeout, reactor)
        self._headers = dict(settings.headers)
        media = _media_type(self._headers)
        if media is None and _looks_like_json(settings.body):
            self._headers["Content-Type"] = media = _JSON
        self._quote_in_body = _quote_for(media)
        self._configured = {value: SmsFailure(name) for name, values in settings.failures.items() for value in values}

    async def send(self, phone: Phone, text: str, key: str | None = None) -> None:
        if key is None and self._settings.sends_only_keys:
            raise SmsFailed("the gateway sends keys alone", SmsFailure.MISCONFIGURED)
        values = {"phone": phone, "text": text, "key": key or ""}
        url = _fill(self._url, values, _in_url)
        headers = {name: _fill(value, values, _in_header) for name, value in self._headers.items()}
        body = _fill(self._settings.body, values, self._quote_in_body)
        try:
            status, answer = await self._client.request(self._settings.method, url, headers, body.encode())
        except NoAnswer as error:
            raise SmsFailed(str(error), _failure_of(error)) from None
        refusal = self._refusal(status, answer, phone)
        if refusal is not None:
            code, failure = self._failure(status, answer, phone)
            shown = excerpt(answer, url=url, headers=headers, body=body, values=values.values())
            raise SmsFailed(refusal if code is None else f"{refusal}, for the reason {code}", failure, shown)
        self._log.info("the gateway took an SMS to …{last}", last=phone[-2:])

    def _refusal(self, status: int, answer: bytes, phone: Phone) -> str | None:
        """The reason the gateway refused; None where it accepted."""
        if status not in self._settings.success_status:
            return f"the gateway answered with status {status}"
        path, wanted = self._settings.success_path, self._settings.success_value
        if path is None:
            return None
        try:
            value = _value_at(answer, path, phone)
        except ValueError as error:
            return str(error)
        if wanted is None:
            accepted = value is not None and value is not False
        else:
            # 1 and true are equal in Python, but not in JSON.
            accepted = value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
        return None if accepted else f"the gateway's answer reports no success at {path}"

    def _failure(self, status: int, answer: bytes, phone: Phone) -> tuple[str | int | None, SmsFailure]:
        """The code that the gateway gave, where the settings know it, and the kind of failure that the answer means.

        A code that the settings do not know is not quoted: it may be a secret that the gateway repeats.
        """
        paths = self._settings.failure_path or ()
        for path in (paths,) if isinstance(paths, str) else paths:
            try:
                value = _value_at(answer, path, phone)
            except ValueError:
                continue
            if isinstance(value, str | int) and value in self._configured:
                return value, self._configured[value]
        if paths and status in self._settings.success_status:
            # It says nothing. A gateway's own code of the same number, as SMS.ru's 200 (wrong key), is not meant.
            return None, SmsFailure.UNKNOWN
        return None, self._configured.get(status) or _OF_STATUS.get(status, SmsFailure.UNKNOWN)


def _failure_of(error: NoAnswer) -> SmsFailure:
    if error.unreachable:
        return SmsFailure.RETRY
    return SmsFailure.MISCONFIGURED if error.unsendable else SmsFailure.UNKNOWN


def _fill(template: str, values: dict[str, str], quoted: Quote) -> str:
    # One pass, so that {phone} in the text of an SMS is not replaced.
    return _PLACE.sub(lambda place: quoted(values[place[1]]), template)


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _in_header(value: str) -> str:
    return value.replace("\r", "").replace("\n", "")


def _in_json(value: str) -> str:
    """The template has the quotes. ASCII alone, so that the charset of a header does not matter."""
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


def _value_at(answer: bytes, path: str, phone: Phone) -> Any:
    """The value at a dotted path of a JSON answer, in which ``{phone}`` is replaced. Raises ValueError without one."""
    try:
        value = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise ValueError("the gateway's answer is not JSON") from None
    try:
        for step in path.replace("{phone}", phone).split("."):
            value = value[int(step) if isinstance(value, list) else step]
    except (KeyError, IndexError, ValueError, TypeError):
        raise ValueError(f"the gateway's answer has nothing at {path}") from None
    return value
