"""Messages that were removed: who may, what stays, what is told, and where their words are gone."""

import secrets
import time
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient

from tests.support.admin import run
from tests.support.chat import ChatTestCase, Person, a_room, keyed
from tests.support.client import Answer
from tests.support.mongo import words_in
from tests.support.servers import an_app_server
from tests.support.waiting import eventually
from tests.support.wire import TIME


class RemovalCase(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.admin, self.moderator, self.anna, self.boris = [await self.a_person() for _ in range(4)]
        self.room = await a_room(self.admin, self.admin, self.moderator, self.anna, self.boris)
        await self.admin.call("/room/add-moderator", room_id=self.room, user_id=self.moderator.id)
        self.word = f"w{secrets.token_hex(8)}"

    async def say(self, who: Person, **more: Any) -> dict[str, Any]:
        message: dict[str, Any] = (await who.say(self.room, f"{self.word} and more", **more)).data["message"]
        return message

    async def remove(self, who: Person, message: dict[str, Any]) -> Answer:
        return await who.call("/room/remove-message", message=message["_id"])

    async def chat(self, skip: int = 0, limit: int = 500) -> list[dict[str, Any]]:
        chat: list[dict[str, Any]] = (await self.admin.call("/room/chat", room=self.room, skip=skip, limit=limit)).data[
            "chat"
        ]
        return chat


class WhoMay(RemovalCase):
    async def test_ranks(self) -> None:
        """The author may remove a message, and whoever outranks the author; nobody else."""
        rows = (
            (self.anna, self.anna, 200),
            (self.anna, self.boris, 403),
            (self.anna, self.moderator, 200),
            (self.anna, self.admin, 200),
            (self.moderator, self.anna, 403),
            (self.moderator, self.moderator, 200),
            (self.moderator, self.admin, 200),
            (self.admin, self.moderator, 403),
            (self.admin, self.admin, 200),
        )
        for author, who, status in rows:
            answer = await self.remove(who, await self.say(author))

            self.assertEqual(status, answer.status, (rows.index((author, who, status)), answer))
            self.assertEqual("outranked" if status == 403 else None, answer.json.get("code"))

    async def test_again(self) -> None:
        """Again is no error, tells nobody, and changes nothing; also by somebody else who may."""
        message = await self.say(self.anna)
        await self.remove(self.anna, message)
        before = await self.chat()
        listener = await self.a_listener(self.boris)

        answers = [await self.remove(who, message) for who in (self.anna, self.admin, self.boris)]

        self.assertEqual([200, 200, 403], [answer.status for answer in answers])
        self.assertEqual(before, await self.chat())
        self.assertEqual([], await listener.silence())

    async def test_author_outside(self) -> None:
        """An author who has left the room, or may not enter it any more, may still take back what they wrote."""
        message = await self.say(self.anna)
        await self.admin.call("/room/ban", room_id=self.room, user_id=self.anna.id)

        self.assertEqual(200, (await self.remove(self.anna, message)).status)

    async def test_not_there(self) -> None:
        """Other ids are 404: unknown, malformed, of a direct message, of a removal."""
        sent = await self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": "hello"})
        listener = await self.a_listener(self.boris)
        await self.remove(self.anna, await self.say(self.anna))
        (_, removal) = [await listener.next() for _ in range(2)]
        for id in ("0" * 24, "none", sent.data["message"][0]["_id"], removal["data"]["_id"]):
            answer = await self.admin.call("/room/remove-message", message=id)

            self.assertEqual((404, "message-not-found"), (answer.status, answer.code), id)
        for body in ({}, {"message": {"$ne": None}}, {"message": 7}):
            self.assertEqual(400, (await self.admin.call("/room/remove-message", **body)).status)


class WhatStays(RemovalCase):
    async def test_message(self) -> None:
        """A removed message keeps its place, id, author, ``seq`` and times; its text and its quotation are null."""
        first = await self.say(self.boris)
        message = await self.say(self.anna, ref_message=first["_id"])
        before = await self.chat()

        await self.remove(self.moderator, message)

        after = await self.chat()
        removed = after[-1]
        self.assertRegex(removed.pop("removed_at"), r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual([*before[:-1], {**message, "text": None, "ref_message": None}], after)

    async def test_history(self) -> None:
        """A removal is no message: ``skip`` and ``limit`` count as before."""
        messages = []
        for _ in range(6):
            messages.append(await self.say(self.anna))
            await self.remove(self.anna, messages[-1])
        ids = [message["_id"] for message in await self.chat()]

        self.assertEqual([message["_id"] for message in messages], ids[-6:])
        for skip in range(-8, len(ids) + 2):
            page = await self.chat(skip, 3)
            start = skip if skip >= 0 else max(0, len(ids) + skip)
            self.assertEqual(ids[start : start + 3], [message["_id"] for message in page], skip)

    async def test_quoted_anew(self) -> None:
        """A removed message can be quoted and complained about; there is nothing of its text."""
        message = await self.say(self.anna)
        await self.remove(self.anna, message)

        quoting = (await self.boris.say(self.room, "why", ref_message=message["_id"])).data["message"]
        complaint = (await self.boris.call("/complaints/new", message=message["_id"], text="why")).json["complaint"]

        for quoted in (quoting["ref_message"], complaint["message"]):
            self.assertEqual((message["_id"], None), (quoted["_id"], quoted["text"]))
            self.assertIn("removed_at", quoted)

    async def test_client_id(self) -> None:
        """A message that is sent again after its removal is not stored anew: the answer is the removed one."""
        message = await self.say(self.anna, client_id="one")
        await self.remove(self.anna, message)

        again = await self.say(self.anna, client_id="one")

        self.assertEqual((message["_id"], None), (again["_id"], again["text"]))

    async def test_direct_client_id(self) -> None:
        """The same of a direct message that an operator removes."""
        written = {"user": self.boris.id, "text": self.word, "client_id": "one"}
        (message,) = (await self.anna.call("/user/sendMessage", message=written)).data["message"]
        server = await an_app_server(self.daemon)
        await server.call("/server/messages/remove", message=message["_id"])

        answer = await self.anna.call("/user/sendMessage", message=written)

        self.assertEqual(200, answer.status, answer)
        (again,) = answer.data["message"]
        self.assertEqual((message["_id"], None), (again["_id"], again["text"]))
        self.assertRegex(again["removed_at"], TIME)


class WhatIsTold(RemovalCase):
    async def test_event(self) -> None:
        """Everybody in the room gets ``message-removed``, in order; on every kind of socket."""
        message = await self.say(self.anna)
        listeners = [await self.a_listener(self.anna), await self.a_listener(self.boris, "/ws")]

        await self.remove(self.moderator, message)

        for event in await self.assert_received(*listeners):
            self.assertEqual("message-removed", event["event"])
            data = event["data"]
            self.assertEqual({"error", "_id", "message", "room", "author", "seq", "created_at"}, set(data))
            self.assertEqual(
                (None, message["_id"], self.room, self.moderator.id, message["seq"] + 1),
                tuple(data[name] for name in ("error", "message", "room", "author", "seq")),
            )

    async def test_resume(self) -> None:
        """Who comes back is told of a removal, and gets nothing of the text, wherever in the span the message is."""
        old = await self.say(self.anna)
        gone = await self.a_socket()
        ready = await gone.bind(self.boris.session_key)
        have = {key: ready[key] for key in ("n", "room", "seq")}
        await gone.leave()
        new = await self.say(self.anna)
        quoting = await self.say(self.moderator, ref_message=new["_id"])
        cached = await self.resumed(have)  # the daemon has encoded all three
        for message in (old, new, quoting):
            await self.remove(self.admin, message)

        events = await self.resumed(have)

        self.assertIn(self.word, str(cached))
        self.assertNotIn(self.word, str(events))
        self.assertEqual(["message"] * 2 + ["message-removed"] * 3, [each["event"] for each in events])
        self.assertEqual([old["_id"], new["_id"], quoting["_id"]], [each["data"]["message"] for each in events[2:]])
        self.assertEqual([have["seq"] + n for n in range(1, 6)], [each["data"]["seq"] for each in events])

    async def resumed(self, have: dict[str, Any]) -> list[dict[str, Any]]:
        """The events that a client gets that has had these."""
        listener = await self.a_socket()
        listener.say({"event": "init", "data": {"session_key": self.boris.session_key, **have}})
        await listener.next("ready")
        events = []
        while (event := await listener.next())["event"] != "caught-up":
            events.append(event)
        self.assertTrue(event["data"]["recovered"])
        await listener.leave()
        return events


class WhereWordsAre(RemovalCase):
    async def setUp(self) -> None:
        await super().setUp()
        socket = quote(str(self.daemon.data / "mongo" / "mongod.sock"), safe="")
        self.mongo = MongoClient[dict[str, Any]](f"mongodb://{socket}")
        self.addCleanup(self.mongo.close)

    def places(self) -> list[str]:
        """The collections that have the word anywhere."""
        return words_in(self.mongo.get_default_database("justchat"), self.word)

    async def test_nowhere(self) -> None:
        """Nothing in the database has the words: not the message, who quotes it, notices, or kept answers."""
        sent = await keyed(
            self.anna, "1", "/room/sendMessage", message={"room_id": self.room, "text": f"{self.word} here"}
        )
        message = sent.data["message"]
        quoting = {"room_id": self.room, "text": "what?", "ref_message": message["_id"]}
        await keyed(self.boris, "1", "/room/sendMessage", message=quoting)
        about = {"room_id": self.room, "user_id": self.anna.id, "ref_message": message["_id"]}
        await self.admin.call("/room/kick", **about)
        await self.anna.call("/user/messages")
        self.assertEqual({"answers", "log"}, set(self.places()))

        await self.remove(self.admin, message)

        self.assertEqual([], self.places())
        again = await keyed(self.boris, "1", "/room/sendMessage", message=quoting)
        quoted = again.data["message"]["ref_message"]
        self.assertEqual((message["_id"], None), (quoted["_id"], quoted["text"]))

    async def test_direct_nowhere(self) -> None:
        """The same of a direct message that the app's own server removes: nor receipts, nor complaints once closed."""
        written = {"user": self.boris.id, "text": f"{self.word} here"}
        sent = await keyed(self.anna, "1", "/user/sendMessage", message=written)
        (message,) = sent.data["message"]
        await keyed(self.boris, "1", "/user/messages/mark-as-read", message=message["_id"])
        complaint = await self.boris.call("/complaints/new", message=message["_id"], text="look")
        self.assertEqual({"answers", "log", "complaints"}, set(self.places()))
        server = await an_app_server(self.daemon)

        removed = await server.call("/server/messages/remove", message=message["_id"])

        self.assertEqual(200, removed.status)
        self.assertEqual(["complaints"], self.places())
        await self.close(complaint.json["complaint"]["_id"])
        self.assertEqual([], self.places())
        listener = await self.a_socket()
        listener.say({"event": "init", "data": {"session_key": self.anna.session_key, "n": 0}})
        receipt = (await listener.next("read-message"))["data"]["data"]
        seen = await server.call("/server/complaints/show", complaint=complaint.json["complaint"]["_id"])
        for shown in (receipt, seen.data["complaint"]["message"]):
            self.assertEqual((message["_id"], None), (shown["_id"], shown["text"]))
            self.assertRegex(shown["removed_at"], TIME)

    async def test_complaint(self) -> None:
        """A complaint keeps its copy of the message, and of what that quotes, until it is closed."""
        message = await self.say(self.anna)
        quoting = (await self.boris.say(self.room, "what?", ref_message=message["_id"])).data["message"]
        ids = [
            (await self.admin.call("/complaints/new", message=each["_id"], text="look")).json["complaint"]["_id"]
            for each in (message, quoting)
        ]

        await self.remove(self.admin, message)

        self.assertEqual(["complaints"], self.places())
        for id in ids:
            await self.close(id)
        self.assertEqual([], self.places())

    async def close(self, complaint: str) -> None:
        done = await run("--data-dir", str(self.daemon.data), "complaints", "close", complaint, "--note", "done")
        self.assertEqual(0, done.code, done)

    async def test_closed_complaint(self) -> None:
        """A complaint that is closed already keeps no copy of a message that is removed."""
        message = await self.say(self.anna)
        complained = await self.admin.call("/complaints/new", message=message["_id"], text="look")
        await self.close(complained.json["complaint"]["_id"])

        await self.remove(self.admin, message)

        self.assertEqual([], self.places())

    async def test_service_message(self) -> None:
        """The text of a silence goes too, also from the notice to the silenced, who is outside; the silence stays."""
        await self.anna.call("/room/leave", room_id=self.room)
        finished = int((time.time() + 600) * 1000)
        about = {"room_id": self.room, "user_id": self.anna.id, "finished": finished, "text": self.word}
        await self.moderator.call("/room/silence", **about)
        (silence,) = await self.chat(-1)
        await eventually(lambda: len(self.entries()) == 2, "the notice")

        self.assertEqual(200, (await self.remove(self.moderator, silence)).status)

        (shown,) = await self.chat(-1)
        self.assertEqual(
            (silence["_id"], "silence", None, finished), tuple(shown[n] for n in ("_id", "type", "text", "finished"))
        )
        self.assertEqual([], self.places())
        await self.anna.enter(self.room)
        self.assertEqual(403, (await self.anna.say(self.room, "x")).status)

    def entries(self) -> list[Any]:
        """The entries of the log that have the word."""
        log = self.mongo.get_default_database("justchat")["log"]
        return [each for each in log.find() if self.word in str(each)]
