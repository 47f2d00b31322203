"""A breaker before a gateway: once it says that there are no funds, it is not asked for a while."""

from collections.abc import Callable

from twisted.logger import Logger
from zope.interface import implementer

from justchat.errors import SmsFailed, SmsFailure
from justchat.interfaces.outbound import ISmsSender
from justchat.model.phone import Phone

PAUSE = 60.0
"""Seconds until one SMS tries again."""


@implementer(ISmsSender)
class Breaker:
    """Sends by ``sender``, as long as that has funds; ``seconds`` is a clock."""

    _log = Logger()

    def __init__(self, sender: ISmsSender, seconds: Callable[[], float]) -> None:
        self._sender = sender
        self._seconds = seconds
        self._again_at: float | None = None
        """None while it is closed."""

    async def send(self, phone: Phone, text: str) -> None:
        now = self._seconds()
        if self._again_at is not None:
            if now < self._again_at:
                raise SmsFailed("the gateway has no funds, and is not asked for now", SmsFailure.NO_FUNDS)
            self._again_at = now + PAUSE  # this one tries for all
        try:
            await self._sender.send(phone, text)
        except SmsFailed as error:
            if error.failure is SmsFailure.NO_FUNDS:
                if self._again_at is None:
                    self._log.critical("the SMS gateway has no funds left: no keys are sent until it has")
                self._again_at = self._seconds() + PAUSE
            raise
        if self._again_at is not None:
            self._log.info("the SMS gateway has funds again")
            self._again_at = None
