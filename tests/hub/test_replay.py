"""Replay: a client that reconnects gets each missed event once, in order, before new ones."""

from typing import Any
from urllib.parse import quote

from bson import ObjectId
from pymongo import MongoClient
from twisted.internet.defer import ensureDeferred

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.client import Listener
from tests.support.daemon import Daemon
from tests.support.waiting import eventually
from tests.support.wire import OwnDaemonCase


class ReplayCase(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(), await self.a_person()

    async def back(self, who: Person, **have: Any) -> tuple[dict[str, Any], Listener]:
        """A new socket whose init has a position, and the data of its ``ready``."""
        socket = await self.a_socket()
        socket.say({"event": "init", "data": {"session_key": who.session_key, **have}})
        return (await socket.next("ready"))["data"], socket

    async def missed(self, socket: Listener) -> tuple[list[dict[str, Any]], bool]:
        """The events before ``caught-up``, and whether that says recovered."""
        events = []
        while (event := await socket.next())["event"] != "caught-up":
            events.append(event)
        self.assertIsNone(event["data"]["error"])
        return events, event["data"]["recovered"]

    async def write(self, text: str) -> None:
        await self.boris.call("/user/sendMessage", message={"user": self.anna.id, "text": text})


class Expired(ReplayCase):
    async def test_expired(self) -> None:
        """A client that has missed what has expired since is told so, and one that has not gets all that it missed."""
        room = await a_room(self.boris, self.boris, self.anna)
        data, gone = await self.back(self.anna)
        await gone.leave()
        for n in range(5):
            await self.boris.say(room, f"{n}")
            await self.write(f"direct {n}")
        socket_file = quote(str(self.daemon.data / "mongo" / "mongod.sock"), safe="")
        with MongoClient[dict[str, Any]](f"mongodb://{socket_file}") as client:
            log = client["justchat"]["log"]
            log.delete_many({"stream": ObjectId(room), "seq": {"$lte": data["seq"] + 2}})
            log.delete_many({"stream": ObjectId(self.anna.id), "seq": {"$lte": data["n"] + 2}})

        for seq, n, is_whole in (
            (0, 2, False),
            (1, 3, False),
            (2, 0, False),
            (2, 1, False),
            (2, 2, True),
            (5, 5, True),
        ):
            _, socket = await self.back(self.anna, n=data["n"] + n, room=room, seq=data["seq"] + seq)
            events, recovered = await self.missed(socket)
            self.assertEqual((is_whole, 10 - seq - n if is_whole else 0), (recovered, len(events)))

    async def test_expired_between(self) -> None:
        """So is one of which something between two events has expired: gifts do not expire, messages do."""
        data, gone = await self.back(self.anna)
        await gone.leave()
        for n in range(70):
            await self.write(f"direct {n}")
        socket_file = quote(str(self.daemon.data / "mongo" / "mongod.sock"), safe="")
        with MongoClient[dict[str, Any]](f"mongodb://{socket_file}") as client:
            expired = [data["n"] + 2, data["n"] + 68]
            client["justchat"]["log"].delete_many({"stream": ObjectId(self.anna.id), "seq": {"$in": expired}})

        for n, is_whole, number in ((0, False, 0), (1, False, 0), (2, False, 64), (67, False, 0), (68, True, 2)):
            _, socket = await self.back(self.anna, n=data["n"] + n)
            events, recovered = await self.missed(socket)
            self.assertEqual((is_whole, number), (recovered, len(events)))


class ComingBack(ReplayCase):
    async def test_where_things_stand(self) -> None:
        """``ready`` has the positions of the user's and the room's events."""
        room = await a_room(self.boris, self.boris, self.anna)
        await self.write("hello")

        data, socket = await self.back(self.anna)

        self.assertEqual({"error": None, "user": self.anna.id, "n": 1, "room": room, "seq": 2, "blocks": []}, data)
        self.assertEqual([], await socket.silence())

    async def test_in_no_room(self) -> None:
        """A user who is in no room has no seq."""
        data, _ = await self.back(self.anna)

        self.assertEqual((0, None, None), (data["n"], data["room"], data["seq"]))

    async def test_missed(self) -> None:
        """Every missed event comes once, in order, unchanged."""
        room = await a_room(self.boris, self.boris, self.anna)
        listener = await self.a_listener(self.anna)
        data, gone = await self.back(self.anna)
        await gone.leave()
        for n in range(5):
            await self.boris.say(room, f"{n}")
            await self.write(f"direct {n}")

        _, socket = await self.back(self.anna, n=data["n"], room=room, seq=data["seq"])

        events, recovered = await self.missed(socket)
        self.assertTrue(recovered)
        received = [await listener.next() for _ in range(10)]
        for name in ("message", "direct-message"):
            self.assertEqual([e for e in received if e["event"] == name], [e for e in events if e["event"] == name])
        self.assertEqual(10, len(events))

    async def test_nothing_missed(self) -> None:
        """A client that missed nothing gets ``caught-up`` alone."""
        room = await a_room(self.boris, self.boris, self.anna)
        data, _ = await self.back(self.anna)

        _, socket = await self.back(self.anna, n=data["n"], room=room, seq=data["seq"])

        self.assertEqual(([], True), await self.missed(socket))

    async def test_new_ones_follow(self) -> None:
        """While messages are sent, replay and new events come without gaps or duplicates."""
        room = await a_room(self.boris, self.boris, self.anna)
        talking = True
        said = 0

        async def talk() -> None:
            nonlocal said
            while talking:
                answer = await self.boris.say(room, "x")
                said += answer.status == 200

        speaking = [ensureDeferred(talk()) for _ in range(4)]
        await eventually(lambda: said > 20, "some talk")
        sockets = [(await self.back(self.anna, n=0, room=room, seq=2))[1] for _ in range(5)]
        await eventually(lambda: said > 100, "more talk")
        talking = False
        for each in speaking:
            await each

        for socket in sockets:
            await eventually(lambda s=socket: len(s.events) >= said + 2, "all that was said")
            seqs = [event["data"]["seq"] for event in socket.events if event["event"] == "message"]
            self.assertEqual(list(range(3, 3 + said)), seqs)
            self.assertEqual("caught-up", next(e["event"] for e in socket.events if "recovered" in e["data"]))

    async def test_another_room(self) -> None:
        """A client that names another room than the user's is not recovered."""
        await a_room(self.boris, self.boris, self.anna)
        other = await a_room(self.boris)

        _, socket = await self.back(self.anna, n=0, room=other, seq=0)

        self.assertEqual(([], False), await self.missed(socket))

    async def test_from_the_future(self) -> None:
        """A position from the future is not recovered."""
        _, socket = await self.back(self.anna, n=17)

        self.assertEqual(([], False), await self.missed(socket))

    async def test_kicked_meanwhile(self) -> None:
        """A user who was kicked meanwhile gets that event in their own stream."""
        room = await a_room(self.boris, self.boris, self.anna)
        data, gone = await self.back(self.anna)
        await gone.leave()
        await self.boris.call("/room/kick", room_id=room, user_id=self.anna.id)
        await eventually_n(self, self.anna, 1)

        _, socket = await self.back(self.anna, n=data["n"])

        events, recovered = await self.missed(socket)
        self.assertTrue(recovered)
        self.assertEqual(
            [("service-message", "kick", room, 1)],
            [(e["event"], e["data"]["type"], e["data"]["room"], e["data"]["n"]) for e in events],
        )

    async def test_out_for_a_while(self) -> None:
        """Messages from a time when the user was out of the room are not replayed."""
        room = await a_room(self.boris, self.boris, self.anna)
        data, gone = await self.back(self.anna)
        await gone.leave()
        await self.boris.say(room, "received")
        await self.anna.call("/room/leave", room_id=room)
        await self.boris.say(room, "not received")
        await self.anna.enter(room)
        await self.boris.say(room, "received again")

        _, socket = await self.back(self.anna, n=data["n"], room=room, seq=data["seq"])

        events, recovered = await self.missed(socket)
        self.assertTrue(recovered)
        self.assertEqual(
            ["leave", "received", "new roommate", "received again"],
            [e["data"].get("text") or e["data"]["type"] for e in events],
        )

    async def test_elsewhere_for_a_while(self) -> None:
        """Nor are those of another room, where the user was in between: then not all is recovered."""
        room, other = await a_room(self.boris, self.boris, self.anna), await a_room(self.boris)
        data, gone = await self.back(self.anna)
        await gone.leave()
        for number, next_room in enumerate((other, room), 1):
            await self.anna.enter(next_room)
            await self.anna.say(next_room, "hello")
            await eventually_n(self, self.anna, number)

        _, socket = await self.back(self.anna, n=data["n"], room=room, seq=data["seq"])

        events, recovered = await self.missed(socket)
        self.assertEqual(
            (["leave", "leave", "new roommate", None], False),
            ([each["data"].get("type") for each in events], recovered),
        )

    async def test_elsewhere_before(self) -> None:
        """The room before has nothing to do with that, even if the notice of leaving it was late."""
        room, before = await a_room(self.boris), await a_room(self.boris, self.anna)
        await self.anna.enter(room)
        await eventually_n(self, self.anna, 1)
        await self.anna.call("/room/leave", room_id=room)
        await self.anna.enter(room)
        await eventually_n(self, self.anna, 2)

        _, socket = await self.back(self.anna, n=0, room=room, seq=1)

        events, recovered = await self.missed(socket)
        self.assertEqual(([before, room, room], True), ([each["data"]["room"] for each in events], recovered))

    async def test_malformed(self) -> None:
        """Positions that are not whole numbers, or a room that is not a string, close the socket 4400."""
        for have in ({"n": "1"}, {"n": -1}, {"n": 1.5}, {"n": True}, {"seq": {}}, {"room": 5}):
            socket = await self.a_socket()

            socket.say({"event": "init", "data": {"session_key": self.anna.session_key, **have}})

            self.assertEqual(4400, await socket.closed(), have)


class Bounds(OwnDaemonCase, ReplayCase):
    async def its_daemon(self) -> Daemon:
        self.daemon = await super().its_daemon()
        await self.start("[websocket]\nreplay_events = 3")
        return self.daemon

    async def test_too_many(self) -> None:
        """A gap longer than the kept span is not recovered."""
        for n in range(4):
            await self.write(f"{n}")

        for have, expected in ((0, False), (1, True)):
            _, socket = await self.back(self.anna, n=have)
            events, recovered = await self.missed(socket)
            self.assertEqual((expected, 3 * expected), (recovered, len(events)))

    async def test_restart(self) -> None:
        """A restart of the daemon loses no event."""
        await self.write("before")
        await self.daemon.kill()
        await self.daemon.start()

        _, socket = await self.back(self.anna, n=0)

        events, recovered = await self.missed(socket)
        self.assertTrue(recovered)
        self.assertEqual(["before"], [event["data"]["text"] for event in events])


async def eventually_n(test: ReplayCase, who: Person, n: int) -> None:
    """Wait until a user's own events have reached ``n``: notices are stored after the answer."""

    async def come() -> bool:
        data, socket = await test.back(who)
        await socket.leave()
        return bool(data["n"] >= n)

    await eventually(come, f"event {n} of somebody's own")
