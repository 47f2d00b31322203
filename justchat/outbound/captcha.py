"""A captcha's provider is asked whether it was a human who solved one: siteverify, as hCaptcha, reCAPTCHA and Turnstile
have it alike.
"""

from typing import Any, NoReturn
from urllib.parse import urlencode

import orjson
from twisted.logger import Logger
from zope.interface import implementer

from justchat.config.settings import Captcha as Settings
from justchat.errors import CaptchaFailed, Unavailable
from justchat.interfaces.outbound import ICaptcha
from justchat.outbound.http_client import HttpClient, NoAnswer

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@implementer(ICaptcha)
class NoCaptcha:
    """Lets everybody in."""

    async def check(self, token: str | None) -> None:
        pass


@implementer(ICaptcha)
class Captcha:
    """See ICaptcha. Where the provider cannot be asked, nobody is let in: else whoever floods it could walk in."""

    _log = Logger()

    def __init__(self, settings: Settings, reactor: Any) -> None:
        assert settings.url is not None and settings.secret is not None, "the settings have checked it"
        self._url = settings.url
        self._secret = settings.secret
        self._asker = HttpClient("the captcha's provider", settings.timeout, reactor)

    async def check(self, token: str | None) -> None:
        if not token:
            raise CaptchaFailed
        form = urlencode({"secret": self._secret, "response": token}).encode()
        try:
            status, answer = await self._asker.ask("POST", self._url, _FORM, form)
            said = orjson.loads(answer) if status == 200 else None
        except (NoAnswer, orjson.JSONDecodeError) as error:
            self._away(str(error) if isinstance(error, NoAnswer) else "its answer is not JSON")
        if not isinstance(said, dict):
            self._away(f"it answered with status {status}")
        if said.get("success") is not True:
            raise CaptchaFailed

    def _away(self, reason: str) -> NoReturn:
        self._log.error("nobody can sign up: the captcha cannot be checked: {reason}", reason=reason)
        raise Unavailable("the captcha cannot be checked now; nothing was stored")
