"""No call scans a collection or sorts in memory, by MongoDB's own profile of every operation."""

import io
import itertools
import time
from typing import Any

from bson import ObjectId
from PIL import Image
from pymongo import MongoClient
from twisted.internet.defer import Deferred

from tests.support.chat import ChatTestCase, Person, a_phone, a_room, sign_in
from tests.support.client import call, request
from tests.support.daemon import Daemon
from tests.support.declared import declared
from tests.support.issuer import SECRET, issuer_settings, token
from tests.support.mongo import fresh_uri
from tests.support.servers import AppServer, an_app_server
from tests.support.waiting import eventually
from tests.support.webhooks import EVENTS, Receiver


class Plans(ChatTestCase):
    async def setUp(self) -> None:
        uri = fresh_uri()
        self.mongo = MongoClient[dict[str, Any]](uri)
        self.addCleanup(self.mongo.close)
        self.database = self.mongo.get_default_database()
        self.daemon = Daemon("--mongo", uri)
        config = self.daemon.folder / "justchat.toml"
        settings = "[privacy]\nsearch_users = true\n[accounts]\ndeletion_grace = 0\n"
        self.receiver = Receiver()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.receiver.stop()))
        config.write_text(
            settings + issuer_settings(algorithms=["HS256"], public_key=SECRET) + self.receiver.settings()
        )
        self.daemon.options += ("--config", str(config))
        await self.daemon.start()
        self._logged, self._listeners = 0, []
        self.called: set[str] = set()

    async def tearDown(self) -> None:
        await super().tearDown()
        await self.daemon.stop()
        self.daemon.remove()

    async def test_every_call(self) -> None:
        """Every operation of every call reads an index, in the order it needs."""
        server = await an_app_server(self.daemon)  # by a command, which looks whether the database is ours
        self.database.command({"profile": 2})

        await self.all_calls(server)
        told = {*EVENTS} - {"message.edited", "user.deleted"}
        await eventually(lambda: told <= {hook.type for hook in self.receiver.taken}, "all webhooks")
        await self.silence()
        self.database.command({"profile": 0})

        self.assertEqual(set(), {endpoint.path for endpoint in declared()} - self.called)
        operations = list(
            self.database["system.profile"].find({"op": {"$in": ["query", "command", "update", "remove"]}})
        )
        self.assertGreater(len(operations), 100)
        bad = [
            operation.get("command")
            for operation in operations
            if "COLLSCAN" in operation.get("planSummary", "") or operation.get("hasSortStage")
            if "profile" not in operation["ns"]
        ]
        self.assertEqual([], bad)
        reads = [operation["command"] for operation in operations if {"find", "aggregate"} & set(operation["command"])]
        self.assertEqual([], [command for command in reads if not command.get("maxTimeMS")])

    async def silence(self) -> None:
        """Wait for a round of snapshots."""
        listener = await self.a_socket()
        for _ in range(4):
            await listener.silence()

    async def all_calls(self, server: AppServer) -> None:
        """Each call, in each of its ways."""
        original = call

        async def noted(port: int, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
            self.called.add(path)
            return await original(port, path, body, headers)

        import tests.support.chat as chat
        import tests.support.servers as servers

        self.patch(chat, "call", noted)
        self.patch(servers, "call", noted)
        anna, boris, eve = [await self.a_person() for _ in range(3)]
        again = await sign_in(self.daemon, anna.phone, anna.key)
        by_token = {"jwt": token(algorithm="HS256")}
        made, known = [await noted(self.daemon.http, "/init/auth", by_token) for _ in range(2)]
        self.assertEqual((200, 200), (made.status, known.status))
        room = await a_room(anna, anna, boris)
        private = await a_room(boris, eve, password="x", name="a private room")
        first = (await anna.say(room, "one", client_id="c")).data["message"]
        await anna.say(room, "one", client_id="c")
        await boris.say(room, "two", ref_message=first["_id"])
        for skip in (0, 1, -1):
            await anna.call("/room/chat", room=room, skip=skip)
        await anna.call("/init/edit", user={"nickname": "anna"})
        await anna.call("/init/getUser", user_id=boris.id)
        for nickname, skip in (("anna", 0), ("a", 100)):
            self.assertEqual(200, (await anna.call("/user/search", nickname=nickname, skip=skip)).status)
        await anna.call("/init/getUsers", user_ids=[boris.id, eve.id])
        await anna.call("/init/invite", phons=[a_phone()])
        await anna.call("/init/sessions")
        for name, sort, way, filled, privated, count in itertools.product(
            (None, "ro", "room", "private room"),
            ("_id", "name", "users", "max_users", "admin", "create_at"),
            (1, -1),
            (False, "only"),
            (True, False),
            (True, False),
        ):
            wanted = {"filled": filled, "privated": privated, "countOnly": count}
            answer = await anna.call(
                "/room/get", sort={sort: way}, filter=wanted, **({} if name is None else {"name": name})
            )
            self.assertEqual(200, answer.status)
        await anna.call("/room/get", room_id=room)
        await anna.call("/room/edit", room={"id": room, "name": "room two"})
        await self.removals(anna, room)
        about = {"room_id": room, "user_id": boris.id}
        for path in ("add-moderator", "remove-moderator", "silence", "kick", "ban", "unban"):
            more = {"finished": int(time.time() * 1000) + 1000} if path == "silence" else {}
            self.assertIn((await anna.call(f"/room/{path}", **about, **more)).status, (200, 201))
        sent = [
            (await anna.call("/user/sendMessage", message={"user": boris.id, "text": f"{n}"})).data["message"][0]
            for n in range(3)
        ]
        for choice in ({}, {"author": anna.id}, {"user": anna.id}):
            await boris.call("/user/messages", **choice)
            await boris.call("/user/messages", countOnly=True, **choice)
        await boris.call("/user/dialogs")
        await boris.call("/user/dialog", user=anna.id)
        await boris.call("/user/messages/mark-as-read", message=sent[0]["_id"])
        await boris.call("/user/messages/remove", message=sent[2]["_id"])
        await boris.call("/user/remove-dialog", user=anna.id)
        for path in ("block", "blocks", "unblock"):
            more = {} if path == "blocks" else {"user": eve.id}
            self.assertEqual(200, (await anna.call(f"/user/{path}", **more)).status)
        await anna.call("/complaints/new", message=sent[0]["_id"], text="x")
        await anna.call("/complaints/new", user=eve.id, text="x")
        await anna.call("/complaints/new", room=room, text="x")
        for network in ("vk", "mailru", "facebook", "twitter"):
            await anna.call("/user/free-coins", type=network)
        await anna.call("/user/updateBalance", balance=5, secret="no")
        gifts = (await anna.call("/gifts")).data["gifts"]
        given = await anna.call("/gifts/send", gift=gifts[0]["_id"], user=boris.id, text="x")
        self.assertEqual(200, given.status)
        await boris.shown()
        for skip in (0, 1):
            await anna.call("/user/gifts", user=boris.id, skip=skip)
        picture = io.BytesIO()
        Image.new("RGB", (5, 5)).save(picture, "PNG")
        self.called.add("/upload")
        await request(self.daemon.http, "POST", "/upload", picture.getvalue())
        await self.export(anna)
        await self.of_servers(server, anna, boris)
        await eve.call("/room/leave", room_id=private)
        await self.deletion(eve)
        await anna.call("/room/remove", room={"id": room})
        await again.call("/init/exit")
        await anna.call("/init/exit-all")

    async def of_servers(self, server: AppServer, anna: Person, boris: Person) -> None:
        """The calls of an app's own server."""
        for whom in ({"user": boris.id}, {"phone": boris.phone}):
            self.assertEqual(200, (await server.call("/server/users/get", **whom)).status)
        self.assertEqual(404, (await server.call("/server/users/get", external_id="nobody")).status)
        new = {"user": boris.id, "room": {"name": "of a server"}}
        room = (await server.call("/server/rooms/create", **new)).data["room"]["_id"]
        said = {"author": boris.id, "text": "x", "client_id": "x"}
        for where in ({"room": room}, {"to": anna.id}):
            message = (await server.call("/server/messages/send", **where, **said)).data["message"]["_id"]
            self.assertEqual(200, (await server.call("/server/messages/remove", message=message)).status)
        self.assertEqual(202, (await server.call("/server/messages/send", to="everyone", **said)).status)
        ended = {"progress": "done"}
        await eventually(
            lambda: self.database["announcements"].find_one(ended, max_time_ms=1000, hint="order"), "the announcement"
        )
        for path in ("put", "kick"):
            self.assertEqual(200, (await server.call(f"/server/rooms/{path}", room_id=room, user=anna.id)).status)
        self.assertEqual(200, (await server.call("/server/rooms/edit", room={"id": room, "name": "y"})).status)
        self.assertEqual(200, (await server.call("/server/rooms/remove", room={"id": room})).status)
        payment = {"user": boris.id, "coins": 5, "payment_id": "x"}
        self.assertEqual(200, (await server.call("/server/coins/add", **payment)).status)
        for more in ({"nickname": "olga"}, {"phone": a_phone()}, {}):
            made = await server.call("/server/users/upsert", external_id="olga", **more)
            self.assertIn(made.status, (200, 201))
        olga = made.data["user"]["_id"]
        self.assertEqual(200, (await server.call("/server/users/search", name="ol", skip=0)).status)
        for about, more in (
            ("suspend", {"reason": "x"}),
            ("unsuspend", {}),
            ("end-sessions", {}),
            ("delete", {"reason": "x"}),
        ):
            self.assertEqual(200, (await server.call(f"/server/users/{about}", user=olga, **more)).status)
        for _ in range(2):
            opened = await server.keyed("a-key", "/server/sessions/new", user=boris.id)
            self.assertEqual(201, opened.status)
        for status in (None, "open", "closed"):
            listed = await server.call("/server/complaints/list", status=status, skip=1)
            self.assertEqual(200, listed.status)
        id = listed.data["complaints"] or (await server.call("/server/complaints/list")).data["complaints"]
        closed = await server.call("/server/complaints/close", complaint=id[0]["_id"], note="x")
        self.assertEqual(200, closed.status)
        await self.of_operators(server, anna, boris, id[0]["_id"])

    async def of_operators(self, server: AppServer, anna: Person, boris: Person, complaint: str) -> None:
        """The calls of the operators' console."""
        room = await a_room(anna, anna, boris)
        about = {"room_id": room, "user": boris.id}
        gift = {"name": "a rose", "price": 10, "image": "/gifts/x.png"}
        page = {"skip": 1, "limit": 10}
        for path, body in (
            ("complaints/show", {"complaint": complaint}),
            ("complaints/reopen", {"complaint": complaint}),
            ("users/list", page),
            ("users/list", {"users": [anna.id]}),
            ("rooms/silence", {**about, "finished": 0}),
            ("rooms/ban", about),
            ("rooms/unban", about),
            *(("rooms/list", {**page, "sort": sort}) for sort in ("created_at", "users", "name")),
            ("rooms/list", {"name": "room"}),
            ("rooms/show", {"room": room}),
            ("held/list", page),
            ("whoami", {}),
            ("gifts/list", page),
            ("gifts/add", gift),
            ("keys/list", page),
            ("keys/list", {"revoked": True}),
            ("keys/add", {"name": "more", "scopes": ["console"]}),
            ("keys/revoke", {"key": "more"}),
            ("webhooks/list", {}),
            ("webhooks/replay", {}),
            ("overview", {}),
            ("audit/list", page),
            ("audit/list", {"whom": anna.id}),
            ("announcements/list", page),
        ):
            self.assertIn((await server.call(f"/server/{path}", **body)).status, (200, 201), path)
        id = (await server.call("/server/gifts/list")).data["gifts"][0]["_id"]
        for path, body in (
            ("gifts/edit", {"gift": id, "price": 5}),
            ("gifts/remove", {"gift": id}),
        ):
            self.assertEqual(200, (await server.call(f"/server/{path}", **body)).status, path)
        for path, body in (
            ("held/release", {"message": id}),
            ("held/drop", {"message": id}),
            ("announcements/stop", {"announcement": id}),
        ):
            self.assertEqual(404, (await server.call(f"/server/{path}", **body)).status, path)

    async def deletion(self, eve: Person) -> None:
        """A deletion, until what is left was erased once."""
        self.assertEqual(202, (await eve.call("/user/delete", key=eve.key)).status)
        user = {"_id": ObjectId(eve.id)}
        await eventually(
            lambda: self.database["users"].find_one(user, max_time_ms=1000).get("erased_once"), "the deletion"
        )

    async def removals(self, anna: Person, room: str) -> None:
        """Removals, and pages of a history with them."""
        for number in range(3):
            said = (await anna.say(room, f"{number}")).data["message"]["_id"]
            await anna.say(room, "so", ref_message=said)
            await anna.call("/room/remove-message", message=said)
        for skip in (0, 1, -2):
            await anna.call("/room/chat", room=room, skip=skip, limit=2)

    async def export(self, anna: Person) -> None:
        """An export, until it is made."""
        export = (await anna.call("/user/export")).data["export"]["_id"]

        async def ready() -> bool:
            answer = await anna.call("/user/export", export=export)
            return answer.data["export"]["status"] == "ready"

        await eventually(ready, "the export")
