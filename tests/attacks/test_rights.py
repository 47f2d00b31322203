"""Every call, made by everybody: the table of ``tests/support/rights.py`` holds, and is whole."""

import json
import time
from secrets import token_urlsafe
from typing import Any

from attrs import define
from bson import ObjectId
from pymongo import MongoClient
from twisted.trial.unittest import TestCase

from justchat.http.declared import all_declared
from tests.support.admin import run
from tests.support.chat import ChatTestCase, Person, a_phone, a_room, sign_in
from tests.support.client import call, request
from tests.support.picture_files import picture
from tests.support.rights import COLUMNS, relations, rows
from tests.support.waiting import eventually
from tests.support.wire import NOBODY, SettingsCase

PASSWORD = "sesame"
UNTOUCHED = {"/room/chat", "/room/get", "/room/create", "/room/sendMessage", "/room/edit"}
"""Calls of rooms after which everybody is where they were."""


@define
class Scene:
    """A private room with everybody in their place, another room that none of them can see, and others' letters."""

    people: dict[str, Person]
    bystander: Person
    second: Person
    anna: Person
    boris: Person
    foreign: str
    letter: str
    gift: str
    export: str
    room: str = ""
    message: str = ""
    theirs: str = ""

    async def furnish(self, password: str | None = None) -> None:
        """Everybody takes their place in a fresh room."""
        people = self.people
        admin = people["admin"]
        inside = [admin, *(people[name] for name in ("member", "silenced", "banned", "moderator"))]
        self.room = await a_room(admin, *inside, self.bystander, self.second, password=password)
        self.message = (await admin.say(self.room, "welcome")).data["message"]["_id"]
        self.theirs = (await self.bystander.say(self.room, "hello")).data["message"]["_id"]
        for path, person, more in (
            ("/room/add-moderator", people["moderator"], {}),
            ("/room/add-moderator", self.second, {}),
            ("/room/silence", people["silenced"], {"finished": soon()}),
            ("/room/ban", people["banned"], {}),
        ):
            assert (await admin.call(path, room_id=self.room, user_id=person.id, **more)).status in (200, 201)

    def bodies(self, path: str, about: str, caller: Person | None) -> dict[str, Any]:
        """What is sent."""
        own = caller.id if caller else NOBODY
        whom = {
            "a member": self.bystander.id,
            "another's message": self.bystander.id,
            "a moderator": self.second.id,
            "the admin": self.people["admin"].id,
            "the silenced": self.people["silenced"].id,
            "the banned": self.people["banned"].id,
            "oneself": own,
        }.get(about, self.anna.id)
        message = {
            "another's message": self.foreign,
            "a direct message": self.letter,
            "a room's message": self.message,
            "the room's message": self.message,
            "the admin's message": self.message,
            "a member's message": self.theirs,
        }.get(about)
        room = NOBODY if about == "nothing" else self.room
        complained = {"a user": {"user": whom}, "the room": {"room": room}}.get(about, {"message": message or NOBODY})
        in_room = {"room_id": room, "user_id": whom, "ref_message": message}
        bodies: dict[str, dict[str, Any]] = {
            "/init/reg": {"phone": a_phone()},
            "/init/auth": {"phone": a_phone(), "key": "1"},
            "/init/invite": {"phons": []},
            "/init/edit": {"user": {"nickname": "x"}},
            "/init/getUser": {"user_id": whom},
            "/init/getUsers": {"user_ids": [self.anna.id, self.boris.id]},
            "/user/search": {"nickname": "whispered"},
            "/user/gifts": {"user": NOBODY if about == "nobody" else whom},
            "/user/updateBalance": {"balance": 10**6, "secret": "0" * 32},
            "/user/free-coins": {"type": "vk"},
            "/gifts/send": {"gift": self.gift, "user": self.anna.id, "text": "x"},
            "/room/create": {"room": {"name": "x"}},
            "/room/get": {"room_id": room},
            "/room/enter": {"room": {"id": room, "password": PASSWORD if about == "the password" else "wrong"}},
            "/room/edit": {"room": {"id": room, **({"slow_mode": 0} if about == "its slow mode" else {"name": "y"})}},
            "/room/remove": {"room": {"id": room}},
            "/room/leave": {"room_id": room},
            "/room/sendMessage": {"message": {"room_id": room, "text": "x", "ref_message": message}},
            "/room/chat": {"room": room},
            "/room/silence": {**in_room, "finished": soon()},
            "/room/remove-message": {"message": message},
            "/user/sendMessage": {"message": {"user": self.bystander.id, "text": "x"}},
            "/user/block": {"user": NOBODY if about == "nobody" else whom},
            "/user/unblock": {"user": NOBODY if about == "nobody" else whom},
            "/user/export": {"export": self.export} if about == "another's" else {},
            "/user/delete": {"key": "1"},
            "/user/messages": {"author": self.anna.id},
            "/user/dialog": {"user": self.anna.id},
            "/user/remove-dialog": {"user": self.anna.id},
            "/user/messages/mark-as-read": {"message": message},
            "/user/messages/remove": {"message": message},
            "/server/users/get": {"user": whom},
            "/server/rooms/create": {"user": whom, "room": {"name": "x"}},
            "/server/rooms/edit": {"room": {"id": room, "name": "y"}},
            "/server/rooms/remove": {"room": {"id": room}},
            "/server/rooms/put": {"room": {"id": room}, "user": whom},
            "/server/rooms/kick": {"room_id": room, "user": whom},
            "/server/messages/send": {"room": room, "author": whom, "text": "x"},
            "/server/messages/remove": {"message": message},
            "/server/coins/add": {"user": whom, "coins": 5, "payment_id": "x"},
            "/complaints/new": {**complained, "text": "x"},
        }
        of_server = {"user": whom, "reason": "x"} if path.startswith("/server/") else {}
        return bodies.get(path, in_room if path.startswith("/room/") else of_server)


def soon() -> int:
    """Ten minutes from now, in milliseconds since the epoch."""
    return int(time.time() * 1000) + 600_000


class RightsCase(ChatTestCase):
    async def a_scene(self) -> Scene:
        people = {name: await self.a_person() for name in COLUMNS[2:-1]}
        bystander, second, anna, boris = [await self.a_person() for _ in range(4)]
        foreign = await a_room(anna, anna)
        said = (await anna.say(foreign, "whispered")).data["message"]["_id"]
        written = await anna.call("/user/sendMessage", message={"user": boris.id, "text": "whispered"})
        letter = written.data["message"][0]["_id"]
        gift = (await anna.call("/gifts")).data["gifts"][0]["_id"]
        export = (await anna.call("/user/export")).data["export"]["_id"]
        return Scene(people, bystander, second, anna, boris, said, letter, gift, export)

    async def answered(self, scene: Scene, path: str, about: str, column: str) -> tuple[int, Any]:
        """The status and body of a cell."""
        caller = scene.people.get("admin" if column == "absentee" else column)
        if column == "absentee":
            await scene.people["admin"].call("/room/leave", room_id=scene.room)
        key = token_urlsafe(24) if column == "forged" else None
        if caller:
            ending = path in ("/init/exit", "/init/exit-all")
            key = (await sign_in(self.daemon, caller.phone, caller.key) if ending else caller).session_key
        if path == "/upload":
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            answer = await request(self.daemon.http, "POST", path, picture("PNG"), headers)
        else:
            body = scene.bodies(path, about, caller)
            answer = await call(self.daemon.http, path, body if key is None else {"session_key": key, **body})
        if caller and path == "/init/exit-all":
            caller.session_key = (await sign_in(self.daemon, caller.phone, caller.key)).session_key
        return answer.status, answer.json

    async def wrong_of_ended(self, scene: Scene, eve: Person) -> list[tuple[str, str, int, int]]:
        """What differs at any call from the answers to a session that never was, where this one is over."""
        firsts = {path: (about, expected["forged"]) for path, about, expected in reversed(rows())}
        wrong = []
        for path, (about, status) in firsts.items():
            if path == "/upload":
                headers = {"Authorization": f"Bearer {eve.session_key}"}
                found = (await request(self.daemon.http, "POST", path, picture("PNG"), headers)).status
            else:
                found = (await eve.call(path, **scene.bodies(path, about, eve))).status
            if found != status:
                wrong.append((path, about, found, status))
        return wrong


class Rights(RightsCase):
    async def test_table(self) -> None:
        """Each status is as in the table; a refusal reveals nothing of what was requested."""
        scene = await self.a_scene()
        wrong = []

        for path, about, expected in rows():
            password = PASSWORD if path == "/room/enter" else None
            await scene.furnish(password)
            for column, status in expected.items():
                found, body = await self.answered(scene, path, about, column)
                if found != status:
                    wrong.append((path, about, column, found, status))
                if "whispered" in json.dumps(body):
                    wrong.append((path, about, column, "shows", body))
                if path.startswith("/room/") and path not in UNTOUCHED and found < 400:
                    await scene.furnish(password)

        self.assertEqual([], wrong)
        dialog = (await scene.boris.call("/user/dialog", user=scene.anna.id)).data["dialog"]
        self.assertEqual([(scene.letter, False)], [(letter["_id"], letter["read"]) for letter in dialog])


class Relations(RightsCase):
    async def test_table(self) -> None:
        """Between two of whom one blocks the other no message and no gift passes; else they are as strangers."""
        callers = {name: (await self.a_person(), await self.a_person()) for name in ("stranger", "blocking", "blocked")}
        rooms = {name: await a_room(caller, caller, other) for name, (caller, other) in callers.items()}
        await callers["blocking"][0].call("/user/block", user=callers["blocking"][1].id)
        await callers["blocked"][1].call("/user/block", user=callers["blocked"][0].id)
        gift = (await callers["stranger"][0].call("/gifts")).data["gifts"][0]["_id"]
        wrong = []

        for path, expected in relations():
            for name, status in expected.items():
                caller, other = callers[name]
                body: dict[str, Any] = {
                    "/user/sendMessage": {"message": {"user": other.id, "text": "x"}},
                    "/gifts/send": {"gift": gift, "user": other.id, "text": ""},
                    "/init/getUser": {"user_id": other.id},
                    "/init/getUsers": {"user_ids": [other.id]},
                    "/complaints/new": {"user": other.id, "text": "x"},
                }.get(path, {"user": other.id})
                if path.startswith("/room/"):
                    body = {"room_id": rooms[name], "user_id": other.id, "finished": soon()}
                found = (await caller.call(path, **body)).status
                if found != status:
                    wrong.append((path, name, found, status))

        self.assertEqual([], wrong)


class SuspendedCallers(RightsCase):
    async def test_every_call(self) -> None:
        """A suspended user's session is as one that never was, at every call; and the right key opens no other."""
        scene = await self.a_scene()
        await scene.furnish()
        eve = await self.a_person()
        done = await run("--data-dir", str(self.daemon.data), "users", "suspend", eve.id, "--reason", "x")
        self.assertEqual(0, done.code, done)

        async def is_out() -> bool:
            return (await eve.call("/init/getUser")).status == 440

        await eventually(is_out, "the end of the session")
        self.assertEqual([], await self.wrong_of_ended(scene, eve))
        again = await call(self.daemon.http, "/init/auth", {"phone": eve.phone, "key": eve.key})
        self.assertEqual((403, "suspended"), (again.status, again.code))


class LeavingCallers(RightsCase):
    """A person who asked for their deletion, in the time in which they may come back."""

    async def leave(self, scene: Scene) -> Person:
        """Somebody in the scene's room, who has dialogs, asks for their deletion."""
        eve = await self.a_person()
        await eve.enter(scene.room)
        await eve.call("/user/sendMessage", message={"user": scene.anna.id, "text": "x"})
        self.assertEqual(202, (await eve.call("/user/delete", key=eve.key)).status)
        return eve

    async def assert_unknown(self, scene: Scene, eve: Person) -> None:
        """Assert that each call that names a person answers 404, or as about nobody."""
        named = {
            "/user/sendMessage": {"message": {"user": eve.id, "text": "x"}},
            "/gifts/send": {"gift": scene.gift, "user": eve.id, "text": ""},
            "/init/getUser": {"user_id": eve.id},
            "/complaints/new": {"user": eve.id, "text": "x"},
            **{path: {"user": eve.id} for path in ("/user/gifts", "/user/block", "/user/unblock")},
            **{
                f"/room/{deed}": {"room_id": scene.room, "user_id": eve.id, "finished": soon()}
                for deed in ("kick", "silence", "ban", "unban", "add-moderator", "remove-moderator")
            },
        }
        found = {path: (await scene.people["admin"].call(path, **body)).status for path, body in named.items()}

        self.assertEqual(dict.fromkeys(named, 404), found)
        several = await scene.anna.call("/init/getUsers", user_ids=[eve.id])
        self.assertEqual([], several.data["users"])

    async def test_every_call(self) -> None:
        """Their session is as one that never was, and they are nobody to others; their key brings them back."""
        scene = await self.a_scene()
        await scene.furnish()
        eve = await self.leave(scene)

        self.assertEqual([], await self.wrong_of_ended(scene, eve))
        await self.assert_unknown(scene, eve)
        back = await call(self.daemon.http, "/init/auth", {"phone": eve.phone, "key": eve.key})
        self.assertEqual((200, eve.id), (back.status, back.data["user"]["_id"]))


class HalfDeletedCallers(SettingsCase, LeavingCallers):
    """A person whose deletion has begun, and is not complete: some minutes pass between its two rounds."""

    settings = "[accounts]\ndeletion_grace = 0\n"

    async def test_every_call(self) -> None:
        """Their session is as one that never was, they are nobody to others, and nothing brings them back."""
        scene = await self.a_scene()
        await scene.furnish()
        eve = await self.leave(scene)
        with MongoClient[dict[str, Any]](self.daemon.options[-1]) as client:
            users = client.get_default_database().users
            erasing = {"_id": ObjectId(eve.id), "erasing": {"$ne": None}}
            await eventually(lambda: users.find_one(erasing), "the deletion to begin")

        self.assertEqual([], await self.wrong_of_ended(scene, eve))
        await self.assert_unknown(scene, eve)
        for phone in (eve.phone, eve.id):
            self.assertNotEqual(
                200, (await call(self.daemon.http, "/init/auth", {"phone": phone, "key": eve.key})).status
            )


class TheTable(TestCase):
    def test_calls(self) -> None:
        """Every call that is declared has a row."""
        self.assertEqual({endpoint.path for endpoint in all_declared()}, {path for path, _, _ in rows()})
