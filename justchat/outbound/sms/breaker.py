"""A circuit breaker: once the SMS gateway reports that it has no funds, it is called only now and then."""

from collections.abc import Callable

from twisted.logger import Logger
from zope.interface import implementer

from justchat.errors import SmsFailed, SmsFailure
from justchat.interfaces.outbound import ISmsSender
from justchat.model.phone import Phone

PAUSE = 60.0
"""Seconds between two attempts while there are no funds."""


@implementer(ISmsSender)
class Breaker:
    """Sends through ``sender`` while that has funds. ``seconds`` is a monotonic clock."""

    _log = Logger()

    def __init__(self, sender: ISmsSender, seconds: Callable[[], float]) -> None:
        self._sender = sender
        self._seconds = seconds
        self._retry_at: float | None = None
        """The time of the next attempt; None while the gateway has funds."""

    async def send(self, phone: Phone, text: str, key: str | None = None) -> None:
        now = self._seconds()
        if self._retry_at is not None:
            if now < self._retry_at:
                raise SmsFailed("the gateway has no funds, and is not called for now", SmsFailure.NO_FUNDS)
            self._retry_at = now + PAUSE  # meanwhile this attempt is the only one
        try:
            await self._sender.send(phone, text, key)
        except SmsFailed as error:
            if error.failure is SmsFailure.NO_FUNDS:
                if self._retry_at is None:
                    self._log.critical("the SMS gateway has no funds left: no keys are sent until it has")
                self._retry_at = self._seconds() + PAUSE
            raise
        if self._retry_at is not None:
            self._log.info("the SMS gateway has funds again")
            self._retry_at = None
