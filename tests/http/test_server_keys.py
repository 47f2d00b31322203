"""Server keys over HTTP: who may make the calls of an app's server (contract, section 8)."""

from secrets import token_hex

from tests.support.admin import AdminCase
from tests.support.client import Answer, call
from tests.support.servers import a_key, an_app_server

PATH = "/server/users/get"


class Keys(AdminCase):
    async def with_key(self, key: str | None, **headers: str) -> Answer:
        """A call with a key, or without."""
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return await call(self.daemon.http, PATH, {"user": "0" * 24}, headers)

    async def test_printed_once(self) -> None:
        """``keys add`` prints the key; no list has it, nor has the database."""
        done = await self.admin("keys", "add", token_hex(4), "--scope", "users")

        key = done.output.strip()
        listed = (await self.admin("keys", "list")).output

        self.assertRegex(done.output, r"\Ajc_[0-9a-f]{48}\n\Z")
        self.assertNotIn(key, listed)

    async def test_right_key(self) -> None:
        """A call with a key that has the scope is carried out."""
        anna, server = await self.a_person(nickname="anna"), await an_app_server(self.daemon)

        user = (await server.call(PATH, user=anna.id)).data["user"]

        self.assertEqual(
            (anna.id, anna.phone, 0, None), (user["_id"], user["phone"], user["balance"], user["external_id"])
        )

    async def test_refused(self) -> None:
        """Without a key, and with a wrong, revoked or user's one, a call is 401; without the scope 403."""
        anna = await self.a_person()
        revoked, lacking = (
            await a_key(self.daemon, "gone", "--scope", "users"),
            await an_app_server(self.daemon, "rooms"),
        )
        await self.admin("keys", "revoke", "gone")

        for name, key in {
            "none": None,
            "wrong": f"jc_{token_hex(24)}",
            "malformed": "jc_",
            "revoked": revoked,
            "session": anna.session_key,
        }.items():
            answer = await self.with_key(key)
            self.assertEqual((401, "wrong-server-key"), (answer.status, answer.code), name)
        answer = await self.with_key(lacking.key)
        self.assertEqual((403, "scope-missing"), (answer.status, answer.code))

    async def test_no_key_no_shape(self) -> None:
        """Whoever has no key does not learn whether the body is well-formed."""
        answer = await call(self.daemon.http, PATH, {})

        self.assertEqual(401, answer.status)
