"""Guessing server keys, and every call of an app's server by everybody who must not make it."""

import itertools
import json
from secrets import token_hex
from typing import Any

from justchat.http.declared import all_declared
from justchat.http.endpoint import Endpoint
from justchat.http.fields import Empty
from tests.support.admin import run
from tests.support.client import Answer, call
from tests.support.servers import SCOPES, a_key
from tests.support.wire import SettingsCase

SETTINGS = """
[http]
proxies = ["127.0.0.0/8"]
[limits]
sign_in = "15/hour"
wrong_keys_per_address = ["4/hour"]
wrong_keys_per_network = ["9/hour"]
"""
_networks = itertools.count(1)
INSIDE, OUTSIDE = "192.0.2.7", "198.51.100.7"


def of_servers() -> list[Endpoint]:
    """Every call that needs a scope."""
    return [endpoint for endpoint in all_declared() if endpoint.scopes]


class KeysCase(SettingsCase):
    settings = SETTINGS

    async def made(self, path: str, key: str | None, address: str, body: Any = None) -> Answer:
        """A call with a key, or without, from an address."""
        headers = {"X-Forwarded-For": address}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return await call(self.daemon.http, path, {} if body is None else body, headers)

    async def a_key(self, *scopes: str, network: str | None = None) -> str:
        more = () if network is None else ("--network", network)
        return await a_key(self.daemon, token_hex(6), "--scope", *scopes, *more)


class Rights(KeysCase):
    async def test_every_call(self) -> None:
        """Each call is 401 without a key, with a wrong, a revoked or a session's one, from elsewhere too; 403 with any
        other scope alone; and reaches its own checks with each of its scopes alone.
        """
        right = await self.a_key(*SCOPES, network="192.0.2.0/24")
        revoked = await a_key(self.daemon, "revoked", "--scope", *SCOPES)
        mongo = self.daemon.options[self.daemon.options.index("--mongo") + 1]
        self.assertEqual(0, (await run("--mongo", mongo, "keys", "revoke", "revoked")).code)
        session = (await self.a_person()).session_key
        of_one = {scope: await self.a_key(scope) for scope in SCOPES}
        wrong = []

        for endpoint in of_servers():
            for name, key, address, expected in (
                ("none", None, INSIDE, (401, "wrong-server-key")),
                ("wrong", f"jc_{token_hex(24)}", an_address(), (401, "wrong-server-key")),
                ("revoked", revoked, an_address(), (401, "wrong-server-key")),
                ("session", session, an_address(), (401, "wrong-server-key")),
                ("elsewhere", right, an_address(), (401, "wrong-server-key")),
                *(
                    (f"scope {scope}", key, INSIDE, (403, "scope-missing"))
                    for scope, key in of_one.items()
                    if scope not in endpoint.scopes
                ),
            ):
                answer = await self.made(endpoint.path, key, address)
                if (answer.status, answer.code) != expected:
                    wrong.append((endpoint.path, name, answer.status, answer.json))
            # With any of its scopes the body is looked at, which is none.
            for name, key in {
                "right": right,
                **{scope.value: of_one[scope.value] for scope in endpoint.scopes},
            }.items():
                answer = await self.made(endpoint.path, key, INSIDE, {"status": 5, "limit": 0, "webhook": 5})
                if answer.status != (400 if endpoint.body is not Empty else 200):
                    wrong.append((endpoint.path, name, answer.status, answer.json))

        self.assertEqual([], wrong)


def an_address() -> str:
    """An address of a network that nothing has come from."""
    return f"203.{next(_networks)}.113.1"


class Guessing(KeysCase):
    path = "/server/users/get"

    async def guesses(self, number: int, *addresses: str) -> list[int]:
        return [
            (await self.made(self.path, f"jc_{token_hex(24)}", address)).status
            for address in addresses
            for _ in range(number)
        ]

    async def test_bounded(self) -> None:
        """Wrong keys are counted by address and network. Beyond that an unknown right key is refused, too."""
        network = f"203.{next(_networks)}.113"
        key = await self.a_key("users")

        self.assertEqual([401] * 4 + [429], await self.guesses(5, f"{network}.1"))
        self.assertEqual(
            [401] * 4 + [401, 429], await self.guesses(4, f"{network}.2") + await self.guesses(2, f"{network}.3")
        )
        self.assertEqual(429, (await self.made(self.path, key, f"{network}.4")).status)
        self.assertEqual(404, (await self.made(self.path, key, an_address(), {"user": "0" * 24})).status)

    async def test_work(self) -> None:
        """Wrong keys count as sign-ins of their address, too, before they cost the database a write."""
        address = an_address()

        statuses = await self.guesses(16, address)

        refused = await self.made(self.path, f"jc_{token_hex(24)}", address)
        self.assertEqual([401] * 4 + [429] * 12, statuses)
        self.assertEqual(['"sign_in-address";q=15;w=3600'], refused.headers.getRawHeaders("RateLimit-Policy"))

    async def test_no_lock_out(self) -> None:
        """Whoever guesses at a server's address does not keep its key from being used there."""
        address = an_address()
        used, bound = await self.a_key("users"), await self.a_key("users", network=f"{address}/32")
        body = {"user": "0" * 24}
        self.assertEqual(404, (await self.made(self.path, used, address, body)).status)

        self.assertEqual(429, (await self.guesses(5, address))[-1])

        self.assertEqual([404] * 2, [(await self.made(self.path, key, address, body)).status for key in (used, bound)])

    async def test_forged_address(self) -> None:
        """What a client writes into the proxy's header does not count: nobody can choose an address."""
        key = await self.a_key("users", network="192.0.2.0/24")

        answer = await self.made(self.path, key, f"192.0.2.7, {an_address()}")

        self.assertEqual(401, answer.status)

    async def test_keys_as_values(self) -> None:
        """Nothing that looks like a key, a query or a header is found as one."""
        for key in ("jc_", "jc_" + "0" * 48, "jc_" + "F" * 48, '{"$gt": ""}', "jc_" + "a" * 5000, "*", "Bearer x"):
            answer = await self.made(self.path, key, an_address())

            self.assertEqual((401, "wrong-server-key"), (answer.status, answer.code), key)
        inside = json.loads('{"session_key": "x", "key": "y", "user": "z"}')
        self.assertEqual(401, (await self.made(self.path, None, an_address(), inside)).status)
