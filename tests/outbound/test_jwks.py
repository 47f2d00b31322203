"""The keys of an issuer, read from its address and cached."""

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from justchat.errors import Unavailable
from justchat.outbound.http_client import HttpClient
from justchat.outbound.jwks import FRESH, REFRESH_AT_MOST_EVERY, RETRY_AT_MOST_EVERY, JwksKeys
from tests.support.gateway import with_status
from tests.support.issuer import JwksServer, jwk, new_key


class JwksCase(TestCase):
    def setUp(self) -> None:
        self.key = new_key("ES256")
        self.server = JwksServer(jwk(self.key, "ES256", kid="1"))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.stop()))
        self.now = 1000.0
        client = HttpClient("the JWKS address", 5.0, reactor)
        self.keys = JwksKeys(self.server.url, ["ES256"], client, lambda: self.now)

    async def count(self, kid: str | None = "1") -> int:
        return len(await self.keys.find(kid, "ES256"))

    async def test_cached(self) -> None:
        """Keys are read once, also where many ask at once."""
        counts = await gatherResults([Deferred.fromCoroutine(self.count()) for _ in range(5)])

        self.assertEqual([1] * 5, counts)
        self.assertEqual(1, len(self.server.sent))

    async def test_unknown(self) -> None:
        """An unknown id has them read again, also right after they were read, and at most once a minute."""
        await self.count()
        self.server.serve(jwk(new_key("ES256"), "ES256", kid="2"))
        self.now += 1

        self.assertEqual(1, await self.count("2"))
        self.server.serve(jwk(new_key("ES256"), "ES256", kid="3"))
        self.assertEqual([0] * 5, [await self.count(id) for id in ("3", "x1", "x2", "x3", "x4")])
        self.assertEqual(2, len(self.server.sent))
        self.now += REFRESH_AT_MOST_EVERY
        self.assertEqual(1, await self.count("3"))
        self.assertEqual(3, len(self.server.sent))

    async def test_unknown_at_first(self) -> None:
        """Where the keys were read for a token whose id is unknown, they are not read for it twice."""
        self.assertEqual([0] * 5, [await self.count(f"x{n}") for n in range(5)])

        self.assertEqual(1, len(self.server.sent))

    async def test_unknown_together(self) -> None:
        """Many tokens of a new key share the request that finds it."""
        await self.count()
        self.server.serve(jwk(new_key("ES256"), "ES256", kid="2"))

        counts = await gatherResults([Deferred.fromCoroutine(self.count("2")) for _ in range(5)])

        self.assertEqual([1] * 5, counts)
        self.assertEqual(2, len(self.server.sent))

    async def test_withdrawn(self) -> None:
        """A key that the issuer has withdrawn is forgotten after a while."""
        await self.count()
        self.server.serve()
        self.now += FRESH + 1

        self.assertEqual(0, await self.count())

    async def test_stale(self) -> None:
        """While the address is away, or answers garbage, the keys of before are used."""
        await self.count()
        answers: list[Any] = [with_status(500), with_status(200, b"<html>"), with_status(200, b"[]")]
        answers += [
            with_status(200, json.dumps({"keys": 1}).encode()),
            with_status(200, b"x" * 300_000),
            with_status(302),
        ]
        for answer in answers:
            self.server.answer = answer
            self.now += FRESH + 1
            self.assertEqual(1, await self.count())
        await self.server.refuse()
        self.now += FRESH + 1
        self.assertEqual(1, await self.count())

    async def test_never_read(self) -> None:
        """Without any keys it is unknown whether a token is good. The address is asked again after a moment."""
        self.server.answer = with_status(500)
        for _ in range(3):
            with self.assertRaises(Unavailable):
                await self.count()
        self.assertEqual(1, len(self.server.sent))
        self.server.serve(jwk(self.key, "ES256", kid="1"))
        self.now += RETRY_AT_MOST_EVERY

        self.assertEqual(1, await self.count())

    async def test_bounded(self) -> None:
        """Hundreds of keys are not kept, and private or odd ones are no problem."""
        odd: list[dict[str, Any]] = [
            {},
            {"kty": "EC", "crv": "P-256"},
            {"kty": "RSA", "n": 1},
            {"kty": "OKP", "crv": "X"},
        ]
        encryption = jwk(self.key, "ES256", kid="e", use="enc")
        self.server.serve(*odd, encryption, *(jwk(self.key, "ES256", kid=str(n)) for n in range(300)))

        self.assertEqual((1, 0, 0), (await self.count("50"), await self.count("299"), await self.count("e")))
