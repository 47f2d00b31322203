"""Two daemons that Redis joins: every event reaches sockets at the other one at once (contract, sections 4 and 9)."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from tests.support.chat import Person, a_room
from tests.support.client import Listener, listen, listen_as
from tests.support.socketio.by_hand import Packets
from tests.support.two_daemons import JoinedDaemonsCase, type_of
from tests.support.waiting import assert_within, eventually


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

    async def test_removed_message(self) -> None:
        """A message that is taken back, by its author or a rank, at either daemon; its text is nowhere any more."""
        said = [(await self.anna.say(self.room, "unsaid")).data["message"] for _ in range(2)]
        quoting = (await self.boris.say(self.room, "what?", ref_message=said[0]["_id"])).data["message"]
        for listener in self.listeners:
            _ = [await listener.next() for _ in range(3)]

        for seq, (who, message) in enumerate(zip((self.anna, self.there(self.admin)), said, strict=True), 7):
            removed = who.call("/room/remove-message", message=message["_id"])
            for event in await self.soon(removed, *self.listeners):
                self.assertEqual("message-removed", event["event"])
                shown = {name: event["data"][name] for name in ("message", "author", "seq", "room")}
                expected = {"message": message["_id"], "author": who.id, "seq": seq, "room": self.room}
                self.assertEqual(expected, shown)

        for admin in (self.admin, self.there(self.admin)):
            chat = (await admin.call("/room/chat", room=self.room)).data["chat"]
            self.assertNotIn("unsaid", str(chat))
            self.assertEqual([quoting["seq"] - 2, quoting["seq"] - 1, quoting["seq"]], [m["seq"] for m in chat[-3:]])
        await self.quiet(*self.listeners)

    async def test_removed_from_a_notice(self) -> None:
        """A daemon that has nobody in the room, and is not told, shows no words of a removed message either."""
        carla, dora = await self.people(2)
        room = await a_room(carla, carla, dora)
        message = (await carla.say(room, "unsaid")).data["message"]["_id"]
        await carla.call("/room/kick", room_id=room, user_id=dora.id, ref_message=message)
        before = await self.resumed(self.there(dora))

        await carla.call("/room/remove-message", message=message)

        after = await self.resumed(self.there(dora))
        self.assertEqual(["unsaid"], [each["ref_message"]["text"] for each in before])
        self.assertEqual(
            [(message, None)], [(each["ref_message"]["_id"], each["ref_message"]["text"]) for each in after]
        )

    async def resumed(self, person: Person) -> list[dict[str, Any]]:
        """The data of all events of a user's own."""
        listener = await listen(person.daemon.websocket, "/")
        listener.say({"event": "init", "data": {"session_key": person.session_key, "n": 0}})
        await listener.next("caught-up")
        await listener.leave()
        return [event["data"] for event in listener.events if "n" in event["data"] and event["event"] != "ready"]

    async def test_put_out(self) -> None:
        """Who is kicked or banned gets that once, with ``n``, and nothing of the room after it."""
        for n, path in enumerate(("kick", "ban"), 1):
            if n > 1:
                entered = await self.soon(self.anna.enter(self.room), *self.listeners)
                self.assertEqual([("service-message", "new roommate")] * 3, [type_of(event) for event in entered])
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

        (first,) = await self.soon(self.anna.enter(other_room), listener)
        await carla.say(other_room, "welcome")
        await self.boris.say(self.room, "she has gone")

        types = [type_of(event) for event in (first, await listener.next(), await listener.next())]
        # The notice that she has left is her own, and in no order with the new room's events.
        self.assertIn(("service-message", "leave"), types)
        types.remove(("service-message", "leave"))
        self.assertEqual([("service-message", "new roommate"), ("message", None)], types)
        await self.quiet(listener)

    async def test_socketio(self) -> None:
        """A Socket.IO client at the other daemon gets them as well."""
        packets = await listen_as(Packets, self.other.http, "/socket.io/?EIO=4&transport=websocket")
        self._listeners.append(packets)
        packets.send("40", f'42["init",{{"session_key":"{self.anna.session_key}"}}]')
        await packets.receive('42["ready"')

        message = (await self.boris.say(self.room, "by Socket.IO")).data["message"]["_id"]
        await self.boris.call("/room/remove-message", message=message)

        self.assertIn("by Socket.IO", await packets.receive('42["message"'))
        self.assertIn(message, await packets.receive('42["message-removed"'))

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
