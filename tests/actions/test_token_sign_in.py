"""Sign-in with tokens of an issuer (contract, section 8)."""

import time
from secrets import token_hex
from typing import Any

import jwt
from twisted.internet.defer import Deferred, gatherResults

from tests.support.admin import run
from tests.support.chat import ChatTestCase, Person, a_phone
from tests.support.client import Answer, call
from tests.support.issuer import KEYS, NAME, SECRET, JwksServer, issuer_settings, jwk, new_key, pem, token
from tests.support.servers import an_app_server
from tests.support.wire import USER_FIELDS, OwnDaemonCase, SettingsCase

UNLIMITED = "[limits]\nenabled = false\n"


def somebody() -> str:
    """A subject whom the daemon does not know."""
    return f"anna-{token_hex(4)}"


class Tokens(ChatTestCase):
    async def auth(self, jwt: object, **more: Any) -> Answer:
        return await call(self.daemon.http, "/init/auth", {"jwt": jwt, **more})

    async def person(self, subject: str = "anna-1", **more: Any) -> Person:
        answer = await self.auth(token(subject, **more))
        self.assertEqual(200, answer.status, answer)
        return Person(self.daemon, "", "", answer.data["session_key"], answer.data["user"]["_id"])

    async def assert_wrong(self, *tokens: object) -> None:
        for each in tokens:
            answer = await self.auth(each)
            self.assertEqual((401, "wrong-token"), (answer.status, answer.code), f"{str(each)[:200]} {answer}")


class TokensCase(OwnDaemonCase, Tokens):
    """Each with a daemon of its own."""


class SigningIn(SettingsCase, Tokens):
    settings = issuer_settings(public_key=pem(KEYS["ES256"])) + UNLIMITED

    async def test_first_sight(self) -> None:
        """The first token of somebody makes their account, without a phone; later ones sign in to it."""
        anna = somebody()
        first = await self.auth(token(anna))
        second = await self.auth(token(anna))
        other = await self.auth(token(somebody()))

        self.assertEqual([200] * 3, [answer.status for answer in (first, second, other)], first)
        self.assertEqual(USER_FIELDS, set(first.data["user"]))
        self.assertIsNone(first.data["user"]["phone"])
        ids = [answer.data["user"]["_id"] for answer in (first, second, other)]
        self.assertEqual((ids[0], 2), (ids[1], len(set(ids))))
        self.assertNotEqual(first.data["session_key"], second.data["session_key"])

    async def test_at_once(self) -> None:
        """First sign-ins at once make one account."""
        many = somebody()
        answers = await gatherResults([Deferred.fromCoroutine(self.auth(token(many))) for _ in range(10)])

        self.assertEqual({200}, {answer.status for answer in answers})
        self.assertEqual(1, len({answer.data["user"]["_id"] for answer in answers}))

    async def test_as_others(self) -> None:
        """Who signed in with a token does what others do: rooms, messages, events, the profile, an export."""
        anna, boris = await self.person(somebody()), await self.person(somebody())
        listener = await self.a_listener(boris)

        self.assertEqual(200, (await anna.call("/init/edit", user={"nickname": "Anna"})).status)
        answer = await anna.call("/user/sendMessage", message={"user": boris.id, "text": "hi"})
        self.assertEqual(200, answer.status, answer)
        await self.assert_received(listener)
        shown = await boris.call("/init/getUser", user_id=anna.id)
        self.assertEqual(("Anna", None), (shown.data["user"]["nickname"], shown.data["user"]["phone"]))
        self.assertEqual(202, (await anna.call("/user/export")).status)
        self.assertEqual(200, (await anna.call("/init/exit")).status)

    async def test_wrong(self) -> None:
        """What is not signed by the issuer, for us, now, signs nobody in."""
        now, good = int(time.time()), token()
        head, body, signature = good.split(".")
        await self.assert_wrong(
            *("", "a", "a.b.c", "...", f"{head}.{body}.", f"{head}.{body}", f"{good}.{good}", "é" * 20, good + "é"),
            f"{head}.{body}.{signature[:-2]}AA",
            jwt.encode({"sub": "anna-1"}, None, algorithm="none"),
            token(key=new_key("ES256")),
            token(algorithm="RS256"),
            token(algorithm="EdDSA"),
            # The public key, which everybody knows, as a secret.
            token(algorithm="HS256", key=pem(KEYS["ES256"]).encode()),
            *(token(iss=iss) for iss in (None, "https://evil.example/", NAME + "x", [NAME], 1)),
            *(token(aud=aud) for aud in (None, "other", ["other"], [], 1, "chatter")),
            *(token(exp=exp) for exp in (None, now - 61, "soon", 0, [now + 60], 1e400)),
            *(token(nbf=now + 90), token(iat=now + 90), token(nbf="never")),
            *(token(subject) for subject in (None, "", 1, ["anna-1"], "x" * 256, "a\0b")),
            token(headers={"crit": ["exp"], "exp": now + 60}),
            token(headers={"kid": 17}),
            # Keys that a token brings along are not asked.
            token(key=_FOREIGN, headers={"jwk": jwk(_FOREIGN, "ES256"), "x5u": "http://127.0.0.1:1/"}),
        )

    async def test_skew(self) -> None:
        """Clocks may differ by a minute."""
        now = int(time.time())
        for good in (token(exp=now - 50), token(nbf=now + 50, iat=now + 50), token(aud=["other", "chat"])):
            self.assertEqual(200, (await self.auth(good)).status)

    async def test_huge(self) -> None:
        """A token longer than any real one is wrong before it is parsed."""
        await self.assert_wrong(token(more="x" * 10_000), "a" * 60_000, ".".join(["e30"] * 10_000))

    async def test_malformed(self) -> None:
        """A token is a text, and goes without phone and key."""
        for bad in (1, None, True, [token()], {"jwt": token()}):
            self.assertEqual(400, (await self.auth(bad)).status, bad)
        for more in ({"phone": a_phone()}, {"key": "123456"}, {"phone": a_phone(), "key": "123456"}):
            self.assertEqual(400, (await self.auth(token(), **more)).status, more)
        self.assertEqual(400, (await call(self.daemon.http, "/init/auth", {})).status)

    async def test_deletion(self) -> None:
        """Their account is deleted by a token, and a sign-in cancels that."""
        subject = somebody()
        anna = await self.person(subject)
        for proof in ({"key": "123456"}, {"jwt": token("boris")}, {"jwt": "a.b.c"}):
            self.assertEqual(401, (await anna.call("/user/delete", **proof)).status, proof)
        self.assertEqual(400, (await anna.call("/user/delete")).status)
        self.assertEqual(202, (await anna.call("/user/delete", jwt=token(subject))).status)
        self.assertEqual(440, (await anna.call("/init/getUser")).status)

        again = await self.person(subject)

        self.assertEqual(anna.id, again.id)
        self.assertEqual(200, (await again.call("/init/getUser", user_id=anna.id)).status)

    async def test_server(self) -> None:
        """The app's server knows them by their subject, and one whom it made before is who signs in."""
        server = await an_app_server(self.daemon, "users")
        made = await server.call("/server/users/upsert", external_id="made-before", nickname="Anna")

        anna, boris = await self.person("made-before"), await self.person("boris-of-server")
        known = await server.call("/server/users/get", external_id="boris-of-server")
        again = await server.call("/server/users/upsert", external_id="boris-of-server", nickname="Boris")

        self.assertEqual(made.data["user"]["_id"], anna.id)
        self.assertEqual([boris.id] * 2, [answer.data["user"]["_id"] for answer in (known, again)])
        self.assertEqual((201, 200), (made.status, again.status))

    async def test_phone_too(self) -> None:
        """Phones sign in as before, unless they are switched off."""
        self.assertEqual(201, (await call(self.daemon.http, "/init/reg", {"phone": a_phone()})).status)


_FOREIGN = new_key("ES256")


class Suspending(TokensCase):
    async def test_suspended(self) -> None:
        """A suspended person gets 403, as by phone."""
        await self.start(issuer_settings(public_key=pem(KEYS["ES256"])))
        anna = await self.person("anna")
        config = ("--config", str(self.daemon.folder / "justchat.toml"), *self.daemon.options[2:])
        done = await run("--data-dir", str(self.daemon.data), *config, "users", "suspend", anna.id, "--reason", "spam")
        self.assertEqual(0, done.code, done)

        answer = await self.auth(token("anna"))

        self.assertEqual((403, "suspended"), (answer.status, answer.code))


class Algorithms(TokensCase):
    async def test_each(self) -> None:
        """A public key or secret of each algorithm."""
        for algorithm in (*KEYS, "HS256"):
            key = SECRET if algorithm == "HS256" else pem(KEYS[algorithm])
            await self.start(issuer_settings(public_key=key, algorithms=[algorithm]))
            self.assertEqual(200, (await self.auth(token(algorithm=algorithm))).status, algorithm)
            others = [each for each in (*KEYS, "HS256") if each != algorithm]
            await self.assert_wrong(*(token(algorithm=each) for each in others))


class PhoneOff(TokensCase):
    async def test_off(self) -> None:
        """With [auth] phone = false the calls for phones are 403."""
        await self.start("[auth]\nphone = false\n" + issuer_settings(public_key=pem(KEYS["ES256"])))
        reg = await call(self.daemon.http, "/init/reg", {"phone": a_phone()})
        auth = await call(self.daemon.http, "/init/auth", {"phone": a_phone(), "key": "123456"})

        self.assertEqual([(403, "phone-sign-up-off")] * 2, [(answer.status, answer.code) for answer in (reg, auth)])
        self.assertEqual(200, (await self.auth(token())).status)

    async def test_no_issuer(self) -> None:
        """Without issuers every token is wrong."""
        await self.start("")
        await self.assert_wrong(token(), "a.b.c")


class Jwks(TokensCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.old, self.new = new_key("ES256"), new_key("RS256")
        self.jwks = JwksServer(
            jwk(self.old, "ES256", kid="old"), {"kty": "oct", "k": "AAAA", "kid": "s"}, {"kty": "new"}
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(self.jwks.stop()))
        await self.start(issuer_settings(jwks_url=self.jwks.url, algorithms=["ES256", "RS256"]) + UNLIMITED)

    def by(self, key: Any, kid: str | None, algorithm: str = "ES256") -> str:
        return token(key=key, algorithm=algorithm, headers={} if kid is None else {"kid": kid})

    async def test_kid(self) -> None:
        """The key that a token names, of the address, which is asked once."""
        self.assertEqual(200, (await self.auth(self.by(self.old, "old"))).status)
        self.assertEqual(200, (await self.auth(self.by(self.old, None))).status)
        await self.assert_wrong(self.by(new_key("ES256"), "old"), self.by(new_key("ES256"), None))
        self.assertEqual(1, len(self.jwks.sent))

    async def test_rotation(self) -> None:
        """An unknown kid has the keys read again, right after they were read too, and at most once a minute."""
        self.assertEqual(200, (await self.auth(self.by(self.old, "old"))).status)
        self.jwks.serve(jwk(self.new, "RS256", kid="new"))

        self.assertEqual(200, (await self.auth(self.by(self.new, "new", "RS256"))).status)
        await self.assert_wrong(*(self.by(self.new, f"unknown{n}", "RS256") for n in range(5)))
        self.assertEqual(2, len(self.jwks.sent))

    async def test_away(self) -> None:
        """While the address was never reached, a sign-in is 503: the token may be good."""
        await self.jwks.refuse()

        answer = await self.auth(self.by(self.old, "old"))

        self.assertEqual((503, "unavailable"), (answer.status, answer.code))
        self.assertIn("was not read", self.daemon.log)
