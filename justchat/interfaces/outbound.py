"""What actions ask of external services: SMS gateways and captchas."""

from zope.interface import Interface

from justchat.model.phone import Phone
from justchat.model.sms_count import SmsCount


class ICaptcha(Interface):
    """Verifies captcha tokens."""

    async def check(token: str | None) -> None:
        """Raises CaptchaFailed unless the token proves a solved captcha; Unavailable where that cannot be verified."""


class ISmsSender(Interface):
    """Sends SMS."""

    async def send(phone: Phone, text: str, key: str | None = None) -> None:
        """Send ``text`` to a phone; ``key`` is the key in it, for a provider that has a text of its own.

        Raises SmsFailed where the gateway did not, or may not, have accepted it.
        """


class ISmsCounts(Interface):
    """Counts SMS by day, sender and outcome."""

    async def add(sender: str, outcome: str) -> None:
        """Count one. Raises DatabaseAway."""

    async def add_reported(sender: str, sms: str, outcome: str) -> bool:
        """Count an outcome that a provider reports of an SMS, by its own id. Returns False for one that is counted
        already. Raises DatabaseAway; a repeated report then counts, unless the database did what has no answer.
        """

    async def latest(days: int) -> list[SmsCount]:
        """The counts of the last days, the latest first."""
