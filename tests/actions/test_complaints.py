"""Complaints, invitations and sessions."""

from typing import Any

from tests.support.chat import ChatTestCase, a_phone, a_room, last_sms, sign_in
from tests.support.client import call
from tests.support.waiting import at_once


class Complaining(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris, self.eve = [await self.a_person() for _ in range(3)]
        self.room = await a_room(self.anna, self.anna, self.boris)

    async def test_of_a_message(self) -> None:
        """The answer to a complaint has the whole message, and no ``data``."""
        message = (await self.boris.say(self.room, "rude")).data["message"]

        answer = await self.anna.call("/complaints/new", message=message["_id"], text="he is rude")

        complaint = answer.json["complaint"]
        self.assertEqual({"complaint"}, set(answer.json))
        self.assertEqual(
            (self.anna.id, self.room, message, "he is rude"),
            tuple(complaint[key] for key in ("author", "room", "message", "text")),
        )
        self.assertIn("_id", complaint)
        self.assertIn("create_at", complaint)

    async def test_of_a_service_message(self) -> None:
        """A service message can be complained about."""
        chat = (await self.anna.call("/room/chat", room=self.room)).data["chat"]

        answer = await self.anna.call("/complaints/new", message=chat[0]["_id"], text="why")

        self.assertEqual("new roommate", answer.json["complaint"]["message"]["type"])

    async def test_of_a_kick(self) -> None:
        """Who was put out may complain about that, as they were told of it; other messages are not theirs to see."""
        rude = (await self.anna.say(self.room, "rude")).data["message"]["_id"]
        listener = await self.a_listener(self.boris)
        await self.anna.call("/room/ban", room_id=self.room, user_id=self.boris.id, ref_message=rude)
        told = (await listener.next("service-message"))["data"]
        await self.anna.call("/room/ban", room_id=self.room, user_id=self.eve.id)
        never_inside = (await self.anna.call("/room/chat", room=self.room)).data["chat"][-1]["_id"]

        answer = await self.boris.call("/complaints/new", message=told["_id"], text="why")

        complaint = answer.json["complaint"]
        self.assertEqual(("ban", self.anna.id), (complaint["message"]["type"], complaint["user"]))
        for person, message in ((self.eve, told["_id"]), (self.boris, rude), (self.eve, never_inside)):
            refused = await person.call("/complaints/new", message=message, text="why")
            self.assertEqual("not-in-room", refused.code)

    async def test_of_a_direct_message(self) -> None:
        """Both users may complain about a direct message; for others it does not exist."""
        sent = await self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": "rude"})
        message = sent.data["message"][0]

        answers = [
            await person.call("/complaints/new", message=message["_id"], text="why")
            for person in (self.anna, self.boris, self.eve)
        ]

        self.assertEqual([200, 200, 404], [answer.status for answer in answers])
        self.assertEqual((message, None), tuple(answers[0].json["complaint"][key] for key in ("message", "room")))

    async def test_of_a_user_and_a_room(self) -> None:
        """A user and a room can be complained about, with a reason, by anybody who is signed in."""
        about_user = await self.eve.call("/complaints/new", user=self.boris.id, reason="fraud", text="x")
        about_room = await self.eve.call("/complaints/new", room=self.room, text="x")

        fields = ("user", "room", "message", "reason", "status")
        self.assertEqual(
            [(self.boris.id, None, None, "fraud", "open"), (None, self.room, None, "other", "open")],
            [tuple(answer.json["complaint"][field] for field in fields) for answer in (about_user, about_room)],
        )

    async def test_fields(self) -> None:
        """Whom a complaint about a message is about is its author."""
        message = (await self.boris.say(self.room, "rude")).data["message"]

        complaint = (await self.anna.call("/complaints/new", message=message["_id"], text="x")).json["complaint"]

        self.assertEqual((self.boris.id, "other"), (complaint["user"], complaint["reason"]))

    async def test_again(self) -> None:
        """The same person gets the first complaint about the same thing again, also of many at once."""
        message = (await self.boris.say(self.room, "rude")).data["message"]["_id"]
        bodies: list[dict[str, Any]] = [
            {about: id, "reason": "spam" if n else "abuse", "text": f"{n}"}
            for about, id in (("message", message), ("user", self.boris.id), ("room", self.room))
            for n in range(4)
        ]

        answers = await at_once([self.anna.call("/complaints/new", **body) for body in bodies])
        again = [await self.anna.call("/complaints/new", **body) for body in bodies[::4]]
        another = await self.boris.call("/complaints/new", **bodies[0])

        made = [answer.json["complaint"] for answer in answers]
        for first in (0, 4, 8):
            self.assertEqual([made[first]] * 4, made[first : first + 4])
            self.assertEqual(made[first], again[first // 4].json["complaint"])
        self.assertEqual(4, len({each["_id"] for each in made} | {another.json["complaint"]["_id"]}))

    async def test_wrong(self) -> None:
        """None or two of them, and an unknown reason, are 400; what is not there is 404."""
        for body in (
            {},
            {"message": self.room, "user": self.boris.id},
            {"user": self.boris.id, "room": self.room},
            {"user": self.boris.id, "reason": "boredom"},
            {"user": self.boris.id, "reason": None},
            {"user": {"$ne": 1}},
        ):
            self.assertEqual(400, (await self.anna.call("/complaints/new", text="x", **body)).status, body)
        for about, code in (("user", "user-not-found"), ("room", "room-not-found")):
            for id in ("0" * 24, "none"):
                self.assertEqual(code, (await self.anna.call("/complaints/new", text="x", **{about: id})).code)

    async def test_of_oneself(self) -> None:
        """Oneself is 400, and the answer names the field. One's own message and room may be complained about."""
        message = (await self.anna.say(self.room, "hello")).data["message"]["_id"]

        answer = await self.anna.call("/complaints/new", user=self.anna.id, text="x")
        others = [
            (await self.anna.call("/complaints/new", text="x", **about)).status
            for about in ({"message": message}, {"room": self.room})
        ]

        self.assertEqual(
            (400, "invalid-fields", "user"), (answer.status, answer.code, answer.json["fields"][0]["field"])
        )
        self.assertEqual([200, 200], others)

    async def test_not_seen(self) -> None:
        """A message of a room that the caller is not in is 403; an unknown message is 404."""
        message = (await self.boris.say(self.room, "rude")).data["message"]

        self.assertEqual(403, (await self.eve.call("/complaints/new", message=message["_id"], text="x")).status)
        self.assertEqual(404, (await self.anna.call("/complaints/new", message="0" * 24, text="x")).status)
        self.assertEqual(404, (await self.anna.call("/complaints/new", message="none", text="x")).status)


class Inviting(ChatTestCase):
    async def test_once_a_day(self) -> None:
        """Each phone gets an SMS once a day per inviter, whatever the notation."""
        anna, boris = await self.a_person(), await self.a_person()
        phone, other = a_phone(), a_phone()

        answer = await anna.call("/init/invite", phons=[phone, int(phone), f"+{phone}", other])
        await anna.call("/init/invite", phones=[phone])
        await boris.call("/init/invite", phones=[phone])

        self.assertEqual((200, {}), (answer.status, answer.json))
        outbox = (self.daemon.data / "sms-outbox.jsonl").read_text()
        self.assertEqual(2, outbox.count(phone))
        self.assertTrue(last_sms(self.daemon, other))

    async def test_all_or_none(self) -> None:
        """One invalid phone refuses the whole call before any SMS is sent."""
        anna = await self.a_person()
        phone = a_phone()

        for bad in ("12", {}, None, True):
            answer = await anna.call("/init/invite", phons=[phone, bad])

            self.assertEqual(400, answer.status)
        self.assertNotIn(phone, (self.daemon.data / "sms-outbox.jsonl").read_text())

    async def test_nobody(self) -> None:
        """Neither ``phons`` nor ``phones`` is 400."""
        anna = await self.a_person()

        self.assertEqual(400, (await anna.call("/init/invite")).status)


class Sessions(ChatTestCase):
    async def test_list(self) -> None:
        """A user's own sessions are listed without keys, and the current one is marked."""
        anna = await self.a_person()
        other = await sign_in(self.daemon, anna.phone, anna.key)

        answer = await other.call("/init/sessions")

        sessions = answer.data["sessions"]
        self.assertEqual([True, False], [session["current"] for session in sessions])
        for session in sessions:
            self.assertEqual({"_id", "create_at", "created_at", "seen_at", "current"}, set(session))

    async def test_exit_all(self) -> None:
        """``/init/exit-all`` ends all sessions and sockets of the caller and of nobody else."""
        anna, boris = await self.a_person(), await self.a_person()
        other = await sign_in(self.daemon, anna.phone, anna.key)
        sockets = [await self.a_listener(person) for person in (anna, other, boris)]

        answer = await anna.call("/init/exit-all")

        self.assertEqual((200, {}), (answer.status, answer.json))
        self.assertEqual([4440, 4440], [await socket.closed() for socket in sockets[:2]])
        self.assertEqual([440, 440], [(await person.call("/init/sessions")).status for person in (anna, other)])
        self.assertEqual(200, (await boris.call("/init/sessions")).status)
        self.assertFalse(sockets[2].gone.called)

    async def test_no_key(self) -> None:
        """A call that needs a session answers 440 without one."""
        self.assertEqual(440, (await call(self.daemon.http, "/init/sessions", {})).status)
