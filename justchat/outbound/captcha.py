"""Checks captchas with their provider, by siteverify, which hCaptcha, reCAPTCHA and Turnstile share."""

from typing import Any, NoReturn
from urllib.parse import urlencode

import orjson
from twisted.logger import Logger
from zope.interface import implementer

from justchat.config.settings import Captcha
from justchat.errors import CaptchaFailed, Unavailable
from justchat.interfaces.outbound import ICaptcha
from justchat.outbound.http_client import HttpClient, NoAnswer

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@implementer(ICaptcha)
class NoCaptcha:
    """Accepts every sign-up."""

    async def check(self, token: str | None) -> None:
        pass


@implementer(ICaptcha)
class CaptchaProvider:
    """See ICaptcha. Nobody passes while the provider does not answer: else robots would pass during a flood of it."""

    _log = Logger()

    def __init__(self, settings: Captcha, reactor: Any) -> None:
        assert settings.url is not None and settings.secret is not None, "the settings have checked it"
        self._url = settings.url
        self._secret = settings.secret
        self._client = HttpClient("the captcha's provider", settings.timeout, reactor)

    async def check(self, token: str | None) -> None:
        if not token:
            raise CaptchaFailed
        form = urlencode({"secret": self._secret, "response": token}).encode()
        try:
            status, answer = await self._client.request("POST", self._url, _FORM, form)
            verdict = orjson.loads(answer) if status == 200 else None
        except (NoAnswer, orjson.JSONDecodeError) as error:
            self._unavailable(str(error) if isinstance(error, NoAnswer) else "its answer is not JSON")
        if not isinstance(verdict, dict):
            self._unavailable(f"it answered with status {status}")
        if verdict.get("success") is not True:
            raise CaptchaFailed

    def _unavailable(self, reason: str) -> NoReturn:
        self._log.error("nobody can sign up: the captcha cannot be checked: {reason}", reason=reason)
        raise Unavailable("the captcha cannot be checked now; nothing was stored")
