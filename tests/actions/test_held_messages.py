"""Held messages: who sees a message with a word of the list, before and after an operator decides."""

from typing import Any

from bson import ObjectId
from pymongo import MongoClient

from tests.support.admin import Done, run
from tests.support.chat import Person, a_room
from tests.support.client import Listener
from tests.support.mongo import words_in
from tests.support.servers import an_app_server
from tests.support.two_daemons import JoinedDaemonsCase
from tests.support.waiting import eventually
from tests.support.wire import SettingsCase
from tests.support.words import word_list_settings

HELD = "what a badword"


class HeldCase(SettingsCase):
    async def setUp(self) -> None:
        self.settings = word_list_settings("hold")
        await super().setUp()

    async def admin(self, *arguments: str) -> Done:
        return await run("--json", "--data-dir", str(self.daemon.data), *self.daemon.options, *arguments)

    async def decide(self, decision: str, message: str) -> None:
        """What ``words release`` and ``words drop`` do to the database, without a process that takes a second."""
        uri = self.daemon.options[self.daemon.options.index("--mongo") + 1]
        with MongoClient[dict[str, Any]](uri) as client:
            database = client.get_default_database()
            entry = database["log"].find_one({"_id": ObjectId(message)})
            assert entry is not None and entry["held"] == "waiting", entry
            database["held"].insert_one(
                {"_id": entry["_id"], "stream": entry["stream"], "decision": decision, "order": 1}
            )
            await eventually(lambda: database["held"].find_one({"_id": entry["_id"]}) is None, "it to be carried out")


async def texts(who: Person, room: str, skip: int = 0, limit: int = 100) -> list[str]:
    """The texts of a room's history."""
    chat = (await who.call("/room/chat", room=room, skip=skip, limit=limit)).data["chat"]
    return [message["text"] for message in chat if message["type"] is None]


async def hold(who: Person, room: str, text: str = HELD, **more: Any) -> dict[str, Any]:
    """The message that is held."""
    answer = await who.say(room, text, **more)
    assert answer.status == 200, answer
    message: dict[str, Any] = answer.data["message"]
    assert message["held"] is True
    return message


class OfServers(HeldCase):
    async def test_messages(self) -> None:
        """What an app's own server sends waits, too, and only its author sees it; an announcement cannot wait."""
        anna, bob = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, bob)
        server = await an_app_server(self.daemon, "messages")
        listener = await self.a_listener(bob)
        said: dict[str, Any] = {"author": anna.id, "text": HELD}

        for where in ({"room": room}, {"to": bob.id}):
            message = (await server.call("/server/messages/send", **where, **said)).data["message"]
            self.assertTrue(message["held"])
        everyone = await server.call("/server/messages/send", to="everyone", **said)

        self.assertEqual((403, "rejected"), (everyone.status, everyone.code))
        self.assertEqual([], await listener.silence())
        self.assertEqual(([HELD], []), (await texts(anna, room), await texts(bob, room)))
        self.assertEqual([], (await bob.call("/user/dialogs")).data["dialogs"])
        removed = await server.call("/server/messages/remove", message=message["_id"])
        self.assertEqual(200, removed.status)
        self.assertEqual([], (await anna.call("/user/dialog", user=bob.id)).data["dialog"])


class OfRooms(HeldCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.bob = await self.a_person(), await self.a_person()
        self.room = await a_room(self.anna, self.anna, self.bob)

    async def test_author_alone(self) -> None:
        """The author has the message on every device and in the history; nobody else learns of it, nor can quote it."""
        devices = [await self.a_listener(self.anna), await self.a_listener(self.anna), await self.a_listener(self.bob)]

        held = await hold(self.anna, self.room)

        events = await self.assert_received(*devices[:2])
        self.assertEqual([held["_id"]] * 2, [event["data"]["_id"] for event in events])
        self.assertEqual([HELD], await texts(self.anna, self.room))
        self.assertEqual([], await texts(self.bob, self.room))
        quotes = [
            await self.bob.say(self.room, "quoted", ref_message=held["_id"]),
            await self.anna.say(self.room, "quoted", ref_message=held["_id"]),
            await self.bob.call("/complaints/new", message=held["_id"], text="seen"),
            await self.anna.call("/room/kick", room_id=self.room, user_id=self.bob.id, ref_message=held["_id"]),
        ]
        self.assertEqual({"message-not-found"}, {answer.code for answer in quotes})

    async def test_paging(self) -> None:
        """skip and limit count what the reader sees, from both ends; seqs have a gap."""
        for number in range(3):
            await self.bob.say(self.room, f"before {number}")
            await hold(self.anna, self.room)
            await self.bob.say(self.room, f"after {number}")
        everything = (await self.anna.call("/room/chat", room=self.room)).data["chat"]
        expected = [message for message in everything if message["text"] != HELD]

        for who, whole in ((self.bob, expected), (self.anna, everything)):
            for skip in range(-len(whole), len(whole) + 1):
                part = (await who.call("/room/chat", room=self.room, skip=skip, limit=3)).data["chat"]
                self.assertEqual([m["seq"] for m in whole[skip:][:3]], [m["seq"] for m in part], skip)

    async def test_release(self) -> None:
        """Let go, it is told to the others as a message, and is in its place in everybody's history."""
        at_anna, at_bob = await self.a_listener(self.anna), await self.a_listener(self.bob)
        first = (await self.bob.say(self.room, "first")).data["message"]
        held = await hold(self.anna, self.room, ref_message=first["_id"])
        last = (await self.bob.say(self.room, "last")).data["message"]
        for listener, number in ((at_anna, 3), (at_bob, 2)):
            [await listener.next() for _ in range(number)]

        await self.decide("release", held["_id"])

        event = await at_bob.next()
        self.assertEqual("message", event["event"])
        data = event["data"]
        self.assertGreater(data.pop("seq"), last["seq"])
        self.assertEqual(held["seq"], data.pop("message_seq"))
        del held["held"]
        self.assertEqual({**held, "error": None}, {**data, "seq": held["seq"]})
        for who in (self.anna, self.bob):
            chat = (await who.call("/room/chat", room=self.room, skip=-3)).data["chat"]
            self.assertEqual([first["_id"], held["_id"], last["_id"]], [message["_id"] for message in chat])
            self.assertNotIn("held", chat[1])
        self.assertEqual([], at_anna.untaken())
        self.assertEqual(200, (await self.bob.say(self.room, "quoted", ref_message=held["_id"])).status)

    async def test_drop(self) -> None:
        """Dropped, it is in nobody's history, and cannot be let go any more."""
        at_anna, at_bob = await self.a_listener(self.anna), await self.a_listener(self.bob)
        held = await hold(self.anna, self.room)
        await at_anna.next()

        await self.decide("drop", held["_id"])

        event = await at_anna.next()
        self.assertEqual(("message-removed", held["_id"]), (event["event"], event["data"]["message"]))
        self.assertEqual((True, None), (event["data"]["held"], event["data"]["author"]))

        async def gone() -> bool:
            return await texts(self.anna, self.room) == []

        await eventually(gone, "the message to be gone")
        self.assertEqual([], await texts(self.bob, self.room))
        self.assertEqual([], await at_bob.silence())

    async def test_removed(self) -> None:
        """Its author may remove it, of which nobody is told; for others it is not there."""
        at_bob = await self.a_listener(self.bob)
        held = await hold(self.anna, self.room)

        statuses = [
            (await who.call("/room/remove-message", message=held["_id"])).status for who in (self.bob, self.anna)
        ]

        self.assertEqual([404, 200], statuses)
        self.assertEqual([[], []], [await texts(who, self.room) for who in (self.anna, self.bob)])
        self.assertEqual([], await at_bob.silence())

    async def test_resume(self) -> None:
        """Who comes back is told what they would have been told: the author at once, others when it was let go."""
        positions = {}
        for who in (self.anna, self.bob):
            ready = await (await self.a_socket()).bind(who.session_key)
            positions[who.id] = {"n": ready["n"], "room": self.room, "seq": ready["seq"]}
        held = await hold(self.anna, self.room)
        await self.bob.say(self.room, "between")

        self.assertEqual([HELD, "between"], await self.missed(self.anna, positions))
        self.assertEqual(["between"], await self.missed(self.bob, positions))
        listener = await self.a_listener(self.bob)
        await self.decide("release", held["_id"])
        await listener.next()

        self.assertEqual([HELD, "between"], await self.missed(self.anna, positions))
        self.assertEqual(["between", HELD], await self.missed(self.bob, positions))

    async def missed(self, who: Person, positions: dict[str, Any]) -> list[str]:
        """The texts of the events that a reconnecting client of theirs gets."""
        listener = await self.a_socket()
        listener.say({"event": "init", "data": {"session_key": who.session_key, **positions[who.id]}})
        await listener.next("caught-up")
        self.assertTrue(listener.events[-1]["data"]["recovered"])
        return [event["data"]["text"] for event in listener.events if event["event"] == "message"]

    async def test_sent_again(self) -> None:
        """A held message that is sent again is the same."""
        twice = [await hold(self.anna, self.room, client_id="one") for _ in range(2)]

        self.assertEqual(twice[0], twice[1])

    async def test_names(self) -> None:
        """What cannot be held is refused."""
        gift = (await self.anna.call("/gifts")).data["gifts"][0]["_id"]
        answers = [
            await self.anna.call("/init/edit", user={"nickname": "badword"}),
            await self.anna.call("/room/create", room={"name": "badword"}),
            await self.anna.call("/gifts/send", gift=gift, user=self.bob.id, text="badword"),
        ]

        self.assertEqual({"rejected"}, {answer.code for answer in answers})


class Direct(HeldCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.bob = await self.a_person(), await self.a_person()

    async def write(self, text: str) -> dict[str, Any]:
        answer = await self.anna.call("/user/sendMessage", message={"user": self.bob.id, "text": text})
        message: dict[str, Any] = answer.data["message"][0]
        return message

    async def seen_by(self, who: Person, other: Person) -> list[Any]:
        """What a user sees of the messages of Anna to Bob: dialog, list, last of the dialogs, unread."""
        choice = {"user": self.bob.id} if who is self.anna else {}
        dialog = (await who.call("/user/dialog", user=other.id)).data["dialog"]
        listed = (await who.call("/user/messages", **choice)).data["messages"]
        dialogs = (await who.call("/user/dialogs")).data["dialogs"]
        return [
            [message["text"] for message in dialog],
            [message["text"] for message in listed],
            [each["last_message"]["text"] for each in dialogs],
            (await who.call("/user/messages", countOnly=True)).data["count"],
        ]

    async def test_author_alone(self) -> None:
        """The receiver sees nothing, and is told nothing."""
        listener = await self.a_listener(self.bob)

        held = await self.write(HELD)

        (dialog,) = (await self.anna.call("/user/dialogs")).data["dialogs"]
        self.assertEqual((True, True), (held["held"], dialog["last_message"]["held"]))
        self.assertEqual([], await listener.silence())
        self.assertEqual([[HELD], [HELD], [HELD], 0], await self.seen_by(self.anna, self.bob))
        self.assertEqual([[], [], [], 0], await self.seen_by(self.bob, self.anna))
        for path in ("mark-as-read", "remove"):
            answer = await self.bob.call(f"/user/messages/{path}", message=held["_id"])
            self.assertEqual("message-not-found", answer.code)

    async def test_release(self) -> None:
        """Let go, it is a message as any other, unread and in its place."""
        listener = await self.a_listener(self.bob)
        held = await self.write(HELD)
        await self.write("after")
        await listener.next()

        await self.decide("release", held["_id"])

        event = await listener.next()
        self.assertEqual(
            ("direct-message", held["_id"], HELD), (event["event"], *map(event["data"].get, ("_id", "text")))
        )
        self.assertEqual([["after", HELD], ["after", HELD], ["after"], 2], await self.seen_by(self.bob, self.anna))
        read = await self.bob.call("/user/messages/mark-as-read", message=held["_id"])
        self.assertEqual((200, True), (read.status, read.data["message"]["read"]))

    async def test_only_message(self) -> None:
        """Let go, the first message of a dialog begins it for the receiver; also for one who comes back later."""
        ready = await (await self.a_socket()).bind(self.bob.session_key)
        held = await self.write(HELD)

        await self.decide("release", held["_id"])

        self.assertEqual([[HELD], [HELD], [HELD], 1], await self.seen_by(self.bob, self.anna))
        later = await self.a_socket()
        later.say({"event": "init", "data": {"session_key": self.bob.session_key, "n": ready["n"]}})
        await later.next("caught-up")
        self.assertEqual([HELD], [e["data"]["text"] for e in later.events if e["event"] == "direct-message"])

    async def test_drop(self) -> None:
        """Dropped, it is gone for both."""
        held = await self.write(HELD)

        await self.decide("drop", held["_id"])

        self.assertEqual([[], [], [], 0], await self.seen_by(self.anna, self.bob))
        self.assertEqual([[], [], [], 0], await self.seen_by(self.bob, self.anna))

    async def test_blocked(self) -> None:
        """Nothing passes where the receiver has blocked the author meanwhile."""
        held = await self.write(HELD)
        await self.bob.call("/user/block", user=self.anna.id)

        await self.decide("release", held["_id"])

        self.assertEqual([[], [], [], 0], await self.seen_by(self.bob, self.anna))

    async def test_removed(self) -> None:
        """What its author removes, alone or with the dialog, waits no more; nor does what a deleted author wrote."""
        carl, word = await self.a_person(), f"{HELD} w{self.bob.id}"
        alone, with_dialog = await self.write(word), await self.write(word)
        theirs = await carl.call("/user/sendMessage", message={"user": self.bob.id, "text": word})
        ids = [alone["_id"], with_dialog["_id"], theirs.data["message"][0]["_id"]]

        async def waiting() -> list[str]:
            held = (await self.admin("words", "held", "--limit", "500")).json["held"]
            return [id for id in ids if id in [each["_id"] for each in held]]

        self.assertEqual(ids, await waiting())
        await self.anna.call("/user/messages/remove", message=alone["_id"])
        self.assertEqual(ids[1:], await waiting())
        await self.anna.call("/user/remove-dialog", user=self.bob.id)
        self.assertEqual(ids[2:], await waiting())
        await self.admin("users", "delete", carl.id, "--reason", "asked", "--at-once")

        async def none() -> bool:
            return not await waiting()

        await eventually(none, "the deleted author's message to wait no more", 30)
        uri = self.daemon.options[self.daemon.options.index("--mongo") + 1]
        with MongoClient[dict[str, Any]](uri) as client:
            self.assertEqual([], words_in(client.get_default_database(), word))

    async def test_taken_back(self) -> None:
        """What its author has removed meanwhile is not let go."""
        held = await self.write(HELD)
        await self.anna.call("/user/messages/remove", message=held["_id"])

        await self.decide("release", held["_id"])

        self.assertEqual([[], [], [], 0], await self.seen_by(self.bob, self.anna))


class Commands(HeldCase):
    async def test_listed(self) -> None:
        """Held messages are listed until they are decided on, which is in the audit log; once."""
        anna, bob = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna)
        held = [await hold(anna, room)]
        held += (await anna.call("/user/sendMessage", message={"user": bob.id, "text": HELD})).data["message"]
        mine = {message["_id"] for message in held}

        async def listed() -> set[str]:
            found = (await self.admin("words", "held", "--limit", "1000")).json["held"]
            return mine & {message["_id"] for message in found}

        self.assertEqual(mine, await listed())
        for message, decision in zip(held, ("release", "drop"), strict=True):
            done = await self.admin("words", decision, message["_id"])
            self.assertEqual(0, done.code, done)
            audit = (await self.admin("audit", "list", "--whom", message["_id"])).json["audit"]
            self.assertEqual([f"{decision} message"], [line["deed"] for line in audit])

        async def none() -> bool:
            return await listed() == set()

        await eventually(none, "the decisions to be carried out")
        self.assertEqual(1, (await self.admin("words", "release", held[1]["_id"])).code)


class Joined(JoinedDaemonsCase):
    async def setUp(self) -> None:
        self.settings = word_list_settings("hold")
        await super().setUp()

    async def test_released(self) -> None:
        """With two daemons: held from all but the author at both, and let go at both within about a second."""
        anna, bob = await self.people(2)
        room = await a_room(anna, anna, bob)
        listeners: list[Listener] = [await self.a_listener(bob), await self.listener_there(bob)]
        device = await self.listener_there(anna)

        held = await hold(anna, room)

        self.assertEqual(held["_id"], (await device.next())["data"]["_id"])
        self.assertEqual([HELD], await texts(self.there(anna), room))
        self.assertEqual([], await texts(self.there(bob), room))
        self.assertEqual([], await listeners[0].silence() + listeners[1].untaken())
        done = await run("--json", *self.daemon.options, "words", "release", held["_id"])
        self.assertEqual(0, done.code, done)
        for listener in listeners:
            self.assertEqual(held["_id"], (await listener.next())["data"]["_id"])
        self.assertEqual([[HELD]] * 2, [await texts(who, room) for who in (bob, self.there(bob))])
        await self.quiet(device, *listeners)
