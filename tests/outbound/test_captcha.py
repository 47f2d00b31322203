"""The captcha at sign-up: a real HTTP server on loopback plays the provider."""

from twisted.internet.defer import Deferred

from tests.support.chat import a_phone
from tests.support.client import Answer, call
from tests.support.gateway import FakeGateway, never, provider, with_status
from tests.support.wire import OwnDaemonCase


class CaptchaCase(OwnDaemonCase):
    provider_timeout = 60.0

    async def setUp(self) -> None:
        await super().setUp()
        self.provider = FakeGateway()
        self.provider.answer = provider
        self.addCleanup(lambda: Deferred.fromCoroutine(self.provider.stop()))
        url = f"{self.provider.address}/siteverify"
        await self.start(
            f'[captcha]\nenabled = true\nurl = "{url}"\nsecret = "the&secret"\ntimeout = {self.provider_timeout}\n'
        )

    async def reg(self, phone: str, **more: object) -> Answer:
        return await call(self.daemon.http, "/init/reg", {"phone": phone, **more})


class CaptchaTests(CaptchaCase):
    async def test_solved(self) -> None:
        """A solved captcha is needed to sign up; without it the call is 403, with no account and no SMS."""
        phone = a_phone()

        wrong = [await self.reg(phone, captcha=token) for token in ("no", "", None)]
        missing = await self.reg(phone)

        self.assertEqual([(403, "captcha-failed")] * 4, [(answer.status, answer.code) for answer in (*wrong, missing)])
        self.assertEqual(1, len(self.provider.sent))
        self.assertFalse((self.daemon.data / "sms-outbox.jsonl").exists())
        self.assertEqual(201, (await self.reg(phone, captcha="solved by anna+boris")).status)
        self.assertEqual(200, (await self.reg(phone, captcha="solved by anna+boris")).status)

    async def test_provider_away(self) -> None:
        """A provider that fails or answers nonsense is 503 for everybody; the log says so, without a secret."""
        phone, statuses = a_phone(), []
        for answer in (
            *(with_status(500), with_status(500, b'{"success": true}')),
            *(with_status(200, body) for body in (b"yes", b"[]", b"null", b"true")),
        ):
            self.provider.answer = answer
            statuses.append((await self.reg(phone, captcha="solved by anna+boris")).status)
        yeses = [b'{"success": 1}', b'{"success": "true"}', b"{}"]
        for body in yeses:
            self.provider.answer = with_status(200, body)
            statuses.append((await self.reg(phone, captcha="solved by anna+boris")).status)

        self.assertEqual([503] * 6 + [403] * 3, statuses)
        self.assertIn("the captcha cannot be checked", self.daemon.log)
        self.assertNotRegex(self.daemon.log, "the&secret|solved by")
        self.provider.answer = provider
        self.assertEqual(201, (await self.reg(phone, captcha="solved by anna+boris")).status)


class SilentProvider(CaptchaCase):
    provider_timeout = 0.3

    async def test_no_answer(self) -> None:
        """A provider that does not answer in time is 503, too."""
        self.provider.answer = never

        answer = await self.reg(a_phone(), captcha="solved by anna+boris")

        self.assertEqual(503, answer.status)
        self.assertIn("the captcha cannot be checked", self.daemon.log)
