"""Calls to other servers, as the settings ask for them: SMS and captchas."""

from time import monotonic
from typing import Any

from justchat.config.settings import Settings
from justchat.config.sms import ChainedSender, Sms, SmsSender
from justchat.interfaces.hooks import IBeforeMessage
from justchat.interfaces.outbound import ICaptcha, ISmsCounts, ISmsSender
from justchat.interfaces.tokens import ITokens
from justchat.metrics.declarations import BEFORE_MESSAGE_OPEN
from justchat.model.moment import now
from justchat.outbound.before_message import BeforeMessage
from justchat.outbound.captcha import CaptchaProvider, NoCaptcha
from justchat.outbound.sms.breaker import Breaker
from justchat.outbound.sms.chain import Chain, Link
from justchat.outbound.sms.gateway import Gateway
from justchat.outbound.sms.outbox import Outbox
from justchat.outbound.sms.presets import as_http
from justchat.outbound.sms.reports import report_path
from justchat.outbound.tokens import NoTokens, Tokens


def make_sms_sender(settings: Settings, reactor: Any, counts: ISmsCounts) -> ISmsSender:
    """The senders of ``[sms]``, as a chain."""
    sms = settings.sms
    made = [(each, as_http(each, _report_address(sms, each))) for each in sms.senders]
    links = [
        Link(
            name=each.called,
            sender=_make_sender(settings, http, reactor),
            countries=frozenset(each.countries),
            only_keys=http.sends_only_keys,
        )
        for each, http in made
    ]
    return Chain(links, sms.chain_timeout if sms.chain else sms.timeout + 1, reactor, counts)


def _report_address(sms: Sms, sender: ChainedSender) -> str | None:
    if sms.report_url is None or sms.report_secret is None:
        return None
    return sms.report_url + report_path(sms.report_secret, sender.called)


def _make_sender(settings: Settings, sender: SmsSender, reactor: Any) -> ISmsSender:
    if sender.sender == "outbox":
        return Outbox(settings.data_dir / "sms-outbox.jsonl", now)
    return Breaker(Gateway(sender, reactor), monotonic)


def make_tokens(settings: Settings, reactor: Any) -> ITokens:
    """The issuers of ``[[auth.issuers]]``."""
    return Tokens(settings.auth.issuers, reactor) if settings.auth.issuers else NoTokens()


def make_before_message(settings: Settings, reactor: Any) -> IBeforeMessage | None:
    """The hook of ``[hooks.before_message]``; None without one, so that messages cost nothing more."""
    BEFORE_MESSAGE_OPEN.set(0)
    hook = settings.hooks.before_message
    return None if hook is None else BeforeMessage(hook, settings.limits.text, reactor, now)


def make_captcha(settings: Settings, reactor: Any) -> ICaptcha:
    """The captcha check of ``[captcha]``; without a provider it accepts every sign-up."""
    return CaptchaProvider(settings.captcha, reactor) if settings.captcha.is_configured else NoCaptcha()
