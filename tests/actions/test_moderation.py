"""Moderation: the ranks that it needs, its effects, and the receivers of its events."""

import time
from typing import Any

from twisted.internet.defer import ensureDeferred, gatherResults

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.client import Answer


def soon() -> int:
    """A minute from now, in milliseconds since the epoch."""
    return int(time.time() * 1000) + 60_000


class ModerationCase(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.admin, self.moderator, self.other_moderator = [await self.a_person() for _ in range(3)]
        self.member, self.outsider = [await self.a_person() for _ in range(2)]
        self.room = await a_room(self.admin, self.admin, self.moderator, self.other_moderator, self.member)
        for person in (self.moderator, self.other_moderator):
            await self.admin.call("/room/add-moderator", room_id=self.room, user_id=person.id)

    async def do(self, who: Person, path: str, whom: Person, **more: Any) -> Answer:
        if path == "/room/silence":
            more.setdefault("finished", soon())
        return await who.call(path, room_id=self.room, user_id=whom.id, **more)

    async def shown(self) -> dict[str, Any]:
        """The room as its admin sees it."""
        room: dict[str, Any] = (await self.admin.enter(self.room)).data["room"]
        return room


class Ranks(ModerationCase):
    async def test_matrix(self) -> None:
        """Kick, silence, ban and unban need a higher rank than the other's: admin, then moderators, then the rest."""
        for path in ("/room/kick", "/room/silence", "/room/ban", "/room/unban"):
            for who, whom in (
                (self.member, self.outsider),
                (self.member, self.moderator),
                (self.outsider, self.member),
                (self.moderator, self.other_moderator),
                (self.moderator, self.admin),
                (self.admin, self.admin),
                (self.moderator, self.moderator),
            ):
                answer = await self.do(who, path, whom)

                self.assertEqual((403, "outranked"), (answer.status, answer.code), path)

    async def test_admin_alone_names_moderators(self) -> None:
        """Only the admin names moderators and removes them."""
        for path in ("/room/add-moderator", "/room/remove-moderator"):
            for who in (self.moderator, self.member, self.outsider):
                self.assertEqual(403, (await self.do(who, path, self.member)).status)

        self.assertEqual(201, (await self.do(self.admin, "/room/add-moderator", self.member)).status)
        self.assertEqual(200, (await self.do(self.admin, "/room/remove-moderator", self.member)).status)

    async def test_two_moderators(self) -> None:
        """Two moderators who ban each other at once are both refused: neither outranks the other."""
        doing = [
            ensureDeferred(self.do(who, path, whom))
            for path in ("/room/ban", "/room/kick", "/room/silence")
            for who, whom in ((self.moderator, self.other_moderator), (self.other_moderator, self.moderator))
        ]

        answers = await gatherResults(doing)

        self.assertEqual({403}, {answer.status for answer in answers})
        room = await self.shown()
        self.assertEqual({self.moderator.id, self.other_moderator.id}, set(room["moderators"]) & set(room["users"]))

    async def test_unseated_in_the_middle(self) -> None:
        """A moderator who is removed during a ban has banned the user or is refused."""
        banning = ensureDeferred(self.do(self.moderator, "/room/ban", self.member))
        unseating = ensureDeferred(self.do(self.admin, "/room/remove-moderator", self.moderator))

        banned, unseated = await gatherResults([banning, unseating])

        self.assertEqual(200, unseated.status)
        chat = (await self.admin.call("/room/chat", room=self.room, skip=-10)).data["chat"]
        kinds = [message["type"] for message in chat if message["type"] in ("ban", "remove moderator")]
        self.assertEqual(["ban", "remove moderator"] if banned.status == 200 else ["remove moderator"], kinds)

    async def test_a_new_rank_counts(self) -> None:
        """A removed moderator has no moderator's rights."""
        await self.do(self.admin, "/room/remove-moderator", self.moderator)

        self.assertEqual(403, (await self.do(self.moderator, "/room/kick", self.member)).status)

    async def test_nothing_there(self) -> None:
        """An unknown room, user or message is 404, whatever the caller's rank."""
        nothing = "0" * 24
        for path in ("/room/kick", "/room/ban", "/room/silence"):
            for fields in (
                {"room_id": nothing, "user_id": self.member.id},
                {"room_id": self.room, "user_id": nothing},
                {"room_id": self.room, "user_id": "nobody"},
                {"room_id": self.room, "user_id": self.member.id, "ref_message": nothing},
            ):
                answer = await self.member.call(path, finished=soon(), **fields)

                self.assertEqual(404, answer.status, (path, fields))


class Kicking(ModerationCase):
    async def test_kick(self) -> None:
        """A kicked user is no longer inside, by the room's and their own document, and may enter again."""
        answer = await self.do(self.moderator, "/room/kick", self.member)

        self.assertEqual((200, {}), (answer.status, answer.json))
        self.assertNotIn(self.member.id, (await self.shown())["users"])
        self.assertIsNone((await self.member.shown())["room"])
        self.assertEqual(403, (await self.member.say(self.room, "but")).status)
        self.assertEqual(200, (await self.member.enter(self.room)).status)

    async def test_kick_event(self) -> None:
        """The users in the room and the kicked user get the event of a kick, with the message that it refers to."""
        message = (await self.member.say(self.room, "rude")).data["message"]
        listeners = [await self.a_listener(person) for person in (self.admin, self.member)]
        await self.a_listener(self.outsider)

        await self.do(self.moderator, "/room/kick", self.member, ref_message=message["_id"])

        for event in await self.assert_received(*listeners):
            data = event["data"]
            self.assertEqual("service-message", event["event"])
            self.assertEqual(
                (None, "kick", self.room, self.member.id, self.moderator.id, message),
                tuple(data[key] for key in ("error", "type", "room", "user", "author", "ref_message")),
            )
            self.assertIn("created_at", data)
            self.assertIn("_id", data)

    async def test_kick_is_history(self) -> None:
        """A kick is a service message of the room."""
        await self.do(self.moderator, "/room/kick", self.member)

        last = (await self.admin.call("/room/chat", room=self.room, skip=-1)).data["chat"][0]
        self.assertEqual(("kick", self.member.id, self.moderator.id), (last["type"], last["user"], last["author"]))

    async def test_not_inside(self) -> None:
        """Kicking a user who is not inside is 200 and publishes no event."""
        listener = await self.a_listener(self.admin)

        answer = await self.do(self.admin, "/room/kick", self.outsider)

        self.assertEqual(200, answer.status)
        self.assertEqual([], await listener.silence())


class Silencing(ModerationCase):
    async def test_silence(self) -> None:
        """Until a silence ends, messages are 403, and the room shows its end."""
        finished = soon()

        await self.do(self.moderator, "/room/silence", self.member, finished=finished)

        said = await self.member.say(self.room, "mm")
        self.assertEqual((403, "silenced"), (said.status, said.code))
        self.assertEqual({self.member.id: finished}, (await self.shown())["silently"])

    async def test_silence_runs_out(self) -> None:
        """An expired silence is not shown, and the user may send messages."""
        await self.do(self.moderator, "/room/silence", self.member, finished=int(time.time() * 1000) + 300)
        listener = await self.a_listener(self.admin)
        await listener.silence()
        await listener.silence()

        self.assertEqual(200, (await self.member.say(self.room, "at last")).status)
        self.assertEqual({}, (await self.shown())["silently"])

    async def test_past_finished_ends_it(self) -> None:
        """A ``finished`` in the past ends a silence."""
        await self.do(self.moderator, "/room/silence", self.member)

        await self.do(self.moderator, "/room/silence", self.member, finished=0)

        self.assertEqual(200, (await self.member.say(self.room, "thanks")).status)

    async def test_iso(self) -> None:
        """``finished`` may be an ISO string."""
        answer = await self.do(self.moderator, "/room/silence", self.member, finished="2100-01-01T00:00:00.000Z")

        self.assertEqual(200, answer.status)
        self.assertEqual({self.member.id: 4102444800000}, (await self.shown())["silently"])

    async def test_milliseconds_as_string(self) -> None:
        """Milliseconds in a string are 400. Some could be read as a time of the year 1701, which ends a silence."""
        answer = await self.do(self.moderator, "/room/silence", self.member, finished="1701051500000")

        self.assertEqual((400, "finished"), (answer.status, answer.json["fields"][0]["field"]))

    async def test_event(self) -> None:
        """The room gets the event of a silence, with its comment."""
        listeners = [await self.a_listener(person) for person in (self.admin, self.member)]

        await self.do(self.moderator, "/room/silence", self.member, text="enough")

        for event in await self.assert_received(*listeners):
            self.assertEqual(
                ("silence", "enough", self.member.id),
                tuple(event["data"][key] for key in ("type", "text", "user")),
            )


class Banning(ModerationCase):
    async def test_ban(self) -> None:
        """A banned user is no longer inside and may not enter until the ban is lifted."""
        await self.do(self.moderator, "/room/ban", self.member)

        room = await self.shown()
        self.assertNotIn(self.member.id, room["users"])
        self.assertEqual([self.member.id], room["banned"])
        self.assertIsNone((await self.member.shown())["room"])
        entering = await self.member.enter(self.room)
        self.assertEqual((403, "banned"), (entering.status, entering.code))

        self.assertEqual(200, (await self.do(self.moderator, "/room/unban", self.member)).status)
        self.assertEqual(200, (await self.member.enter(self.room)).status)

    async def test_event(self) -> None:
        """The room and the user concerned get the events of a ban and of its end."""
        listeners = [await self.a_listener(person) for person in (self.admin, self.member)]
        await self.a_listener(self.outsider)

        for path, kind in (("/room/ban", "ban"), ("/room/unban", "unban")):
            await self.do(self.moderator, path, self.member)

            for event in await self.assert_received(*listeners):
                self.assertEqual((kind, self.member.id), (event["data"]["type"], event["data"]["user"]))

    async def test_banned_moderator(self) -> None:
        """A banned moderator loses the rank."""
        await self.do(self.admin, "/room/ban", self.moderator)

        self.assertNotIn(self.moderator.id, (await self.shown())["moderators"])

    async def test_outsider(self) -> None:
        """A user who is not inside can be banned, and then may not enter."""
        await self.do(self.moderator, "/room/ban", self.outsider)

        self.assertEqual(403, (await self.outsider.enter(self.room)).status)

    async def test_against_a_flood(self) -> None:
        """After a ban during a flood of messages the log has no later message of the banned user."""
        flood = [ensureDeferred(self.member.say(self.room, f"{n}")) for n in range(20)]
        banning = ensureDeferred(self.do(self.moderator, "/room/ban", self.member))
        flood += [ensureDeferred(self.member.say(self.room, f"{n}")) for n in range(20)]

        statuses = [answer.status for answer in await gatherResults(flood)]
        self.assertEqual(200, (await banning).status)

        chat = (await self.admin.call("/room/chat", room=self.room, skip=-500, limit=500)).data["chat"]
        ban = next(message["seq"] for message in chat if message["type"] == "ban")
        said = [m["seq"] for m in chat if m["author"] == self.member.id and m["type"] is None]
        self.assertEqual([], [seq for seq in said if seq > ban])
        self.assertEqual(len(said), statuses.count(200))
        self.assertEqual(40 - len(said), statuses.count(403))


class Moderators(ModerationCase):
    async def test_event(self) -> None:
        """The room gets the events of a new and of a removed moderator."""
        listeners = [await self.a_listener(person) for person in (self.admin, self.member)]

        for path, kind in (("/room/add-moderator", "new moderator"), ("/room/remove-moderator", "remove moderator")):
            await self.do(self.admin, path, self.member)

            for event in await self.assert_received(*listeners):
                self.assertEqual(
                    (kind, self.member.id, self.admin.id),
                    (event["data"]["type"], event["data"]["user"], event["data"]["author"]),
                )

    async def test_again(self) -> None:
        """Naming a moderator again publishes no event."""
        listener = await self.a_listener(self.admin)

        answer = await self.do(self.admin, "/room/add-moderator", self.moderator)

        self.assertEqual(201, answer.status)
        self.assertEqual([], await listener.silence())


class Removing(ModerationCase):
    async def test_admin_alone(self) -> None:
        """Only the admin may remove a room; everybody else gets 401."""
        for person in (self.moderator, self.member, self.outsider):
            answer = await person.call("/room/remove", room={"id": self.room})

            self.assertEqual((401, "not-admin"), (answer.status, answer.code))

    async def test_removed(self) -> None:
        """A removed room and its history no longer exist for anybody."""
        answer = await self.admin.call("/room/remove", room={"id": self.room})

        self.assertEqual((200, {}), (answer.status, answer.json))
        self.assertEqual(404, (await self.member.say(self.room, "hello?")).status)
        self.assertEqual(404, (await self.member.enter(self.room)).status)
        self.assertEqual(404, (await self.admin.call("/room/chat", room=self.room)).status)
        self.assertEqual(404, (await self.admin.call("/room/remove", room={"id": self.room})).status)
        self.assertEqual([], (await self.admin.call("/room/get", room_id=self.room)).data["rooms"])
        self.assertIsNone((await self.member.shown())["room"])
        self.assertEqual([], (await self.admin.shown())["rooms"])

    async def test_event(self) -> None:
        """Everyone inside gets the event of a room's removal."""
        listeners = [await self.a_listener(person) for person in (self.admin, self.member)]
        await self.a_listener(self.outsider)

        await self.admin.call("/room/remove", room={"id": self.room})

        for event in await self.assert_received(*listeners):
            self.assertEqual(
                ("service-message", "remove room", self.room),
                (event["event"], event["data"]["type"], event["data"]["room"]),
            )
