"""An app's own server keeps its users and signs them in (contract, section 8)."""

from secrets import token_hex
from typing import Any

from tests.support.admin import run
from tests.support.chat import ChatTestCase, a_phone, register, sign_in
from tests.support.client import Answer, call
from tests.support.servers import AppServer, an_app_server
from tests.support.waiting import at_once


def an_external_id() -> str:
    return f"customer-{token_hex(6)}"


class ServerCase(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.server = await an_app_server(self.daemon)

    async def upsert(self, **body: Any) -> dict[str, Any]:
        """The user of an upsert."""
        answer = await self.server.call("/server/users/upsert", **body)
        assert answer.status in (200, 201), answer
        user: dict[str, Any] = answer.data["user"]
        return user

    async def own(self, session_key: str) -> Answer:
        """What a session shows of its user."""
        return await call(self.daemon.http, "/init/getUser", {"session_key": session_key})

    async def deeds(self, whom: str) -> list[tuple[str, str, str | None, str | None]]:
        """What was done to somebody: who, what, from where and why; the latest first."""
        done = await run("--data-dir", str(self.daemon.data), "--json", "audit", "list", "--whom", whom)
        return [
            (f"{line['kind']} {line['who']}", line["deed"], line["from"], line["why"]) for line in done.json["audit"]
        ]


class Upserting(ServerCase):
    async def test_made_and_changed(self) -> None:
        """The first upsert makes the user (201), the next changes the fields that it has, and no others (200)."""
        id = an_external_id()

        made = await self.server.call(
            "/server/users/upsert", external_id=id, nickname="Anna", location="Perm", gender=0
        )
        changed = await self.server.call("/server/users/upsert", external_id=id, nickname="$Anna", dob="1990-02-08")

        self.assertEqual((201, 200), (made.status, changed.status))
        user = changed.data["user"]
        self.assertEqual(made.data["user"]["_id"], user["_id"])
        fields = ("external_id", "phone", "nickname", "location", "gender", "dob", "balance")
        self.assertEqual([id, None, "$Anna", "Perm", 0, "1990-02-08", 0], [user[field] for field in fields])

    async def test_nothing_to_change(self) -> None:
        """An upsert of a user that is there, without fields, is 200 and changes nothing."""
        anna = await self.a_person(nickname="Anna")

        answer = await self.server.call("/server/users/upsert", phone=anna.phone)

        self.assertEqual((200, anna.id, "Anna"), (answer.status, *map(answer.data["user"].get, ("_id", "nickname"))))

    async def test_linked(self) -> None:
        """A user who signed up by phone gets the app's id, and stays one user."""
        anna, id = await self.a_person(), an_external_id()

        linked = await self.upsert(phone=anna.phone, external_id=id)
        found = (await self.server.call("/server/users/get", external_id=id)).data["user"]

        self.assertEqual([anna.id] * 2, [linked["_id"], found["_id"]])

    async def test_another_phone(self) -> None:
        """With another phone the user's key is void, which went to the old one; the new one gets a key of its own."""
        anna, id, phone = await self.a_person(), an_external_id(), a_phone()
        await self.upsert(phone=anna.phone, external_id=id)

        await self.upsert(external_id=id, phone=phone)

        for old in (anna.phone, phone):
            self.assertEqual(401, (await call(self.daemon.http, "/init/auth", {"phone": old, "key": anna.key})).status)
        again = await sign_in(self.daemon, phone, await register(self.daemon, phone))
        self.assertEqual(anna.id, again.id)

    async def test_conflicts(self) -> None:
        """Another user's phone, and another external id than the user has, are 409 and change nothing."""
        anna, boris = await self.a_person(), await self.a_person(nickname="Boris")
        id = an_external_id()
        await self.upsert(phone=anna.phone, external_id=id)

        taken = await self.server.call("/server/users/upsert", external_id=id, phone=boris.phone, nickname="x")
        other = await self.server.call(
            "/server/users/upsert", external_id=an_external_id(), phone=anna.phone, nickname="x"
        )

        self.assertEqual([(409, "conflict")] * 2, [(each.status, each.code) for each in (taken, other)])
        self.assertEqual([None, "Boris"], [(await person.shown())["nickname"] for person in (anna, boris)])

    async def test_race(self) -> None:
        """Of many upserts of one new user at once, one makes the user."""
        id, phone = an_external_id(), a_phone()

        answers = await at_once(
            [
                self.server.call("/server/users/upsert", external_id=id, phone=phone, nickname=f"{number}")
                for number in range(8)
            ]
        )

        self.assertEqual([200] * 7 + [201], sorted(answer.status for answer in answers))
        self.assertEqual(1, len({answer.data["user"]["_id"] for answer in answers}))

    async def test_repeated(self) -> None:
        """Under an Idempotency-Key the first answer comes again; another server's key of the same text is another."""
        key, id = token_hex(8), an_external_id()
        other = await an_app_server(self.daemon, "users")

        first = await self.server.keyed(key, "/server/users/upsert", external_id=id)
        again = await self.server.keyed(key, "/server/users/upsert", external_id=id)
        others = await other.keyed(key, "/server/users/upsert", external_id=id)

        self.assertEqual([201, 201, 200], [each.status for each in (first, again, others)])

    async def test_audited(self) -> None:
        """The audit log has the key, what it did, to whom, and from where."""
        user = await self.upsert(external_id=an_external_id())
        await self.server.call("/server/users/get", user=user["_id"])
        await self.server.call("/server/users/suspend", user=user["_id"], reason="spam")

        name = "key coins-complaints-console-messages-rooms-sessions-users"
        found = await self.deeds(user["_id"])
        expected = [("suspend", "spam"), ("get user", None), ("create user", None)]
        self.assertEqual([(name, deed, "127.0.0.1", why) for deed, why in expected], found)

    async def test_operators(self) -> None:
        """Operators find a user without a phone by the app's own id, and see it."""
        id = an_external_id()
        user = await self.upsert(external_id=id)

        done = await run("--data-dir", str(self.daemon.data), "--json", "users", "show", id)

        self.assertEqual(user, {**done.json["user"], "suspension": done.json["suspension"]})

    async def test_search(self) -> None:
        """Users are found by the beginning of their nickname, page by page, although users may not search."""
        name = token_hex(6)
        made = [await self.upsert(external_id=an_external_id(), nickname=f"{name}{n}") for n in range(3)]

        pages = [await self.server.call("/server/users/search", name=name, skip=skip, limit=2) for skip in (0, 2)]

        self.assertEqual(made, [user for page in pages for user in page.data["users"]])

    async def test_without_a_phone(self) -> None:
        """A user without a phone is shown to others with a phone of null."""
        anna, made = await self.a_person(), await self.upsert(external_id=an_external_id())

        shown = (await anna.call("/init/getUser", user_id=made["_id"])).data["user"]

        self.assertEqual((None, False), (shown["phone"], "external_id" in shown))


class Sessions(ServerCase):
    async def open(self, **whom: str) -> Answer:
        return await self.server.call("/server/sessions/new", **whom)

    async def test_opened(self) -> None:
        """A session of the app's server is as one by phone: calls and sockets take it."""
        id = an_external_id()
        user = await self.upsert(external_id=id)

        answer = await self.open(external_id=id)

        self.assertEqual(201, answer.status)
        self.assertEqual(["session_key"], list(answer.data))
        key = answer.data["session_key"]
        self.assertEqual(user["_id"], (await self.own(key)).data["user"]["_id"])
        socket = await self.a_socket()
        await socket.bind(key)

    async def test_repeated(self) -> None:
        """Under an Idempotency-Key the same session key comes again, although it is stored nowhere; not to another
        server, nor once the session has ended.
        """
        anna, key = await self.a_person(), token_hex(8)
        other = await an_app_server(self.daemon, "sessions")

        first, again = [await self.server.keyed(key, "/server/sessions/new", user=anna.id) for _ in range(2)]
        others = await other.keyed(key, "/server/sessions/new", user=anna.id)
        sessions = (await anna.call("/init/sessions")).data["sessions"]
        await call(self.daemon.http, "/init/exit", {"session_key": first.data["session_key"]})
        ended = await self.server.keyed(key, "/server/sessions/new", user=anna.id)

        self.assertEqual((first.data, 3), (again.data, len(sessions)))
        self.assertNotEqual(first.data, others.data)
        self.assertEqual(first.data, ended.data)
        self.assertEqual(440, (await self.own(ended.data["session_key"])).status)

    async def test_suspended(self) -> None:
        """A suspended user is refused; with the end of the suspension they are signed in again."""
        anna = await self.a_person()
        await self.server.call("/server/users/suspend", user=anna.id, reason="spam")

        refused = await self.open(user=anna.id)
        await self.server.call("/server/users/unsuspend", user=anna.id)

        self.assertEqual((403, "suspended", None), (refused.status, refused.code, refused.json["until"]))
        self.assertEqual(201, (await self.open(user=anna.id)).status)

    async def test_deleted(self) -> None:
        """A deletion ends all sessions, puts the user out of their room and hides them; a new session cancels it."""
        anna, boris = await self.a_person(), await self.a_person()
        room = (await boris.call("/room/create", room={"name": "x"})).data["room"]["_id"]
        for person in (anna, boris):
            await person.enter(room)

        deleted = await self.server.call("/server/users/delete", user=anna.id, reason="left")

        self.assertEqual((200, {}), (deleted.status, deleted.json))
        inside = (await boris.call("/room/get", room_id=room)).data["rooms"][0]["users"]
        self.assertEqual((440, [boris.id]), ((await anna.call("/init/getUser")).status, inside))
        self.assertEqual(404, (await self.server.call("/server/users/get", user=anna.id)).status)
        refused = await self.server.call("/server/users/upsert", phone=anna.phone, nickname="x")
        self.assertEqual(409, refused.status)
        key = (await self.open(phone=anna.phone)).data["session_key"]
        self.assertEqual(anna.id, (await self.own(key)).data["user"]["_id"])

    async def test_ended(self) -> None:
        """The end of all sessions closes the sockets."""
        anna = await self.a_person()
        socket = await self.a_listener(anna)

        answer = await self.server.call("/server/users/end-sessions", user=anna.id, reason="a lost phone")

        self.assertEqual((200, {}), (answer.status, answer.json))
        self.assertEqual(4440, await socket.closed())
        self.assertEqual(440, (await anna.call("/init/getUser")).status)

    async def test_reasons(self) -> None:
        """The audit log has the reason of each deed for which one may be given."""
        anna = await self.a_person()
        deeds = ("suspend", "unsuspend", "end-sessions", "delete")
        for deed in deeds:
            answer = await self.server.call(f"/server/users/{deed}", user=anna.id, reason=f"because: {deed}")
            self.assertEqual(200, answer.status, answer)

        self.assertEqual(
            [f"because: {deed}" for deed in reversed(deeds)], [why for *_, why in await self.deeds(anna.id)]
        )

    async def test_again(self) -> None:
        """Who is not suspended is not suspended any more: 200. Who does not exist is 404 everywhere."""
        anna = await self.a_person()

        again = await self.server.call("/server/users/unsuspend", user=anna.id)

        self.assertEqual(200, again.status)
        for call_ in (
            "users/get",
            "users/suspend",
            "users/unsuspend",
            "users/delete",
            "users/end-sessions",
            "sessions/new",
        ):
            answer = await self.server.call(f"/server/{call_}", external_id=an_external_id(), reason="x")
            self.assertEqual((404, "user-not-found"), (answer.status, answer.code), call_)
            answer = await self.server.call(f"/server/{call_}", user="0" * 24, reason="x")
            self.assertEqual((404, "user-not-found"), (answer.status, answer.code), call_)


class Complaining(ServerCase):
    async def test_closed(self) -> None:
        """An app's server lists complaints and closes them, once."""
        anna, boris = await self.a_person(), await self.a_person()
        made = (await anna.call("/complaints/new", user=boris.id, text="rude")).json["complaint"]

        (latest,) = (await self.server.call("/server/complaints/list", status="open", limit=1)).data["complaints"]
        closed = await self.server.call("/server/complaints/close", complaint=made["_id"], note="told him")
        again = await self.server.call("/server/complaints/close", complaint=made["_id"], note="told him")
        (found,) = (await self.server.call("/server/complaints/list", status="closed", limit=1)).data["complaints"]
        skipped = (await self.server.call("/server/complaints/list", skip=1, limit=1)).data["complaints"]

        self.assertEqual({**made, "closed_at": None, "note": None}, latest)
        self.assertEqual([200, 409], [closed.status, again.status])
        self.assertEqual((made["_id"], "closed", "told him"), (found["_id"], found["status"], found["note"]))
        self.assertNotIn(made["_id"], [each["_id"] for each in skipped])


class Klein(ServerCase):
    """The same calls without the fast lane."""

    fast_lane = False

    async def test_served(self) -> None:
        """A call with a key is carried out, with another one it is refused."""
        user = await self.upsert(external_id=an_external_id(), nickname="Anna")

        wrong = AppServer(self.daemon, f"jc_{token_hex(24)}")

        self.assertEqual(
            "Anna", (await self.server.call("/server/users/get", user=user["_id"])).data["user"]["nickname"]
        )
        self.assertEqual(401, (await wrong.call("/server/users/get", user=user["_id"])).status)
