"""The chain of SMS senders."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from justchat.errors import SmsFailed, SmsFailure
from justchat.interfaces.outbound import ISmsSender
from justchat.metrics.declarations import SMS_CHAIN
from justchat.model.phone import Phone
from justchat.outbound.sms.chain import Chain, Link
from tests.support.gateway import Counts

RUSSIAN, BRITISH = Phone("79223438450"), Phone("447400123456")
TEXT, KEY = "Your key: 271828", "271828"


@implementer(ISmsSender)
class Sender:
    """Fails as it is told, or waits for ``answer``."""

    def __init__(self, failure: SmsFailure | None = None, answer: "Deferred[None] | None" = None) -> None:
        self.failure = failure
        self.answer = answer
        self.sent: list[Phone] = []

    async def send(self, phone: Phone, text: str, key: str | None = None) -> None:
        self.sent.append(phone)
        if self.answer is not None:
            await self.answer
        if self.failure is not None:
            raise SmsFailed("its reason", self.failure)


def link(sender: Sender, name: str = "a", **options: Any) -> Link:
    return Link(name=name, sender=sender, **options)


class ChainTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.counts = Counts()

    def send(self, *links: Link, phone: Phone = RUSSIAN, key: str | None = KEY) -> "Deferred[None]":
        return Deferred.fromCoroutine(Chain(links, 10, self.clock, self.counts).send(phone, TEXT, key))

    def test_first(self) -> None:
        """While the first sender accepts, no other is asked."""
        first, second = Sender(), Sender()

        self.successResultOf(self.send(link(first), link(second)))

        self.assertEqual(([RUSSIAN], []), (first.sent, second.sent))

    def test_next(self) -> None:
        """After any failure the next sender is asked for a key, even where the key may have been sent."""
        for failure in SmsFailure:
            first, second = Sender(failure), Sender()

            self.successResultOf(self.send(link(first), link(second)))

            self.assertEqual(([RUSSIAN], [RUSSIAN]), (first.sent, second.sent))

    def test_no_second_invitation(self) -> None:
        """Where an SMS other than a key may have been sent, no other sender is asked; otherwise the next one is."""
        unsure, refusing, last = Sender(SmsFailure.UNKNOWN), Sender(SmsFailure.NO_FUNDS), Sender()

        error = self.failureResultOf(self.send(link(refusing), link(unsure), link(last), key=None), SmsFailed)

        self.assertEqual((SmsFailure.UNKNOWN, [RUSSIAN], []), (error.value.failure, unsure.sent, last.sent))

    def test_countries(self) -> None:
        """A sender with countries serves their phones alone."""
        russian, others = Sender(), Sender()
        links = (link(russian, countries=frozenset({"RU"})), link(others))

        for phone in (RUSSIAN, BRITISH):
            self.successResultOf(self.send(*links, phone=phone))

        self.assertEqual(([RUSSIAN], [BRITISH]), (russian.sent, others.sent))

    def test_only_keys(self) -> None:
        """A sender of keys is passed over for other SMS."""
        keys, texts = Sender(), Sender()

        self.successResultOf(self.send(link(keys, only_keys=True), link(texts), key=None))

        self.assertEqual(([], [RUSSIAN]), (keys.sent, texts.sent))

    def test_nobody(self) -> None:
        """Where no sender serves a phone, the chain fails and has cost nothing."""
        error = self.failureResultOf(self.send(link(Sender(), countries=frozenset({"RU"})), phone=BRITISH), SmsFailed)

        self.assertEqual("no sender sends keys to GB", str(error.value))
        self.assertTrue(error.value.costs_nothing)

    def test_failure_of_all(self) -> None:
        """What may have been sent counts, and a bad number does, whatever came after; else it has cost nothing."""
        unknown, bad, retry = SmsFailure.UNKNOWN, SmsFailure.BAD_NUMBER, SmsFailure.RETRY
        expected = {(unknown, retry): unknown, (bad, retry): bad, (bad, unknown): unknown, (retry, retry): retry}

        found = {
            pair: self.failureResultOf(self.send(*(link(Sender(each)) for each in pair)), SmsFailed).value.failure
            for pair in expected
        }

        self.assertEqual(expected, found)

    def test_counted(self) -> None:
        """Metrics tell whether the first sender took an SMS, a later one, or none."""
        before = dict(SMS_CHAIN.series)

        self.successResultOf(self.send(link(Sender()), link(Sender())))
        self.successResultOf(self.send(link(Sender(), countries=frozenset({"GB"})), link(Sender())))
        self.successResultOf(self.send(link(Sender(SmsFailure.RETRY)), link(Sender())))
        self.failureResultOf(self.send(link(Sender(SmsFailure.RETRY))), SmsFailed)

        grown = {taker: count - before[taker,] for (taker,), count in SMS_CHAIN.series.items()}
        self.assertEqual({"first": 2, "later": 1, "none": 1}, {taker: grown[taker] for taker in grown if grown[taker]})

    def test_time(self) -> None:
        """The chain ends when its time is over, whoever has not answered; senders that are left are not asked."""
        slow = Sender(SmsFailure.RETRY, self.answer_after(6))
        silent, last = Sender(answer=Deferred()), Sender()
        sending = self.send(link(slow), link(silent), link(last))

        self.clock.advance(6)
        self.clock.advance(3.9)
        self.assertNoResult(sending)
        self.clock.advance(0.1)

        error = self.failureResultOf(sending, SmsFailed).value
        self.assertEqual((SmsFailure.UNKNOWN, [RUSSIAN], []), (error.failure, silent.sent, last.sent))

    def answer_after(self, seconds: float) -> "Deferred[None]":
        answer: Deferred[None] = Deferred()
        self.clock.callLater(seconds, answer.callback, None)
        return answer

    def test_log(self) -> None:
        """Each failure is logged with the sender's name, without the text or the complete phone."""
        lines: list[LogEvent] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)

        self.successResultOf(self.send(link(Sender(SmsFailure.NO_FUNDS), "cheap"), link(Sender(), "dear")))

        said = [event["log_format"].format(**event) for event in lines if "name" in event]
        self.assertEqual(["cheap did not send an SMS to …50 (no-funds): its reason"], said)

    def test_counts(self) -> None:
        """Each attempt is counted with its outcome."""
        self.successResultOf(self.send(link(Sender(SmsFailure.NO_FUNDS), "cheap"), link(Sender(), "dear")))

        self.assertEqual({("cheap", "no-funds"): 1, ("dear", "accepted"): 1}, self.counts.counted)
