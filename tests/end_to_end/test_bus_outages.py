"""Two daemons without Redis, or one of them: every event reaches the other one a little later (contract, section 9)."""

from collections.abc import Callable
from time import monotonic

from tests.support.chat import a_room
from tests.support.client import request
from tests.support.two_daemons import LATE, JoinedDaemonsCase, Pair, type_of
from tests.support.waiting import assert_within, eventually


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

    async def test_start(self) -> None:
        """A daemon starts while Redis is away, with a warning; it serves people, and joins once Redis is back."""
        admin, anna = await self.people(2)
        room = await a_room(admin, admin, anna)
        assert self.redis is not None
        self.redis.kill()
        await self.other.stop()

        await self.other.start()

        self.assertRegex(self.other.log, r"#warn\] \[bus\] uri: .*events of other daemons come up to two seconds late")
        self.assertEqual("away", await self.bus_of_other())
        listener = await self.listener_there(anna)
        await self.soon(admin.say(room, "hello"), listener)
        self.redis.restart()

        async def is_back() -> bool:
            return await self.bus_of_other() == "up"

        await eventually(is_back, "the bus to be back")
        await self.soon(admin.say(room, "again"), listener)

    async def bus_of_other(self) -> str:
        answer = await request(self.other.http, "GET", "/readyz")
        self.assertEqual(200, answer.status)
        return str(answer.json["bus"])


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
