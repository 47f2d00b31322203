"""A chain of SMS senders: where one did not send an SMS, the next one is asked, all within one time."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import ApiError, SmsFailed, SmsFailure
from justchat.interfaces.outbound import ISmsCounts, ISmsSender
from justchat.metrics.declarations import SMS, SMS_CHAIN
from justchat.model.phone import Phone, country_of
from justchat.model.sms_count import ACCEPTED


@frozen(kw_only=True)
class Link:
    """A sender of a chain, and what it is for."""

    name: str
    sender: ISmsSender
    countries: frozenset[str] = frozenset()
    """Regions whose phones it serves; empty for all."""
    only_keys: bool = False

    def serves(self, phone: Phone, key: str | None) -> bool:
        """Whether it can send this SMS."""
        if self.only_keys and key is None:
            return False
        return not self.countries or country_of(phone) in self.countries


@implementer(ISmsSender)
class Chain:
    """Asks one sender after another, until one accepts or ``timeout`` seconds are over.

    After a failure with an unknown outcome the next one is asked for a key alone: somebody waits for it, and both SMS
    would have the same key. Anything else could be paid twice for nothing.
    """

    _log = Logger()

    def __init__(self, links: Sequence[Link], timeout: float, reactor: Any, counts: ISmsCounts) -> None:
        self._links = links
        self._timeout = timeout
        self._reactor = reactor
        self._counts = counts
        for link in links:  # shown from the start, so that the first failure is a change
            for outcome in (ACCEPTED, *(failure.value for failure in SmsFailure)):
                SMS.count(link.name, outcome, by=0)

    async def send(self, phone: Phone, text: str, key: str | None = None) -> None:
        """See ISmsSender. The failure that is raised is the one that says most about what was, or may be, sent."""
        deadline = self._reactor.seconds() + self._timeout
        failed: list[SmsFailed] = []
        for link in self._links:
            left = deadline - self._reactor.seconds()
            if left <= 0 or (failed and failed[-1].failure is SmsFailure.UNKNOWN and key is None):
                break
            if link.serves(phone, key):
                try:
                    await self._attempt(link, phone, text, key, left)
                except SmsFailed as error:
                    failed.append(error)
                    self._tell(link, phone, error)
                    await self._count(link, error.failure.value)
                else:
                    SMS_CHAIN.count("later" if failed else "first")
                    return await self._count(link, ACCEPTED)
        SMS_CHAIN.count("none")
        if not failed:
            what = "SMS" if key is None else "keys"
            raise SmsFailed(f"no sender sends {what} to {country_of(phone)}", SmsFailure.MISCONFIGURED)
        raise max(reversed(failed), key=_weight)

    async def _attempt(self, link: Link, phone: Phone, text: str, key: str | None, seconds: float) -> None:
        sending = Deferred.fromCoroutine(link.sender.send(phone, text, key))
        sending.addTimeout(seconds, self._reactor, _out_of_time)
        await sending

    async def _count(self, link: Link, outcome: str) -> None:
        SMS.count(link.name, outcome)
        try:
            await self._counts.add(link.name, outcome)
        except ApiError as error:  # an SMS that was sent stays sent without the database
            self._log.warn("an SMS of {name} is not counted: {error}", name=link.name, error=error)

    def _tell(self, link: Link, phone: Phone, error: SmsFailed) -> None:
        if len(self._links) > 1:  # the failure of a single one is logged by the action
            self._log.warn(
                "{name} did not send an SMS to …{last} ({failure}): {error}",
                name=link.name,
                last=phone[-2:],
                failure=error.failure.value,
                error=error.details,
            )


def _out_of_time(_result: object, _seconds: float) -> Failure:
    return Failure(SmsFailed("the time of the chain is over", SmsFailure.UNKNOWN))


def _weight(error: SmsFailed) -> int:
    """What may have been sent outweighs a bad number, which outweighs what costs nothing."""
    if error.failure is SmsFailure.UNKNOWN:
        return 2
    return 0 if error.costs_nothing else 1
