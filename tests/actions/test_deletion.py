"""Deletion of accounts: the grace, in which a sign-in cancels it, and what is left afterwards."""

import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from bson import ObjectId
from pymongo import MongoClient

from tests.support.admin import Done, run
from tests.support.chat import ChatTestCase, Person, a_person, a_phone, a_room, keyed, register, sign_in
from tests.support.client import Answer, call, request
from tests.support.daemon import Daemon
from tests.support.mongo import words_in
from tests.support.picture_files import picture
from tests.support.servers import an_app_server
from tests.support.waiting import eventually
from tests.support.wire import TIME

_shared: dict[str, Daemon] = {}


class DeletionCase(ChatTestCase):
    settings = ""

    async def setUp(self) -> None:
        if self.settings:
            if self.settings not in _shared:
                _shared[self.settings] = await Daemon(settings=self.settings).start()
            self.daemon = _shared[self.settings]
            self._logged, self._listeners = len(self.daemon.log), []
        else:
            await super().setUp()

    async def admin(self, *arguments: str) -> Done:
        return await run("--data-dir", str(self.daemon.data), *arguments)

    async def delete(self, person: Person) -> Answer:
        return await person.call("/user/delete", key=person.key)


class Grace(DeletionCase):
    async def test_from_then_on(self) -> None:
        """All sessions are over, sockets are closed, the room is left, and calls that name the person are 404."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(boris, boris, anna)
        second = await sign_in(self.daemon, anna.phone, anna.key)
        socket, listener = await self.a_listener(second), await self.a_listener(boris)
        await boris.call("/user/sendMessage", message={"user": anna.id, "text": "hello"})  # looks anna up

        answer = await self.delete(anna)

        self.assertEqual(202, answer.status, answer)
        deletes_at = datetime.fromisoformat(answer.data["deletes_at"])
        left = deletes_at - datetime.now(deletes_at.tzinfo)
        self.assertTrue(timedelta(days=13.9) < left <= timedelta(days=14), left)
        self.assertEqual({440}, {(await person.call("/init/getUser")).status for person in (anna, second)})
        await socket.closed()
        event = await listener.next()
        self.assertEqual(("leave", anna.id), (event["data"]["type"], event["data"]["user"]))
        for path, body in self.naming(anna, room):
            answer = await boris.call(path, **body)
            self.assertEqual((404, path), (answer.status, path), answer)
        self.assertEqual([], (await boris.call("/init/getUsers", user_ids=[anna.id])).data["users"])

    def naming(self, person: Person, room: str) -> list[tuple[str, dict[str, Any]]]:
        """Calls that name a person."""
        return [
            ("/init/getUser", {"user_id": person.id}),
            ("/user/sendMessage", {"message": {"user": person.id, "text": "hello"}}),
            ("/user/gifts", {"user": person.id}),
            ("/user/dialog", {"user": person.id}),
            ("/room/ban", {"room_id": room, "user_id": person.id}),
            ("/room/add-moderator", {"room_id": room, "user_id": person.id}),
        ]

    async def test_cancelled(self) -> None:
        """Signing in brings everything back: the profile, the coins, the dialogs."""
        anna, boris = await self.a_person(nickname="Anna"), await self.a_person()
        await self.admin("users", "correct-balance", anna.id, "100", "--reason", "a gift")
        await anna.call("/user/sendMessage", message={"user": boris.id, "text": "hello"})
        before = await anna.shown()
        await self.delete(anna)

        anna = await sign_in(self.daemon, anna.phone, anna.key)

        self.assertEqual(before, await anna.shown())
        self.assertEqual(1, len((await anna.call("/user/dialogs")).data["dialogs"]))
        self.assertEqual(200, (await boris.call("/init/getUser", user_id=anna.id)).status)
        sent = await boris.call("/user/sendMessage", message={"user": anna.id, "text": "hello"})
        self.assertEqual(200, sent.status)

    async def test_export(self) -> None:
        """An export that was asked for before the request is made all the same."""
        anna = await self.a_person()
        export = (await anna.call("/user/export")).data["export"]["_id"]
        await self.delete(anna)
        archives = self.daemon.data / "exports"
        before = set(archives.glob("*.zip"))
        await eventually(lambda: set(archives.glob("*.zip")) - before, "the archive")

        anna = await sign_in(self.daemon, anna.phone, anna.key)

        async def is_ready() -> bool:
            shown = (await anna.call("/user/export", export=export)).data["export"]
            return bool(shown["status"] == "ready")

        await eventually(is_ready, "the export")

    async def test_new_key(self) -> None:
        """A new key by SMS cancels nothing; signing in with it does. The phone has one account all the time."""
        anna = await self.a_person()
        await self.delete(anna)

        key = await register(self.daemon, anna.phone)

        self.assertEqual(404, (await (await self.a_person()).call("/init/getUser", user_id=anna.id)).status)
        self.assertEqual(anna.id, (await sign_in(self.daemon, anna.phone, key)).id)

    async def test_wrong_key(self) -> None:
        """A wrong key is 401 and deletes nothing, and wrong keys are counted as at a sign-in."""
        anna = await self.a_person()

        answers = [await anna.call("/user/delete", key="000000") for _ in range(6)]

        self.assertEqual([401] * 5, [answer.status for answer in answers[:5]])
        self.assertIn((await self.delete(anna)).status, (401, 429))
        self.assertEqual(200, (await anna.call("/init/getUser")).status)

    async def test_shape(self) -> None:
        """The key is required, and so is a session."""
        anna = await self.a_person()

        self.assertEqual(400, (await anna.call("/user/delete")).status)
        self.assertEqual(440, (await call(self.daemon.http, "/user/delete", {"key": anna.key})).status)

    async def test_operator(self) -> None:
        """An operator deletes an account, too; its user can cancel that. Each deed is in the audit log."""
        anna = await self.a_person()
        done = await self.admin("users", "delete", anna.phone, "--reason", "asked by mail")

        self.assertEqual(0, done.code, done)

        async def is_over() -> bool:
            return (await anna.call("/init/getUser")).status == 440

        await eventually(is_over, "the session to end")
        deeds = (await self.admin("audit", "list", "--whom", anna.id, "--json")).json["audit"]
        self.assertEqual([("delete user", "asked by mail")], [(deed["deed"], deed["why"]) for deed in deeds])
        self.assertEqual(anna.id, (await sign_in(self.daemon, anna.phone, anna.key)).id)

    async def test_suspended(self) -> None:
        """A suspended person is not signed in, so that cancels nothing."""
        anna = await self.a_person()
        for arguments in (("suspend", anna.id, "--reason", "x"), ("delete", anna.id, "--reason", "x")):
            self.assertEqual(0, (await self.admin("users", *arguments)).code, arguments)
        boris = await self.a_person()

        answer = await call(self.daemon.http, "/init/auth", {"phone": anna.phone, "key": anna.key})

        self.assertEqual((403, "suspended"), (answer.status, answer.code))
        self.assertEqual(404, (await boris.call("/init/getUser", user_id=anna.id)).status)


class AtOnce(DeletionCase):
    """Without a grace."""

    settings = "[accounts]\ndeletion_grace = 0\n"

    def database(self) -> Any:
        (socket,) = (path for path in (self.daemon.data / "mongo").iterdir() if path.is_socket())
        client: MongoClient[Any] = MongoClient(f"mongodb://{quote(str(socket), safe='')}")
        self.addCleanup(client.close)
        return client["justchat"]

    async def erased(self, database: Any, person: Person) -> None:
        """Returns once what the person left is erased."""

        async def is_erased() -> bool:
            return not words_in(database, person.phone)

        await eventually(is_erased, "the person to be erased")

    async def test_nothing_left(self) -> None:
        """No word of the person, nor their phone, is in any collection or answer; ids, numbers and sums stay."""
        word = f"w{secrets.token_hex(8)}"
        anna, boris = await a_person(self.daemon, nickname=f"{word} a", location=f"{word} b"), await self.a_person()
        room = await a_room(boris, boris, anna, name="their room")
        own = await a_room(anna, name="hers", password="secret")
        await anna.call("/init/edit", user={"photo": f"https://example.org/{word}.png"})
        await self.admin("users", "correct-balance", anna.id, "10000", "--reason", "a gift")
        said = (await anna.say(room, f"{word} c")).data["message"]
        await boris.say(room, "quoting", ref_message=said["_id"])
        await keyed(anna, "the key", "/room/sendMessage", message={"room_id": room, "text": f"{word} d"})
        direct = (await anna.call("/user/sendMessage", message={"user": boris.id, "text": f"{word} e"})).data
        await boris.call("/user/sendMessage", message={"user": anna.id, "text": "hello"})
        gift = (await anna.call("/gifts")).data["gifts"][0]["_id"]
        await anna.call("/gifts/send", user=boris.id, gift=gift, text=f"{word} f")
        await anna.call("/complaints/new", message=said["_id"], text=f"{word} g")
        await boris.call("/complaints/new", message=direct["message"][0]["_id"], text="rude")
        await boris.call("/room/kick", room_id=room, user_id=anna.id, ref_message=said["_id"])
        server = await an_app_server(self.daemon)
        await server.call("/server/messages/send", to="everyone", author=anna.id, text=f"{word} h")
        await server.call("/server/messages/send", room=room, author=anna.id, text=f"{word} i")
        await server.call("/server/rooms/create", user=anna.id, room={"name": f"{word} j"})
        database = self.database()
        self.assertLessEqual({"log", "announcements"}, set(words_in(database, word)))
        history = (await boris.call("/room/chat", room=room)).data["chat"]

        self.assertEqual(202, (await self.delete(anna)).status)

        async def left() -> list[str]:
            return words_in(database, word) + words_in(database, anna.phone)

        async def is_clean() -> bool:
            return not await left()

        await eventually(is_clean, lambda: f"nothing to be left in {words_in(database, word)}")
        after = (await boris.call("/room/chat", room=room)).data["chat"]
        self.assertEqual([message["seq"] for message in history], [message["seq"] for message in after])
        mine = [message for message in after if message["_id"] == said["_id"]]
        self.assertEqual([(anna.id, None)], [(message["author"], message["text"]) for message in mine])
        self.assertIsNotNone(mine[0]["removed_at"])
        self.assertEqual([], (await boris.call("/user/dialogs")).data["dialogs"])
        listener = await self.a_socket()
        listener.say({"event": "init", "data": {"session_key": boris.session_key, "n": 0}})
        told = (await listener.next("direct-message"))["data"]
        self.assertEqual((direct["message"][0]["_id"], None), (told["_id"], told["text"]))
        self.assertRegex(told["removed_at"], TIME)
        self.assertEqual(404, (await boris.call("/room/enter", room={"id": own})).status)
        self.assertEqual(1, (await boris.shown())["gifts_count"])
        again = await register(self.daemon, anna.phone)
        self.assertNotEqual(anna.id, (await sign_in(self.daemon, anna.phone, again)).id)

    async def test_pictures(self) -> None:
        """Their pictures are not served any more."""
        anna = await self.a_person()
        bearer = {"Authorization": f"Bearer {anna.session_key}"}
        path = (await request(self.daemon.http, "POST", "/upload", picture("PNG"), bearer)).json["url"]
        await anna.call("/init/edit", user={"photo": path})

        await self.delete(anna)

        async def is_gone() -> bool:
            return (await request(self.daemon.http, "HEAD", f"/{path}")).status == 404

        await eventually(is_gone, "the picture to be removed")

    async def test_rooms(self) -> None:
        """A room passes to the moderator who was named first and is still here, and all rights with it."""
        anna, boris, carla, dora = [await self.a_person() for _ in range(4)]
        room = await a_room(anna, anna, boris, carla, dora)
        for moderator in (boris, carla):
            await anna.call("/room/add-moderator", room_id=room, user_id=moderator.id)
        await self.delete(boris)
        listener = await self.a_listener(dora)

        await self.delete(anna)

        while (event := (await listener.next())["data"])["type"] != "new admin":
            self.assertEqual("leave", event["type"])
        self.assertEqual(carla.id, event["user"])
        shown = (await carla.call("/room/get", room_id=room)).data["rooms"][0]
        self.assertEqual((carla.id, []), (shown["admin"], [each for each in shown["moderators"] if each == carla.id]))
        self.assertEqual([room], (await carla.shown())["rooms"])
        self.assertEqual(201, (await carla.call("/room/add-moderator", room_id=room, user_id=dora.id)).status)

    async def test_deleted_moderator(self) -> None:
        """The admin takes the rank away from a moderator who is deleted."""
        anna, boris, carla = [await self.a_person() for _ in range(3)]
        room = await a_room(anna, anna, boris, carla)
        await anna.call("/room/add-moderator", room_id=room, user_id=boris.id)
        await self.delete(boris)
        listener = await self.a_listener(carla)

        answers = [await anna.call("/room/remove-moderator", room_id=room, user_id=boris.id) for _ in range(2)]

        self.assertEqual([200, 404], [answer.status for answer in answers])
        data = (await listener.next())["data"]
        self.assertEqual(("remove moderator", boris.id), (data["type"], data["user"]))
        self.assertEqual([], (await anna.call("/room/get", room_id=room)).data["rooms"][0]["moderators"])

    async def test_exports(self) -> None:
        """An export ends with the person, made or not; nobody logs that as a fault."""
        anna, boris = await self.a_person(), await self.a_person()
        exported = self.database()["exports"]
        await boris.call("/user/export")
        await eventually(lambda: exported.find_one({"user": ObjectId(boris.id), "status": "ready"}), "the export")
        await anna.call("/user/export")

        for person in (anna, boris):
            await self.delete(person)

        wanted = {"user": {"$in": [ObjectId(anna.id), ObjectId(boris.id)]}, "status": {"$ne": "failed"}}
        await eventually(lambda: exported.find_one(wanted) is None, "the exports to end")

    async def test_hold(self) -> None:
        """An operator holds a deletion, and releases it."""
        anna = await self.a_person(nickname="held")
        database = self.database()
        until = (datetime.now() + timedelta(days=30)).isoformat(timespec="seconds")
        held = await self.admin("users", "hold", anna.id, "--until", until, "--reason", "a complaint")
        self.assertEqual(0, held.code, held)
        await self.delete(anna)
        first = await self.a_person()
        await self.delete(first)
        await self.erased(database, first)
        self.assertIn("users", words_in(database, anna.phone))

        await self.admin("users", "release", anna.phone)

        await self.erased(database, anna)

    async def test_begun(self) -> None:
        """Nothing cancels a deletion that has begun: the key is wrong, and a sign-up makes another account."""
        anna = await self.a_person()
        await self.delete(anna)
        await self.erased(self.database(), anna)

        answer = await call(self.daemon.http, "/init/auth", {"phone": anna.phone, "key": anna.key})

        self.assertEqual(401, answer.status)
        self.assertNotEqual(0, (await self.admin("users", "delete", anna.id, "--reason", "again")).code)


class Complained(DeletionCase):
    async def test_shown(self) -> None:
        """Operators see a person whose deletion was requested, and a complaint by them, or about them."""
        anna, boris = await self.a_person(nickname="Anna"), await self.a_person()
        for one, other in ((anna, boris), (boris, anna)):
            await one.call("/complaints/new", user=other.id, text="rude")
        await self.delete(anna)

        shown = await self.admin("users", "show", anna.phone)
        listed = (await self.admin("complaints", "list", "--json")).json["complaints"]

        self.assertIn("Anna", shown.output, shown)
        for complaint in listed[:2]:
            done = await self.admin("complaints", "show", complaint["_id"])
            self.assertIn("Anna", done.output, done)


class Unknown(DeletionCase):
    async def test_operator(self) -> None:
        """Nobody is deleted, held or released who does not exist; a hold ends in the future."""
        nobody = "0" * 24
        for arguments in (
            ("delete", nobody, "--reason", "x"),
            ("release", a_phone()),
            ("hold", nobody, "--until", "2999-01-01", "--reason", "x"),
        ):
            self.assertEqual(1, (await self.admin("users", *arguments)).code, arguments)
        past = await self.admin("users", "hold", nobody, "--until", "2001-01-01", "--reason", "x")
        self.assertEqual(1, past.code)
