"""The operators' console: every deed by a key with the scope ``console`` alone, each with its line in the audit log."""

import time
from secrets import token_hex
from typing import Any

from tests.support.chat import Person, a_room
from tests.support.client import call
from tests.support.servers import SCOPES, AppServer, a_key, an_app_server
from tests.support.waiting import eventually
from tests.support.wire import NOBODY, SettingsCase
from tests.support.words import word_list_settings

HELD = "what a badword"


class ConsoleCase(SettingsCase):
    async def setUp(self) -> None:
        self.settings = word_list_settings("hold")
        await super().setUp()
        self.console = await an_app_server(self.daemon, "console")

    async def done(self, path: str, /, **body: Any) -> Any:
        """The answer to a deed that succeeds."""
        answer = await self.console.call(f"/server/{path}", **body)
        self.assertIn(answer.status, (200, 201), (path, answer))
        return answer.json.get("data")

    async def refused(self, path: str, /, **body: Any) -> tuple[int, str]:
        answer = await self.console.call(f"/server/{path}", **body)
        return answer.status, answer.code

    async def deeds(self, whom: str) -> list[tuple[str, str | None]]:
        """What the audit log has about somebody or something, the first first."""
        lines = (await self.done("audit/list", whom=whom))["audit"]
        for line in lines:
            self.assertEqual(("console", "console", "127.0.0.1"), (line["kind"], line["who"], line["from"]))
        return [(line["deed"], line["why"]) for line in reversed(lines)]


class Complaints(ConsoleCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(nickname="Anna"), await self.a_person(nickname="Boris")
        self.room = await a_room(self.anna, self.anna, self.boris)

    async def a_complaint(self, text: str = "rude") -> tuple[str, str]:
        """The ids of a complaint of Anna's and of the message of Boris' that it is about."""
        message = (await self.boris.say(self.room, "you fool")).data["message"]["_id"]
        answer = await self.anna.call("/complaints/new", message=message, text=text)
        return answer.json["complaint"]["_id"], message

    async def test_shown(self) -> None:
        """A complaint is shown with five messages before and after, the earlier ones, and both people's state."""
        first, _ = await self.a_complaint("first")
        said = [(await self.anna.say(self.room, f"{n}")).data["message"]["_id"] for n in range(7)]
        id, message = await self.a_complaint("second")
        said += [(await self.anna.say(self.room, f"{n}")).data["message"]["_id"] for n in range(7)]
        await self.done("users/suspend", user=self.boris.id, reason="insults")

        shown = await self.done("complaints/show", complaint=id)

        self.assertEqual((id, message), (shown["complaint"]["_id"], shown["complaint"]["message"]["_id"]))
        self.assertEqual(said[2:12], [each["_id"] for each in shown["around"]])
        self.assertEqual([first], [each["_id"] for each in shown["earlier"]])
        self.assertEqual(self.room, shown["room"]["_id"])
        self.assertEqual((self.anna.id, None), (shown["author"]["_id"], shown["author"]["suspension"]))
        self.assertEqual((self.boris.id, "insults"), (shown["user"]["_id"], shown["user"]["suspension"]["reason"]))
        self.assertEqual((404, "not-found"), await self.refused("complaints/show", complaint=NOBODY))

    async def test_worked_off(self) -> None:
        """A queue is worked off: drop the message, close with a note, open again, close."""
        id, message = await self.a_complaint()

        self.assertIn(id, [each["_id"] for each in (await self.done("complaints/list", status="open"))["complaints"]])
        await self.done("messages/remove", message=message)
        await self.done("complaints/close", complaint=id, note="removed")
        self.assertEqual((409, "conflict"), await self.refused("complaints/close", complaint=id, note="x"))
        await self.done("complaints/reopen", complaint=id)
        self.assertEqual((409, "conflict"), await self.refused("complaints/reopen", complaint=id))
        opened = (await self.done("complaints/show", complaint=id))["complaint"]
        await self.done("complaints/close", complaint=id, note="once more")

        fields = ("status", "note", "closed_at")
        self.assertEqual(("open", None, None), tuple(opened[field] for field in fields))
        self.assertIsNone(opened["message"]["text"])  # the words went with the message when it was closed first
        closes = [("close complaint", "removed"), ("reopen complaint", None), ("close complaint", "once more")]
        self.assertEqual(closes, await self.deeds(id))
        self.assertEqual([("remove message", None)], await self.deeds(message))


class People(ConsoleCase):
    async def test_in_a_room(self) -> None:
        """Silence and its end, ban and unban, as the room's admin, whom nobody silences or bans."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        about = {"room_id": room, "user": boris.id}
        soon = int(time.time() * 1000) + 600_000

        await self.done("rooms/silence", **about, finished=soon, text="enough")
        self.assertEqual("silenced", (await boris.say(room, "hello")).code)
        shown = (await self.done("rooms/show", room=room))["room"]
        await self.done("rooms/silence", **about, finished=0)
        self.assertEqual(200, (await boris.say(room, "hello")).status)
        await self.done("rooms/ban", **about)
        self.assertEqual("banned", (await boris.enter(room)).code)
        await self.done("rooms/unban", **about)
        self.assertEqual(200, (await boris.enter(room)).status)

        self.assertEqual({boris.id: soon}, shown["silently"])
        admin = {"room_id": room, "user": anna.id}
        for path, more in (("silence", {"finished": soon}), ("ban", {}), ("unban", {})):
            self.assertEqual((403, "outranked"), await self.refused(f"rooms/{path}", **admin, **more))
            nobody = {"room_id": room, "user": NOBODY, **more}
            self.assertEqual((404, "user-not-found"), await self.refused(f"rooms/{path}", **nobody))
        (silenced, _), *others = await self.deeds(boris.id)
        self.assertEqual("silence", silenced)
        self.assertEqual([(deed, f"room {room}") for deed in ("unsilence", "ban", "unban")], others)
        self.assertEqual([], await self.deeds(anna.id))

    async def test_users(self) -> None:
        """People are listed, found, suspended and let in again; whoever looks leaves no line."""
        olga = await self.a_person(nickname="Olga of the console")

        latest = (await self.done("users/list", limit=1))["users"]
        known = (await self.done("users/list", users=[olga.id, NOBODY]))["users"]
        found = (await self.done("users/search", name="olga of the c"))["users"]
        shown = (await self.done("users/get", phone=olga.phone))["user"]
        self.assertEqual([[olga.id]] * 3, [[each["_id"] for each in users] for users in (latest, known, found)])
        self.assertEqual((olga.id, None), (shown["_id"], shown["suspension"]))
        await self.done("users/suspend", user=olga.id, reason="spam")
        self.assertEqual("spam", (await self.done("users/list", limit=1))["users"][0]["suspension"]["reason"])
        await self.done("users/unsuspend", user=olga.id)
        await self.done("users/end-sessions", user=olga.id)

        deeds = [("suspend", "spam"), ("unsuspend", None), ("end sessions", None)]
        self.assertEqual(deeds, await self.deeds(olga.id))

    async def test_not_its_own(self) -> None:
        """The scope gives no power to act as somebody, to make users or rooms, to delete people, or to add coins."""
        olga = await self.a_person()
        user = {"user": olga.id}

        for path, body in (
            ("sessions/new", user),
            ("coins/add", {**user, "coins": 5, "payment_id": token_hex(4)}),
            ("users/upsert", {"external_id": "x"}),
            ("users/delete", {**user, "reason": "x"}),
            ("rooms/create", {**user, "room": {"name": "x"}}),
            ("rooms/put", {**user, "room_id": NOBODY}),
            ("messages/send", {"author": olga.id, "to": olga.id, "text": "x"}),
        ):
            self.assertEqual((403, "scope-missing"), await self.refused(path, **body), path)

    async def test_rooms(self) -> None:
        """Rooms are listed, also private ones, and shown with their people and what was said last."""
        anna, boris = await self.a_person(nickname="Anna"), await self.a_person(nickname="Boris")
        name = f"room {token_hex(6)}"
        room = await a_room(anna, anna, boris, name=name, password="sesame")
        said = [(await boris.say(room, f"{n}")).data["message"]["_id"] for n in range(3)]

        (listed,) = (await self.done("rooms/list", name=name))["rooms"]
        shown = await self.done("rooms/show", room=room, messages=2)

        self.assertEqual((room, True, 2), tuple(listed[field] for field in ("_id", "is_private", "users_count")))
        self.assertEqual(said[1:], [each["_id"] for each in shown["messages"]])
        self.assertEqual({"Anna", "Boris"}, {each["nickname"] for each in shown["people"]})
        self.assertEqual((404, "room-not-found"), await self.refused("rooms/show", room=NOBODY))
        app = await an_app_server(self.daemon, "rooms")
        self.assertEqual(403, (await app.call("/server/rooms/show", room=room)).status)


class Held(ConsoleCase):
    async def held(self) -> dict[str, str]:
        """The messages that wait: their texts by their ids."""
        listed = (await self.done("held/list"))["messages"]
        self.assertEqual([True] * len(listed), [each["held"] for each in listed])
        return {each["_id"]: each["text"] for each in listed}

    async def test_decided(self) -> None:
        """What waits in a room and in a dialog is listed, and let go or dropped, once."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        bound = await self.a_listener(boris)
        said = (await anna.say(room, HELD)).data["message"]["_id"]
        written = await anna.call("/user/sendMessage", message={"user": boris.id, "text": HELD})
        direct = written.data["message"][0]["_id"]

        waiting = await self.held()
        await self.done("held/release", message=said)
        await self.done("held/drop", message=direct)

        self.assertEqual((HELD, HELD), (waiting[said], waiting[direct]))
        event = (await bound.next("message"))["data"]
        self.assertEqual((said, HELD), (event["_id"], event["text"]))

        async def is_over() -> bool:
            return not {said, direct} & set(await self.held())

        await eventually(is_over, "the decisions to be carried out")
        self.assertEqual([], await bound.silence())
        for message in (said, direct, NOBODY):
            self.assertEqual((404, "message-not-found"), await self.refused("held/release", message=message))
        self.assertEqual([("release message", None)], await self.deeds(said))
        self.assertEqual([("drop message", None)], await self.deeds(direct))


class Gifts(ConsoleCase):
    async def sold(self, person: Person) -> dict[str, tuple[str, int]]:
        gifts = (await person.call("/gifts")).data["gifts"]
        return {gift["_id"]: (gift["name"], gift["price"]) for gift in gifts}

    async def test_life(self) -> None:
        """A gift is added, changed, taken off sale, and sold again; a name is one gift."""
        anna, name = await self.a_person(), f"a rose {token_hex(4)}"
        rose = {"name": name, "price": 999, "image": "/gifts/rose.png"}

        gift = (await self.done("gifts/add", **rose))["gift"]
        self.assertEqual((name, 999), (await self.sold(anna))[gift["_id"]])
        self.assertEqual((409, "conflict"), await self.refused("gifts/add", **rose))
        changed = (await self.done("gifts/edit", gift=gift["_id"], price=1000))["gift"]
        self.assertEqual({**gift, "price": 1000}, changed)
        self.assertIn(changed, (await self.done("gifts/list"))["gifts"])
        await self.done("gifts/remove", gift=gift["_id"])
        self.assertNotIn(gift["_id"], await self.sold(anna))
        self.assertEqual((404, "gift-not-found"), await self.refused("gifts/edit", gift=gift["_id"], price=1))
        self.assertEqual((404, "gift-not-found"), await self.refused("gifts/remove", gift=gift["_id"]))
        again = (await self.done("gifts/add", **rose))["gift"]

        self.assertEqual(gift["_id"], again["_id"])
        deeds = [("load gift", name), ("edit gift", None), ("withdraw gift", None), ("load gift", name)]
        self.assertEqual(deeds, await self.deeds(gift["_id"]))
        for wrong in ({"image": "javascript:alert(1)"}, {"price": 0}, {"name": " "}):
            self.assertEqual((400, "invalid-fields"), await self.refused("gifts/add", **{**rose, **wrong}))
        self.assertEqual((400, "invalid-fields"), await self.refused("gifts/edit", gift=gift["_id"]))


class Keys(ConsoleCase):
    async def test_whoami(self) -> None:
        """A key is shown to its holder, without itself; one without the scope is refused."""
        key = (await self.done("whoami"))["key"]

        self.assertEqual(("console", ["console"], []), tuple(key[field] for field in ("name", "scopes", "networks")))
        self.assertNotIn(self.console.key, str(key))
        app = await an_app_server(self.daemon, *(set(SCOPES) - {"console"}))
        self.assertEqual(403, (await app.call("/server/whoami")).status)

    async def test_life(self) -> None:
        """A key is made, works, is listed without itself, and is revoked; from then on it does nothing."""
        name = token_hex(6)

        made = await self.done("keys/add", name=name, scopes=["console"], networks=["127.0.0.0/8"])
        other = AppServer(self.daemon, made["secret"])
        self.assertEqual(200, (await other.call("/server/whoami")).status)
        listed = (await self.done("keys/list"))["keys"]
        self.assertEqual((409, "conflict"), await self.refused("keys/add", name=name, scopes=["console"]))
        await self.done("keys/revoke", key=made["key"]["_id"])
        self.assertEqual(401, (await other.call("/server/whoami")).status)
        self.assertEqual((409, "conflict"), await self.refused("keys/revoke", key=made["key"]["_id"]))
        self.assertEqual((404, "not-found"), await self.refused("keys/revoke", key=name))

        id = made["key"]["_id"]
        shown = {key["_id"]: key for key in listed}[id]
        self.assertEqual(["127.0.0.0/8"], shown["networks"])
        self.assertNotIn(made["secret"], str(listed))
        self.assertNotIn(id, [key["_id"] for key in (await self.done("keys/list"))["keys"]])
        self.assertIn(id, [key["_id"] for key in (await self.done("keys/list", revoked=True))["keys"]])
        added = f"{name}; scopes: console; networks: 127.0.0.0/8"
        self.assertEqual([("add key", added), ("revoke key", name)], await self.deeds(id))

    async def test_no_escalation(self) -> None:
        """A key hands out no scope that it has not, and no network beyond its own, which it passes on."""
        for scope in set(SCOPES) - {"console"}:
            for scopes in ([scope], ["console", scope]):
                refused = await self.refused("keys/add", name=token_hex(4), scopes=scopes)
                self.assertEqual((403, "scope-missing"), refused)
        networks = ("--network", "127.0.0.0/16", "2001:db8::/32")
        key = await a_key(self.daemon, token_hex(4), "--scope", "console", "users", *networks)
        bound = AppServer(self.daemon, key)
        for network in ("0.0.0.0/0", "127.0.0.0/8", "192.0.2.0/24", "::/0", "2001:db8::/31"):
            answer = await bound.call("/server/keys/add", name=token_hex(4), scopes=["users"], networks=[network])
            self.assertEqual((403, "beyond-networks"), (answer.status, answer.code), network)

        inside = await bound.call("/server/keys/add", name=token_hex(4), scopes=["users"], networks=["127.0.0.0/24"])
        unsaid = await bound.call("/server/keys/add", name=token_hex(4), scopes=["users"])

        self.assertEqual(["127.0.0.0/24"], inside.data["key"]["networks"])
        self.assertEqual(["127.0.0.0/16", "2001:db8::/32"], unsaid.data["key"]["networks"])

    async def test_sent_again(self) -> None:
        """Under one Idempotency-Key one key is made, which comes again, though it is stored nowhere."""
        name, once = token_hex(6), token_hex(6)

        answers = [await self.console.keyed(once, "/server/keys/add", name=name, scopes=["console"]) for _ in range(2)]

        self.assertEqual([201, 201], [answer.status for answer in answers])
        self.assertEqual(1, len({answer.data["secret"] for answer in answers}))
        self.assertEqual(1, len(await self.deeds(answers[0].data["key"]["_id"])))


class Rest(ConsoleCase):
    async def test_lists(self) -> None:
        """Webhooks, announcements and the audit log are listed, and reading leaves no line."""
        anna = await self.a_person()
        app = await an_app_server(self.daemon, "messages")
        sent = await app.call("/server/messages/send", to="everyone", author=anna.id, text="hello all")
        id = sent.data["announcement"]["_id"]
        before = (await self.done("audit/list", limit=5))["audit"]

        announced = (await self.done("announcements/list"))["announcements"]
        webhooks = await self.done("webhooks/list")

        self.assertIn(id, [each["_id"] for each in announced])
        self.assertEqual({"webhooks": []}, webhooks)
        self.assertEqual(before, (await self.done("audit/list", limit=5))["audit"])
        self.assertEqual(before[2:4], (await self.done("audit/list", skip=2, limit=2))["audit"])
        self.assertEqual((404, "not-found"), await self.refused("webhooks/replay", webhook=NOBODY))
        self.assertEqual({"replayed": 0}, await self.done("webhooks/replay"))
        refused = await self.refused("announcements/stop", announcement=NOBODY)
        self.assertEqual((404, "message-not-found"), refused)

    async def test_by_everybody(self) -> None:
        """Without a key, and with a session's, the console's calls answer 401."""
        anna = await self.a_person()

        for key in (None, anna.session_key):
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            for path in ("whoami", "keys/list", "audit/list", "held/list", "rooms/show"):
                answer = await call(self.daemon.http, f"/server/{path}", {}, headers)
                self.assertEqual((401, "wrong-server-key"), (answer.status, answer.code), path)
