"""``justchat-admin keys``: keys of an app's own servers."""

from secrets import token_hex

from tests.support.admin import AdminCase
from tests.support.client import call
from tests.support.servers import AppServer
from tests.support.waiting import eventually


class Keys(AdminCase):
    async def test_listed(self) -> None:
        """A key is listed with its scopes and networks, and with when and from where it was last used."""
        name = token_hex(4)
        added = await self.answer(
            "keys", "add", name, "--scope", "users", "--scope", "rooms", "--network", "127.0.0.0/8", "::1/128"
        )
        server = AppServer(self.daemon, added["key"])
        unused = await self.a_listed(name)
        await server.call("/server/users/search", name="x")

        async def was_used() -> bool:
            return (await self.a_listed(name))["used_at"] is not None

        await eventually(was_used, "the use to be written down")
        used = await self.a_listed(name)

        self.assertEqual({"scopes": ["rooms", "users"], "networks": ["127.0.0.0/8", "::1/128"]}, _limits(used))
        self.assertEqual((None, None), (unused["used_at"], unused["used_from"]))
        self.assertEqual("127.0.0.1", used["used_from"])
        self.assertRegex((await self.admin("keys", "list")).output, rf"{name} +rooms users +127\.0\.0\.0/8 ::1/128 +20")

    async def a_listed(self, name: str) -> dict[str, object]:
        """A key as it is listed."""
        keys = (await self.answer("keys", "list"))["keys"]
        (found,) = (key for key in keys if key["name"] == name)
        self.assertNotIn("key", found)
        return dict(found)

    async def test_revoked(self) -> None:
        """A revoked key is used by nobody from the next call on; its name is free, and the list has it with --all."""
        name = token_hex(4)
        added = await self.answer("keys", "add", name, "--scope", "users")
        server = AppServer(self.daemon, added["key"])
        self.assertEqual(200, (await server.call("/server/users/search", name="x")).status)

        self.assertEqual(0, (await self.admin("keys", "revoke", name)).code)

        self.assertEqual(401, (await server.call("/server/users/search", name="x")).status)
        self.assertNotIn(added["_id"], (await self.admin("keys", "list")).output)
        self.assertRegex((await self.admin("keys", "list", "--all")).output, rf"{added['_id']}  {name} .* revoked 20")
        again = await self.answer("keys", "add", name, "--scope", "users")
        self.assertNotEqual(added["key"], again["key"])
        refused = await self.admin("keys", "revoke", added["_id"])
        self.assertEqual((1, f"justchat-admin: the key {name} is revoked already\n"), (refused.code, refused.error))

    async def test_found(self) -> None:
        """A key that was found somewhere is revoked by itself."""
        added = await self.answer("keys", "add", token_hex(4), "--scope", "users")

        done = await self.answer("keys", "revoke", added["key"])

        self.assertEqual({"revoked": added["_id"]}, done)

    async def test_audited(self) -> None:
        """Who made a key and who revoked it is in the audit log, with what it may do, and without the key."""
        name = token_hex(4)
        added = await self.answer("keys", "add", name, "--scope", "users", "rooms", "--network", "10.0.0.0/8")
        await self.admin("keys", "revoke", added["_id"])

        lines = (await self.answer("audit", "list", "--whom", added["_id"]))["audit"]

        whys = [name, f"{name}; scopes: rooms, users; networks: 10.0.0.0/8"]
        self.assertEqual(
            list(zip(["revoke key", "add key"], whys, strict=True)), [(e["deed"], e["why"]) for e in lines]
        )
        self.assertEqual({"operator"}, {line["kind"] for line in lines})

    async def test_refused(self) -> None:
        """Unknown scopes, networks that are none, no scope, and a name that is taken are refused with one line."""
        name = token_hex(4)
        await self.admin("keys", "add", name, "--scope", "users")

        for arguments, code, said in (
            (("x", "--scope", "everything"), 2, "invalid choice: 'everything'"),
            (("x", "--scope", "users", "--network", "10.0.0.1/8"), 2, "not a network"),
            (("x", "--scope", "users", "--network", "example.com"), 2, "not a network"),
            (("x",), 2, "--scope"),
            ((" ", "--scope", "users"), 2, "empty"),
            ((name, "--scope", "users"), 1, f"there is a key {name} already"),
        ):
            done = await self.admin("keys", "add", *arguments)
            self.assertEqual(code, done.code, arguments)
            self.assertIn(said, done.error)
        done = await self.admin("keys", "revoke", "nobody's")
        self.assertEqual((1, "justchat-admin: there is no such key\n"), (done.code, done.error))

    async def test_not_a_session(self) -> None:
        """A server key is no session key."""
        key = (await self.answer("keys", "add", token_hex(4), "--scope", "users"))["key"]

        answers = [
            await call(self.daemon.http, "/init/getUser", {"session_key": key}),
            await call(self.daemon.http, "/init/getUser", {}, {"Authorization": f"Bearer {key}"}),
        ]

        self.assertEqual([440, 440], [answer.status for answer in answers])


def _limits(key: dict[str, object]) -> dict[str, object]:
    return {name: key[name] for name in ("scopes", "networks")}
