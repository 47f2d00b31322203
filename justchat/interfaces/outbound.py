"""What actions ask of services elsewhere: SMS and captchas."""

from zope.interface import Interface

from justchat.model.phone import Phone


class ICaptcha(Interface):
    """Tells people from robots."""

    async def check(token: str | None) -> None:
        """Raises CaptchaFailed unless the token is of a captcha that was solved; Unavailable where it cannot tell."""


class ISmsSender(Interface):
    """Sends one SMS."""

    async def send(phone: Phone, text: str) -> None:
        """Send ``text``; raises SmsFailed when it was not, or perhaps not, accepted."""
