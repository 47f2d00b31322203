"""Two daemons that Redis joins: every event reaches sockets at the other one at once (contract, sections 4 and 9)."""

import hashlib
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from tests.support.chat import Person, a_room
from tests.support.client import Listener, listen, listen_as
from tests.support.socketio.by_hand import Packets
from tests.support.two_daemons import SECRET_KEY, Pair, TwoDaemonsCase
from tests.support.waiting import assert_within, eventually

SOON = 1.0
"""Seconds in which the contract wants everything at all daemons."""
LATE = 2.0
"""Seconds for the same while the bus is away."""


class JoinedDaemonsCase(TwoDaemonsCase):
    joined = True
    within = SOON

    async def listener_there(self, person: Person) -> Listener:
        """A socket of a person at the other daemon."""
        return await self.a_listener(self.there(person))

    async def a_listener(self, person: Person, path: str | None = None) -> Listener:
        here, self.daemon = self.daemon, person.daemon
        try:
            return await super().a_listener(person, path)
        finally:
            self.daemon = here

    async def soon(self, doing: Awaitable[Any], *listeners: Listener) -> list[dict[str, Any]]:
        """The next event of each listener, which must come soon after what is done."""
        answer = await doing
        began = monotonic()
        assert answer.status in (200, 201), answer
        events = [await listener.next() for listener in listeners]
        assert_within(self.within, monotonic() - began)
        return events

    async def pay(self, person: Person, coins: int) -> None:
        secret = hashlib.md5(f"{SECRET_KEY}{coins}".encode()).hexdigest()
        answer = await person.call("/user/updateBalance", balance=coins, secret=secret)
        assert answer.status == 200, answer

    async def quiet(self, *listeners: Listener) -> None:
        """Nothing more comes to these."""
        self.assertEqual([], await listeners[0].silence())
        self.assertEqual([[]] * len(listeners), [listener.untaken() for listener in listeners])


def type_of(event: dict[str, Any]) -> tuple[str, str | None]:
    return event["event"], event["data"].get("type")


class Events(JoinedDaemonsCase):
    """Those who act are at one daemon, those who listen at the other."""

    async def setUp(self) -> None:
        await super().setUp()
        self.admin, self.anna, self.boris = await self.people(3)
        self.room = await a_room(self.admin, self.admin, self.anna, self.boris)
        self.listeners = [await self.listener_there(person) for person in (self.admin, self.anna, self.boris)]

    async def test_messages(self) -> None:
        """A message, to everybody in the room, in the order of its seq."""
        for number in range(20):
            await self.anna.say(self.room, f"{number}")
            await self.there(self.boris).say(self.room, f"{number} from there")

        for listener in self.listeners:
            events = [await listener.next() for _ in range(40)]
            self.assertEqual(list(range(4, 44)), [event["data"]["seq"] for event in events])
        await self.quiet(*self.listeners)

    async def test_service_messages(self) -> None:
        """Each kind about somebody who stays in the room, or comes into it."""
        (carla,) = await self.people(1)
        about = {"room_id": self.room, "user_id": self.anna.id}
        deeds: list[tuple[str, Awaitable[Any]]] = [
            ("silence", self.admin.call("/room/silence", **about, finished=4_000_000_000_000)),
            ("new moderator", self.admin.call("/room/add-moderator", **about)),
            ("remove moderator", self.admin.call("/room/remove-moderator", **about)),
            ("new roommate", carla.enter(self.room)),
            ("leave", carla.call("/room/leave", room_id=self.room)),
            ("ban", self.admin.call("/room/ban", room_id=self.room, user_id=carla.id)),
            ("unban", self.admin.call("/room/unban", room_id=self.room, user_id=carla.id)),
        ]

        for kind, deed in deeds:
            for event in await self.soon(deed, *self.listeners):
                self.assertEqual(("service-message", kind), type_of(event))
        await self.quiet(*self.listeners)

    async def test_put_out(self) -> None:
        """Who is kicked or banned gets that once, with ``n``, and nothing of the room after it."""
        for n, path in enumerate(("kick", "ban"), 1):
            await self.anna.enter(self.room)
            for listener in self.listeners:
                listener.taken = len(listener.events)
            deed = self.admin.call(f"/room/{path}", room_id=self.room, user_id=self.anna.id)
            events = await self.soon(deed, *self.listeners)

            self.assertEqual([("service-message", path)] * 3, [type_of(event) for event in events])
            self.assertEqual(n, events[1]["data"]["n"])
            await self.soon(self.boris.say(self.room, "not for Anna"), self.listeners[0], self.listeners[2])
            await self.quiet(*self.listeners)
            self.assertIsNone((await self.there(self.anna).shown())["room"])

    async def test_removed_room(self) -> None:
        """Everybody in a removed room gets that."""
        events = await self.soon(self.admin.call("/room/remove", room={"id": self.room}), *self.listeners)

        self.assertEqual({("service-message", "remove room")}, {type_of(event) for event in events})
        await self.quiet(*self.listeners)

    async def test_direct(self) -> None:
        """A direct message, and its receipt back."""
        (event,) = await self.soon(
            self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": "hello"}), self.listeners[2]
        )
        self.assertEqual(("direct-message", 1), (event["event"], event["data"]["n"]))

        (receipt,) = await self.soon(
            self.boris.call("/user/messages/mark-as-read", message=event["data"]["_id"]), self.listeners[1]
        )

        self.assertEqual(("read-message", event["data"]["_id"]), (receipt["event"], receipt["data"]["data"]["_id"]))
        await self.quiet(*self.listeners)

    async def test_gift(self) -> None:
        """A gift, to its receiver and once to each in the receiver's room, at both daemons."""
        here = await self.a_listener(self.boris)
        gift = (await self.anna.call("/gifts")).data["gifts"][0]
        await self.pay(self.anna, gift["price"])
        deed = self.anna.call("/gifts/send", gift=gift["_id"], user=self.boris.id, text="for you")

        events = await self.soon(deed, *self.listeners, here)

        self.assertEqual({"gift-message"}, {event["event"] for event in events})
        self.assertEqual([None, None, 1, 1], [event["data"].get("n") for event in events])
        self.assertEqual({self.room}, {event["data"]["room"] for event in events})
        await self.quiet(*self.listeners, here)

    async def test_moving(self) -> None:
        """Who enters another room through one daemon gets its events at the other from then on, and no more the old."""
        (carla,) = await self.people(1)
        other_room = await a_room(carla, carla)
        listener = self.listeners[1]

        (entered,) = await self.soon(self.anna.enter(other_room), listener)
        await carla.say(other_room, "welcome")
        await self.boris.say(self.room, "she has gone")

        self.assertEqual(("service-message", "new roommate"), type_of(entered))
        # The notice that she has left is her own, and in no order with the new room's events.
        events = [await listener.next() for _ in range(2)]
        self.assertEqual({("message", None), ("service-message", "leave")}, {type_of(event) for event in events})
        await self.quiet(listener)

    async def test_socketio(self) -> None:
        """A Socket.IO client at the other daemon gets them as well."""
        packets = await listen_as(Packets, self.other.http, "/socket.io/?EIO=4&transport=websocket")
        self._listeners.append(packets)
        packets.send("40", f'42["init",{{"session_key":"{self.anna.session_key}"}}]')
        await packets.receive('42["ready"')

        await self.boris.say(self.room, "by Socket.IO")

        self.assertIn("by Socket.IO", await packets.receive('42["message"'))

    async def test_hopping(self) -> None:
        """A client that comes back at the other daemon gets what it has missed, once, in order, then new events."""
        listener = self.listeners[1]
        await self.boris.say(self.room, "received")
        (seen,) = [await listener.next()]
        await listener.leave()
        for number in range(3):
            await self.there(self.boris).say(self.room, f"missed {number}")
            await self.boris.call("/user/sendMessage", message={"user": self.anna.id, "text": f"missed {number}"})

        back = await listen(self.other.websocket)
        self._listeners.append(back)
        have = {"n": 0, "room": self.room, "seq": seen["data"]["seq"]}
        back.say({"event": "init", "data": {"session_key": self.anna.session_key, **have}})
        await self.there(self.boris).say(self.room, "new")

        events = [await back.next() for _ in range(9)]
        names = [event["event"] for event in events]
        self.assertEqual("ready", names[0])
        caught_up = events[names.index("caught-up")]
        self.assertTrue(caught_up["data"]["recovered"])
        of_room = [event["data"]["seq"] for event in events if event["event"] == "message"]
        self.assertEqual(list(range(seen["data"]["seq"] + 1, seen["data"]["seq"] + 5)), of_room)
        self.assertEqual([1, 2, 3], [event["data"]["n"] for event in events if event["event"] == "direct-message"])
        await self.quiet(back)


class Hopping(JoinedDaemonsCase):
    async def test_every_kind(self) -> None:
        """A client that hops gets by replay what a socket that stayed got: each kind of event, once and in order."""
        admin, anna, boris = await self.people(3)
        room = await a_room(admin, admin, anna, boris)
        stayed = await self.a_listener(anna)
        about = {"room_id": room, "user_id": boris.id}
        gift = (await anna.call("/gifts")).data["gifts"][0]
        await self.pay(boris, gift["price"])
        sent = await anna.call("/user/sendMessage", message={"user": boris.id, "text": "read this"})
        deeds: list[Awaitable[Any]] = [
            boris.say(room, "a message"),
            self.there(boris).call("/user/sendMessage", message={"user": anna.id, "text": "a direct message"}),
            boris.call("/user/messages/mark-as-read", message=sent.data["message"][0]["_id"]),
            self.there(boris).call("/gifts/send", gift=gift["_id"], user=anna.id, text="for you"),
            admin.call("/room/silence", **about, finished=4_000_000_000_000),
            self.there(admin).call("/room/add-moderator", **about),
            admin.call("/room/remove-moderator", **about),
            self.there(admin).call("/room/kick", **about),
            boris.enter(room),
            self.there(boris).call("/room/leave", room_id=room),
            admin.call("/room/ban", **about),
            self.there(admin).call("/room/unban", **about),
        ]
        for deed in deeds:
            self.assertIn((await deed).status, (200, 201))
        await eventually(lambda: len(stayed.untaken()) == len(deeds), lambda: f"all events; {stayed.untaken()}")

        back = await self.back_there(anna, n=0, room=room, seq=3)

        ready, *events, caught_up = [await back.next() for _ in range(len(deeds) + 2)]
        self.assertTrue(caught_up["data"]["recovered"], caught_up)
        live = stayed.untaken()
        for of_user in (True, False):
            self.assertEqual(
                [event for event in live if ("n" in event["data"]) == of_user],
                [event for event in events if ("n" in event["data"]) == of_user],
            )
        self.assertEqual((3, len(deeds)), (ready["data"]["n"], ready["data"]["seq"]))
        await self.quiet(back)

    async def test_put_out_meanwhile(self) -> None:
        """Who was kicked while away gets the notice by replay at the other daemon, and nothing of the room after it."""
        admin, anna = await self.people(2)
        room = await a_room(admin, admin, anna)
        await admin.call("/room/kick", room_id=room, user_id=anna.id)
        await admin.say(room, "not for Anna")

        back = await self.back_there(anna, n=0)

        ready, notice, caught_up = [await back.next() for _ in range(3)]
        self.assertEqual((1, None), (ready["data"]["n"], ready["data"]["room"]))
        self.assertEqual(("service-message", "kick"), type_of(notice))
        self.assertTrue(caught_up["data"]["recovered"])
        await self.quiet(back)

    async def back_there(self, person: Person, **have: Any) -> Listener:
        """A socket of a client that comes back, at the other daemon."""
        back = await listen(self.other.websocket)
        self._listeners.append(back)
        back.say({"event": "init", "data": {"session_key": person.session_key, **have}})
        return back


class Sessions(JoinedDaemonsCase):
    async def over(self, end: Callable[[], Awaitable[Any]], person: Person) -> None:
        """After ``end`` the person's sockets at both daemons are closed, and their key is refused at both."""
        sockets = [await self.a_listener(person), await self.listener_there(person)]
        await self.there(person).shown()  # so that the other daemon has the session in memory

        await end()
        began = monotonic()
        codes = [await socket.closed() for socket in sockets]
        refused = await self.refused(self.there(person))

        assert_within(self.within, monotonic() - began)
        self.assertEqual([4440, 4440, 440], [*codes, refused])

    async def refused(self, person: Person) -> int:
        async def status() -> int | None:
            status = (await person.call("/init/getUser")).status
            return status if status != 200 else None

        found = await eventually(status, "the session to end")
        assert found is not None
        return found

    async def test_exit(self) -> None:
        """A sign-out."""
        (anna,) = await self.people(1)
        await self.over(lambda: anna.call("/init/exit"), anna)

    async def test_exit_all(self) -> None:
        """The end of all sessions, from another one of them."""
        (anna,) = await self.people(1)
        await self.over(lambda: self.there(anna).call("/init/exit-all"), anna)

    async def test_without_socket(self) -> None:
        """A session that the other daemon knows by a call alone ends as well."""
        (anna,) = await self.people(1)
        await self.there(anna).shown()

        await anna.call("/init/exit")
        began = monotonic()

        self.assertEqual(440, await self.refused(self.there(anna)))
        assert_within(self.within, monotonic() - began)


class Outage(JoinedDaemonsCase):
    """The daemons are this test's own."""

    within = LATE
    relayed = False

    async def a_pair(self) -> Pair:
        self.pair = await Pair(joined=True, relayed=self.relayed).start()
        return self.pair

    async def tearDown(self) -> None:
        try:
            await super().tearDown()
        finally:
            self.pair.end()
            if self.pair.relay is not None:
                await self.pair.relay.end()

    async def all_events(self, cut: Callable[[], None], is_noticed: Callable[[], bool]) -> None:
        """After ``cut`` everything reaches sockets at the other daemon."""
        admin, anna, boris = await self.people(3)
        room = await a_room(admin, admin, boris)
        of_admin, of_anna, of_boris = [await self.listener_there(person) for person in (admin, anna, boris)]
        cut()
        await eventually(is_noticed, "the daemons to notice")

        events = await self.soon(boris.say(room, "hello"), of_admin, of_boris)
        self.assertEqual([("message", None)] * 2, [type_of(event) for event in events])
        (direct,) = await self.soon(
            boris.call("/user/sendMessage", message={"user": anna.id, "text": "hello"}), of_anna
        )
        self.assertEqual("direct-message", direct["event"])
        (entered, *_) = await self.soon(anna.enter(room), of_anna, of_admin, of_boris)
        self.assertEqual(("service-message", "new roommate"), type_of(entered))
        gift = (await anna.call("/gifts")).data["gifts"][0]
        await self.pay(boris, gift["price"])
        events = await self.soon(
            boris.call("/gifts/send", gift=gift["_id"], user=anna.id, text="for you"), of_anna, of_admin, of_boris
        )
        self.assertEqual({"gift-message"}, {event["event"] for event in events})
        events = await self.soon(admin.call("/room/kick", room_id=room, user_id=anna.id), of_anna, of_admin, of_boris)
        self.assertEqual({("service-message", "kick")}, {type_of(event) for event in events})
        await boris.call("/init/exit")
        began = monotonic()
        self.assertEqual(4440, await of_boris.closed())
        assert_within(self.within, monotonic() - began)
        await self.quiet(of_anna, of_admin)


class Away(Outage):
    """With Redis gone, all of it happens all the same, a little later."""

    async def test_away(self) -> None:
        """Messages, direct messages, a move, a gift to a roommate, a kick, and the end of a session."""
        assert self.redis is not None
        await self.all_events(self.redis.kill, lambda: "is away" in self.daemon.log and "is away" in self.other.log)

    async def test_back(self) -> None:
        """What happened just before Redis goes, while it is away and when it is back comes once, in order."""
        admin, anna = await self.people(2)
        room = await a_room(admin, admin, anna)
        listener = await self.listener_there(anna)
        assert self.redis is not None
        sent = 0
        for step in (self.redis.kill, self.redis.restart, lambda: None):
            for _ in range(10):
                sent += 1
                self.assertEqual(200, (await admin.say(room, f"{sent}")).status)
            step()

        events = [await listener.next() for _ in range(sent)]

        self.assertEqual([f"{number}" for number in range(1, sent + 1)], [event["data"]["text"] for event in events])
        await self.quiet(listener)


class CutOff(Outage):
    """With one daemon cut off from Redis, and the other not."""

    relayed = True

    async def test_receiver(self) -> None:
        """The daemon of those who listen is cut off."""
        await self.all_events(self.sever, self.is_noticed)

    async def test_publisher(self) -> None:
        """The daemon of those who act is cut off; the other one notices nothing."""
        self.daemon, self.other = self.other, self.daemon
        await self.all_events(self.sever, self.is_noticed)

    def sever(self) -> None:
        assert self.pair.relay is not None
        self.pair.relay.sever()

    def is_noticed(self) -> bool:
        return "is away" in self.pair.daemons[1].log
