"""Calls to other servers, as the settings ask for them: SMS and captchas."""

from time import monotonic
from typing import Any

from justchat.config.settings import Settings
from justchat.interfaces.hooks import IBeforeMessage
from justchat.interfaces.outbound import ICaptcha, ISmsSender
from justchat.interfaces.tokens import ITokens
from justchat.model.moment import now
from justchat.outbound.before_message import BeforeMessage
from justchat.outbound.captcha import CaptchaProvider, NoCaptcha
from justchat.outbound.sms.breaker import Breaker
from justchat.outbound.sms.gateway import Gateway
from justchat.outbound.sms.outbox import Outbox
from justchat.outbound.tokens import NoTokens, Tokens


def make_sms_sender(settings: Settings, reactor: Any) -> ISmsSender:
    """The SMS sender of ``[sms] sender``."""
    if settings.sms.sender == "http":
        return Breaker(Gateway(settings.sms, reactor), monotonic)
    return Outbox(settings.data_dir / "sms-outbox.jsonl", now)


def make_tokens(settings: Settings, reactor: Any) -> ITokens:
    """The issuers of ``[[auth.issuers]]``."""
    return Tokens(settings.auth.issuers, reactor) if settings.auth.issuers else NoTokens()


def make_before_message(settings: Settings, reactor: Any) -> IBeforeMessage | None:
    """The hook of ``[hooks.before_message]``; None without one, so that messages cost nothing more."""
    hook = settings.hooks.before_message
    return None if hook is None else BeforeMessage(hook, settings.limits.text, reactor, now)


def make_captcha(settings: Settings, reactor: Any) -> ICaptcha:
    """The captcha check of ``[captcha]``; without a provider it accepts every sign-up."""
    return CaptchaProvider(settings.captcha, reactor) if settings.captcha.is_configured else NoCaptcha()
