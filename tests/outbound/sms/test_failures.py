"""Failures of the SMS gateway, and its circuit breaker."""

from twisted.internet import reactor
from twisted.internet.task import Clock

from justchat.config.sms import Sms
from justchat.errors import SmsFailed, SmsFailure
from justchat.outbound.sms.breaker import PAUSE, Breaker
from justchat.outbound.sms.gateway import Gateway
from tests.support.gateway import PHONE, TEXT, GatewayCase, headers_only, never, with_status

OWN_WORDS = {
    "failure_path": "error.code",
    "failures": {"no-funds": ("BROKE", 7, 499), "bad-number": ("NOBODY",), "retry": ("BUSY",)},
}


class Failures(GatewayCase):
    async def test_statuses(self) -> None:
        """Statuses are classified by their meaning; with an unclear one the outcome is unknown."""
        found = {
            status: (await self.failed(with_status(status))).failure.value
            for status in (400, 401, 402, 403, 404, 422, 429, 503, 500, 502, 504, 302, 418)
        }

        expected = {400: "unknown", 422: "unknown", 402: "no-funds", 429: "retry", 503: "retry"}
        expected |= dict.fromkeys((401, 403, 404), "misconfigured")
        expected |= dict.fromkeys((500, 502, 504, 302, 418), "unknown")
        self.assertEqual(expected, found)

    async def test_own_words(self) -> None:
        """A gateway's own codes decide over its status, with a status of success too."""
        found = [
            (await self.failed(with_status(status, body), success_path="ok", **OWN_WORDS)).failure.value
            for status, body in (
                (200, b'{"error": {"code": "BROKE"}}'),
                (200, b'{"error": {"code": 7}}'),
                (400, b'{"error": {"code": "NOBODY"}}'),
                (503, b'{"error": {"code": "BROKE"}}'),
                (503, b'{"error": {"code": "no word of ours"}}'),
                (499, b"no JSON"),
                (200, b'{"error": {"code": ["BROKE"]}}'),
                (200, b"{}"),
            )
        ]

        self.assertEqual(
            ["no-funds", "no-funds", "bad-number", "no-funds", "retry", "no-funds", "unknown", "unknown"], found
        )

    async def test_connection(self) -> None:
        """An unreachable gateway has sent nothing; one that does not answer may have."""
        silent = [(await self.failed(answer)).failure for answer in (never, headers_only)]
        unsendable = (await self.failed(headers={"not a name": "x"})).failure
        await self.fake.refuse()
        away = (await self.failed(with_status(200))).failure

        self.assertEqual([SmsFailure.UNKNOWN] * 2, silent)
        self.assertEqual((SmsFailure.MISCONFIGURED, SmsFailure.RETRY), (unsendable, away))


class Breaking(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        settings = Sms.model_validate({"sender": "http", "url": self.fake.address})
        self.breaker = Breaker(Gateway(settings, reactor), self.clock.seconds)

    async def outcome_of(self, status: int) -> str:
        """The outcome of an SMS for this answer of the gateway."""
        self.fake.answer = with_status(status)
        try:
            await self.breaker.send(PHONE, TEXT)
        except SmsFailed as error:
            return error.failure.value
        return "accepted"

    async def test_no_funds(self) -> None:
        """Without funds the gateway is tried once a minute until it has some."""
        outcomes = [await self.outcome_of(402), await self.outcome_of(200), await self.outcome_of(200)]
        asked = [len(self.fake.sent)]
        self.clock.advance(PAUSE)
        outcomes += [await self.outcome_of(402), await self.outcome_of(200)]
        asked.append(len(self.fake.sent))
        self.clock.advance(PAUSE)
        outcomes += [await self.outcome_of(200), await self.outcome_of(200)]

        self.assertEqual(["no-funds"] * 5 + ["accepted"] * 2, outcomes)
        self.assertEqual([1, 2, 4], [*asked, len(self.fake.sent)])

    async def test_others(self) -> None:
        """Other failures do not open the breaker."""
        for status in (500, 503, 400, 403):
            await self.outcome_of(status)

        self.assertEqual("accepted", await self.outcome_of(200))
