"""Pictures in a bucket, of a service that checks signatures and of services that do not do their work."""

import os
import secrets
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from justchat.config.uploads import S3
from justchat.errors import StartupError, StoreAway
from justchat.outbound.s3 import bucket
from justchat.outbound.s3.bucket import Bucket
from justchat.outbound.s3.preflight import BucketAway, check_bucket
from tests.support.certificates import Authority
from tests.support.gateway import FakeGateway, headers_only, never, with_status
from tests.support.s3 import BUCKET, shared_s3
from tests.support.waiting import assert_within, at_once

NO_KEY = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"


class Service(TestCase):
    """The service that is compatible with S3."""

    def setUp(self) -> None:
        self.prefix = f"{secrets.token_hex(4)}/"
        self.bucket = Bucket(shared_s3().settings(prefix=self.prefix), reactor)
        self.name = f"{secrets.token_hex(16)}.png"

    async def test_kept(self) -> None:
        """A picture that was put is got, from the place that an SDK of Amazon's finds it at; again is no error."""
        content = secrets.token_bytes(3_000_000)

        await self.bucket.put(self.name, content)
        await self.bucket.put(self.name, content)

        self.assertEqual(content, await self.bucket.get(self.name))
        self.assertEqual([self.prefix + self.name], shared_s3().names(self.prefix))
        client = shared_s3().client("s3", shared_s3().access_key, shared_s3().secret_key)
        head = client.head_object(Bucket=BUCKET, Key=self.prefix + self.name)
        self.assertEqual(("image/png", len(content)), (head["ContentType"], head["ContentLength"]))

    async def test_missing(self) -> None:
        """A picture that is not there is None."""
        self.assertIsNone(await self.bucket.get(self.name))

    async def test_removed(self) -> None:
        """A picture that was removed is not there; a name that was never there is no error."""
        await self.bucket.put(self.name, b"x")

        await self.bucket.remove([self.name, "0" * 32 + ".gif"])

        self.assertIsNone(await self.bucket.get(self.name))
        self.assertEqual([], shared_s3().names(self.prefix))

    async def test_together(self) -> None:
        """Many at once are kept."""
        names = [f"{secrets.token_hex(16)}.webp" for _ in range(20)]

        await at_once(self.bucket.put(name, name.encode()) for name in names)

        self.assertEqual([name.encode() for name in names], await at_once(self.bucket.get(name) for name in names))

    async def test_wrong_settings(self) -> None:
        """A wrong bucket, or wrong keys, are StoreAway: never "not there", and nothing is taken for stored."""
        for change in ({"bucket": "nobodys"}, {"access_key": "AKIAWRONG"}, {"secret_key": "wrong"}):
            wrong = Bucket(shared_s3().settings(prefix=self.prefix, **change), reactor)
            for call in (wrong.get(self.name), wrong.put(self.name, b"x"), wrong.remove([self.name])):
                await self.assertFailure(ensureDeferred(call), StoreAway)
        self.assertEqual([], shared_s3().names(self.prefix))

    def test_preflight(self) -> None:
        """The check at the start accepts right settings, and names what is wrong with others."""
        check_bucket(shared_s3().settings(prefix=self.prefix))

        for change, word in (
            ({"bucket": "nobodys"}, "bucket"),
            ({"access_key": "AKIAWRONG"}, "access_key"),
            ({"secret_key": "wrong"}, "secret_key"),
        ):
            error = self.assertRaises(StartupError, check_bucket, shared_s3().settings(**change))
            self.assertIn(f"[uploads.s3] {word}", str(error).replace("access_key, secret_key", f"{word}"))
            self.assertNotIn("\n", str(error))


class _Accepting(Resource):
    """Answers 200 to everything."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        return b""


class Failing(TestCase):
    """A service that is away, slow or out of order."""

    def setUp(self) -> None:
        self.patch(bucket, "PAUSES", (0.02, 0.05))
        self.fake = FakeGateway()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.fake.stop()))

    def settings(self, **changes: Any) -> S3:
        keys = {"access_key": "AKIA", "secret_key": "a very secret key"}
        return S3.model_validate({"endpoint": self.fake.address, "bucket": "pictures", **keys, **changes})

    async def refused(self, **changes: Any) -> None:
        failing = Bucket(self.settings(**changes), reactor)
        for call in (failing.put("0.png", b"x"), failing.get("0.png"), failing.remove(["0.png"])):
            await self.assertFailure(ensureDeferred(call), StoreAway)

    async def test_again(self) -> None:
        """After a 500, a 503 or a 429 the request is sent again, signed anew."""
        answers = [500, 429, 200]

        def answer(request: Request) -> bytes:
            request.setResponseCode(answers.pop(0))
            return b""

        self.fake.answer = answer
        await Bucket(self.settings(), reactor).put("0.png", b"content")

        self.assertEqual([b"content"] * 3, [sent.body for sent in self.fake.sent])

    async def test_out_of_order(self) -> None:
        """A service that stays out of order is StoreAway after three tries; one that refuses, at once."""
        for status, tries in ((500, 9), (403, 3), (301, 3)):
            self.fake.sent.clear()
            self.fake.answer = with_status(status)
            await self.refused()
            self.assertEqual(tries, len(self.fake.sent), status)

    async def test_strange_404(self) -> None:
        """A 404 that does not say that the key is missing, as of a wrong endpoint, is StoreAway."""
        self.fake.answer = with_status(404)
        await self.refused()
        self.fake.answer = with_status(404, NO_KEY)
        self.assertIsNone(await Bucket(self.settings(), reactor).get("0.png"))

    async def test_slow(self) -> None:
        """A service that does not answer, or not to the end, is StoreAway in time, and its connection is closed."""
        for answer in (never, headers_only):
            self.fake.answer = answer
            began = reactor.seconds()
            await self.refused(timeout=0.3)
            assert_within(3, reactor.seconds() - began)
        await self.fake.abandoned()

    async def test_away(self) -> None:
        """A service that is away is StoreAway, and for the check at the start as well."""
        settings = self.settings(timeout=1)
        await self.fake.refuse()

        await self.refused(timeout=1)
        away = await self.assertFailure(deferToThread(check_bucket, settings), BucketAway)

        self.assertIn(self.fake.address, str(away))

    async def test_cut_short(self) -> None:
        """An answer that is cut short is no picture."""

        def half(request: Request) -> int:
            request.setHeader(b"Content-Length", b"100")
            request.write(b"half")
            request.transport.loseConnection()
            return 1  # NOT_DONE_YET

        self.fake.answer = half
        await self.assertFailure(ensureDeferred(Bucket(self.settings(timeout=2), reactor).get("0.png")), StoreAway)

    async def test_tls(self) -> None:
        """A certificate is verified, by the authorities of SSL_CERT_FILE and for its name, at the start too."""
        folder = Path(self.mktemp())
        folder.mkdir()
        authority = Authority(folder)
        pair = authority.issue("localhost")
        site = Site(_Accepting())
        port = reactor.listenSSL(0, site, DefaultOpenSSLContextFactory(str(pair), str(pair)), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        endpoint = f"https://localhost:{port.getHost().port}"

        await self.refused(endpoint=endpoint, timeout=2)
        error = await self.assertFailure(deferToThread(check_bucket, self.settings(endpoint=endpoint)), BucketAway)
        self.assertIn("certificate", str(error))
        os.environ["SSL_CERT_FILE"] = str(authority.certificate)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        await deferToThread(check_bucket, self.settings(endpoint=endpoint))
        made: list[object] = []
        make = BrowserLikePolicyForHTTPS.creatorForNetloc
        self.patch(BrowserLikePolicyForHTTPS, "creatorForNetloc", lambda *args: (made.append(args), make(*args))[1])
        bucket = Bucket(self.settings(endpoint=endpoint), reactor)
        for _ in range(2):
            await bucket.put("0.png", b"x")
        self.assertEqual(1, len(made))  # the authorities are not read for each picture
        other = endpoint.replace("localhost", "127.0.0.2")
        await self.refused(endpoint=other, timeout=2)

    async def test_secrecy(self) -> None:
        """The secret key is sent nowhere, and is in no log line and no repr."""
        self.fake.answer = with_status(403)
        settings = self.settings()
        await self.refused()

        said = repr([list(sent.headers.getAllRawHeaders()) for sent in self.fake.sent]) + repr(settings)
        self.assertNotIn("a very secret key", said)
