"""What an app's own server does at one daemon reaches the others (contract, sections 8 and 9)."""

from secrets import token_hex
from time import monotonic

from tests.support.admin import run
from tests.support.chat import a_phone, a_room
from tests.support.client import call
from tests.support.servers import SCOPES, AppServer, a_key
from tests.support.two_daemons import SOON, JoinedDaemonsCase, type_of
from tests.support.waiting import assert_within, at_once

_keys: dict[str, str] = {}


class Servers(JoinedDaemonsCase):
    async def setUp(self) -> None:
        await super().setUp()
        folder = str(self.daemon.folder)
        if folder not in _keys:
            _keys[folder] = await a_key(self.daemon, "both", "--scope", *SCOPES)
        self.server, self.server_there = (AppServer(each, _keys[folder]) for each in (self.daemon, self.other))

    async def test_rooms_and_messages(self) -> None:
        """Whoever is put into a room elsewhere hears it from then on, until they are put out."""
        admin, anna = await self.people(2)
        room = await a_room(admin)
        listener = await self.listener_there(anna)
        in_room = {"room_id": room, "user": anna.id}

        (put,) = await self.soon(self.server.call("/server/rooms/put", **in_room), listener)
        said = {"author": admin.id, "text": "hello"}
        (heard,) = await self.soon(self.server.call("/server/messages/send", room=room, **said), listener)
        removal = self.server.call("/server/messages/remove", message=heard["data"]["_id"])
        (removed,) = await self.soon(removal, listener)
        (letter,) = await self.soon(self.server.call("/server/messages/send", to=anna.id, **said), listener)
        removal = self.server.call("/server/messages/remove", message=letter["data"]["_id"])
        (gone,) = await self.soon(removal, listener)
        (kicked,) = await self.soon(self.server.call("/server/rooms/kick", **in_room), listener)

        self.assertEqual(("service-message", "new roommate"), type_of(put))
        self.assertEqual(("hello", "hello"), (heard["data"]["text"], letter["data"]["text"]))
        self.assertEqual(heard["data"]["_id"], removed["data"]["message"])
        self.assertEqual(letter["data"]["_id"], gone["data"]["message"])
        self.assertEqual(("service-message", "kick"), type_of(kicked))
        await self.quiet(listener)

    async def test_everyone(self) -> None:
        """An announcement reaches sockets at both, each once."""
        author, anna, boris = await self.people(3)
        listeners = [await self.a_listener(anna), await self.listener_there(boris)]

        answer = await self.server_there.call(
            "/server/messages/send", to="everyone", author=author.id, text="We are back."
        )

        self.assertEqual(202, answer.status)
        for listener in listeners:
            self.assertEqual("We are back.", (await listener.next("direct-message"))["data"]["text"])
        await self.quiet(*listeners)

    async def test_coins(self) -> None:
        """Of many calls for one payment, through both at once, one adds coins; with two sums, one of them counts."""
        anna, boris = await self.people(2)
        servers = [self.server, self.server_there] * 4

        payment = {"user": anna.id, "coins": 10, "payment_id": f"of {anna.id}"}
        answers = await at_once([server.call("/server/coins/add", **payment) for server in servers])
        payments = [{"user": boris.id, "coins": coins, "payment_id": f"of {boris.id}"} for coins in (1, 2)] * 4
        mixed = await at_once(
            [
                server.call("/server/coins/add", **each)
                for server, each in zip(servers, sorted(payments, key=lambda each: each["coins"]), strict=True)
            ]
        )

        self.assertEqual([(200, 10)] * 8, [(answer.status, answer.data["user"]["balance"]) for answer in answers])
        self.assertEqual([200] * 4 + [409] * 4, sorted(answer.status for answer in mixed))
        self.assertEqual(10, (await anna.shown())["balance"])
        self.assertIn((await boris.shown())["balance"], (1, 2))

    async def test_upserts(self) -> None:
        """Of many upserts of one new user through both at once, one makes the user."""
        new = {"external_id": token_hex(8), "phone": a_phone()}

        answers = await at_once(
            [
                server.call("/server/users/upsert", **new, nickname=str(number))
                for number, server in enumerate([self.server, self.server_there] * 4)
            ]
        )

        self.assertEqual([200] * 7 + [201], sorted(answer.status for answer in answers))
        self.assertEqual(1, len({answer.data["user"]["_id"] for answer in answers}))

    async def test_ends_of_sessions(self) -> None:
        """A suspension, the end of all sessions and a deletion close sockets at both within a second."""
        for path, code in (("suspend", 4403), ("end-sessions", 4440), ("delete", 4440)):
            (anna,) = await self.people(1)
            sockets = [await self.a_listener(anna), await self.listener_there(anna)]

            answer = await self.server_there.call(f"/server/users/{path}", user=anna.id, reason="x")
            began = monotonic()

            self.assertEqual(200, answer.status, path)
            self.assertEqual([code] * 2, [await socket.closed() for socket in sockets], path)
            assert_within(SOON, monotonic() - began)
            statuses = [(await person.call("/init/getUser")).status for person in (anna, self.there(anna))]
            self.assertEqual([440] * 2, statuses, path)

    async def test_session(self) -> None:
        """A session that one opens holds at the other at once; a repetition there has the same key."""
        (anna,) = await self.people(1)
        key = token_hex(8)

        opened = await self.server.keyed(key, "/server/sessions/new", user=anna.id)
        again = await self.server_there.keyed(key, "/server/sessions/new", user=anna.id)

        session = {"session_key": opened.data["session_key"]}
        self.assertEqual(opened.data, again.data)
        self.assertEqual(200, (await call(self.other.http, "/init/getUser", session)).status)

    async def test_revoked(self) -> None:
        """A key that is revoked is used at neither from the next call on."""
        name = token_hex(4)
        key = await a_key(self.daemon, name, "--scope", "users")
        servers = [AppServer(each, key) for each in (self.daemon, self.other)]
        before = [(await server.call("/server/users/search", name="x")).status for server in servers]

        done = await run("--mongo", self.daemon.options[1], "keys", "revoke", name)

        self.assertEqual(([200] * 2, 0), (before, done.code))
        after = [(await server.call("/server/users/search", name="x")).status for server in servers]
        self.assertEqual([401] * 2, after)
