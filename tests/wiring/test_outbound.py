"""SMS senders, built from the settings."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from justchat.config.settings import Settings
from justchat.model.phone import Phone
from justchat.wiring.outbound import make_sms_sender
from tests.support.gateway import PHONE, Counts, FakeGateway, with_status

BRITISH = Phone("447400123456")
KEY = "271828"


class SmsSenders(TestCase):
    def setUp(self) -> None:
        self.russian, self.others = self.gateway(), self.gateway()
        self.settings = Settings.model_validate(
            {
                "sms": {
                    "chain": (
                        {"sender": "telegram", "secret": "t", "url": self.russian.address, "countries": ("RU",)},
                        {"sender": "smsc", "account": "a", "secret": "s", "url": self.others.address},
                    ),
                    "chain_timeout": 60.0,
                }
            }
        )

    def gateway(self) -> FakeGateway:
        fake = FakeGateway()
        self.addCleanup(lambda: Deferred.fromCoroutine(fake.stop()))
        return fake

    async def test_chain(self) -> None:
        """The senders of a chain are asked in their order, for their countries and for what they can send."""
        sender = make_sms_sender(self.settings, reactor, Counts())
        self.russian.answer = lambda request: b'{"ok": true, "result": {}}'
        self.others.answer = lambda request: b'{"id": 1, "cnt": 1}'

        await sender.send(PHONE, "key: 271828", KEY)
        await sender.send(BRITISH, "key: 271828", KEY)
        await sender.send(PHONE, "come in", None)

        asked = (len(self.russian.sent), len(self.others.sent))
        self.assertEqual((1, 2), asked)

    async def test_next(self) -> None:
        """A key that the first one cannot send comes by the next one."""
        sender = make_sms_sender(self.settings, reactor, Counts())
        self.russian.answer = with_status(500)
        self.others.answer = lambda request: b'{"id": 1, "cnt": 1}'

        await sender.send(PHONE, "key: 271828", KEY)

        self.assertIn(b"271828", self.others.sent[0].body)
