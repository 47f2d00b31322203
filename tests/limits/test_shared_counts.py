"""Limits that daemons count together over a bus."""

from functools import partial

from bson import encode
from twisted.internet import reactor
from twisted.internet.task import Clock

from justchat.errors import TooManyRequests
from justchat.interfaces.bus import CONTROL, PacketKind
from justchat.limits.shared_counts import FORGOTTEN_AFTER, PART, PART_EVERY, PART_KEYS, SharedCounts
from justchat.model.rate import Rate
from tests.support.peers_case import PeersCase
from tests.support.waiting import eventually

COUNTS = PacketKind.COUNTS


class SharedCase(PeersCase):
    async def some_counts(self, number: int = 2, group: str = "") -> list[SharedCounts]:
        return [SharedCounts((await self.a_bus()).bus, group, reactor) for _ in range(number)]

    async def all_told(self) -> None:
        """All that was published so far has been received."""
        one, *_ = self.subscribers
        body = encode({"number": len(one.received[COUNTS, CONTROL])})
        reactor.callLater(0, one.bus.publish, CONTROL, COUNTS, body)
        await eventually(
            lambda: all(body in each.received[COUNTS, CONTROL] for each in self.subscribers), "the packets"
        )


class Rates(SharedCase):
    async def test_together(self) -> None:
        """What one daemon allows is counted at the others."""
        windows = [each.window("read", Rate(4, 60), Clock().seconds) for each in await self.some_counts()]

        for window in windows * 2:
            window.hit("anna")
            await self.all_told()

        for window in windows:
            self.assertRaises(TooManyRequests, window.hit, "anna")
            window.hit("boris")
            await self.all_told()

    async def test_refused(self) -> None:
        """What is refused is not counted anywhere."""
        clock = Clock()
        one, other = (each.window("read", Rate(2, 60), clock.seconds) for each in await self.some_counts())
        one.hit("anna", 2)
        await self.all_told()

        for _ in range(10):
            self.assertRaises(TooManyRequests, one.hit, "anna")
        await self.all_told()

        clock.advance(31)
        other.hit("anna")

    async def test_callers(self) -> None:
        """A caller may be a user in a room."""
        one, other = (each.window("enter", Rate(1, 60), Clock().seconds) for each in await self.some_counts())
        one.hit(("anna", "room"))
        await self.all_told()

        self.assertRaises(TooManyRequests, other.hit, ("anna", "room"))
        other.hit(("anna", "another room"))

    async def test_small_counts(self) -> None:
        """A caller far from their limit costs no packet; one near it is published."""
        one, _ = await self.some_counts()
        window = one.window("read", Rate(PART * 10, 60), Clock().seconds)

        for _ in range(9):
            window.hit("anna")
        await self.all_told()
        silent = len(self.subscribers[1].received[COUNTS, CONTROL])
        window.hit("anna")
        await self.all_told()

        self.assertEqual(1, silent)
        self.assertEqual(3, len(self.subscribers[1].received[COUNTS, CONTROL]))

    async def test_twice(self) -> None:
        """A packet that comes again, after its node was away, is not counted again."""
        one, other = (each.window("read", Rate(3, 60), Clock().seconds) for each in await self.some_counts())
        one.hit("anna")
        await self.all_told()

        for body in tuple(self.subscribers[0].received[COUNTS, CONTROL]):
            for _ in range(3):
                self.subscribers[0].bus.publish(CONTROL, COUNTS, body)
        await self.all_told()

        other.hit("anna", 2)
        self.assertRaises(TooManyRequests, other.hit, "anna")

    async def test_groups(self) -> None:
        """Daemons of different groups count on their own."""
        (one,), (other,) = await self.some_counts(1, "a"), await self.some_counts(1, "b")
        windows = [each.window("read", Rate(1, 60), Clock().seconds) for each in (one, other)]
        windows[0].hit("anna")
        await self.all_told()

        windows[1].hit("anna")

    async def test_malformed(self) -> None:
        """Packets that are none are ignored, and what is wrong in one."""
        (one,) = await self.some_counts(1)
        window, table = one.window("read", Rate(2, 60), Clock().seconds), one.table("sockets", 5)
        publish = self.subscribers[0].bus.publish
        good = {"from": b"12345678", "group": ""}

        for body in (
            b"",
            b"garbage",
            encode({}),
            encode({"from": "text", "group": ""}),
            encode({**good, "hits": [1], "open": 5}),
            encode({**good, "hits": {"read": ["anna", "many"], "unknown": ["anna", 2], "": [["a", 1], 2]}}),
            encode({**good, "hits": {"read": ["anna", -1, "anna" * 100, 2, None, 5, "anna"]}}),
            encode({**good, "open": {"sockets": ["anna", -1, 5, 5, ["a", "b"], 5, "boris", 3]}}),
        ):
            publish(CONTROL, COUNTS, body)
        await self.all_told()

        window.hit("anna", 2)
        self.assertEqual((0, 3), (table.count("anna"), table.count("boris")))


class Open(SharedCase):
    async def test_together(self) -> None:
        """What is open at one daemon is known at the others, until it is closed."""
        one, other, third = (each.table("sockets", 5) for each in await self.some_counts(3))
        one.publish("anna", 1)
        one.publish("anna", 2)
        other.publish("anna", 1)
        await self.all_told()
        opened = [each.count("anna") for each in (one, other, third)]

        one.publish("anna", 0)
        await self.all_told()

        self.assertEqual([1, 2, 3], opened)
        self.assertEqual([1, 0, 1], [each.count("anna") for each in (one, other, third)])

    async def test_twice(self) -> None:
        """A packet that comes twice changes nothing."""
        one, other = (each.table("sockets", 5) for each in await self.some_counts())
        one.publish("anna", 2)
        await self.all_told()

        for body in tuple(self.subscribers[0].received[COUNTS, CONTROL]):
            self.subscribers[0].bus.publish(CONTROL, COUNTS, body)
        await self.all_told()

        self.assertEqual(2, other.count("anna"))

    async def test_joins_later(self) -> None:
        """A daemon that comes later, or that has missed packets, learns all by the next state."""
        (early,) = await self.some_counts(1)
        early.table("sockets", 5).publish("anna", 2)
        await self.all_told()
        (late,) = await self.some_counts(1)
        table = late.table("sockets", 5)
        table.set(early._id, "boris", 4)

        early.publish_state()
        await self.all_told()

        self.assertEqual((2, 0), (table.count("anna"), table.count("boris")))

    async def test_many(self) -> None:
        """What many have open is published in parts, and nothing of it is forgotten or counted twice meanwhile."""
        clock = Clock()
        bus, (other,) = (await self.a_bus()).bus, await self.some_counts(1)
        one, number = SharedCounts(bus, "", clock), 2 * PART_KEYS + 1
        opened, seen = one.table("sockets", 5), other.table("sockets", 5)
        for key in range(number):
            opened.publish(str(key), 1)
        clock.advance(0)
        await self.all_told()
        seen.set(one._id, "closed", 1)  # that was not heard
        counts = []

        one.publish_state()
        for _ in range(3):
            await self.all_told()
            counts.append([sum(seen.count(str(key)) for key in range(number)), seen.count("closed")])
            one.publish_state()  # too early
            clock.advance(PART_EVERY)

        self.assertEqual([[number, 1], [number, 1], [number, 0]], counts)
        sizes = [len(body) for body in self.subscribers[-1].received[COUNTS, CONTROL][-6:]]
        self.assertLess(max(sizes), 60 * PART_KEYS)

    async def test_ends(self) -> None:
        """A daemon that stops has nothing open."""
        one, other = await self.some_counts()
        table = other.table("sockets", 5)
        one.table("sockets", 5).publish("anna", 2)
        await self.all_told()
        before = table.count("anna")

        one.stop()
        await self.all_told()

        self.assertEqual((2, 0), (before, table.count("anna")))

    async def test_succeeded(self) -> None:
        """What was open at a worker that died is forgotten once its successor starts."""
        (watcher,) = await self.some_counts(1)
        table = watcher.table("sockets", 5)
        dead, other, successor = [
            SharedCounts((await self.a_bus()).bus, "", reactor, partial(str, slot))
            for slot in ("data 1", "data 2", "data 1")
        ]
        for counts in (dead, other):
            counts.table("sockets", 5).publish("anna", 2)
            counts.publish_state()
        await self.all_told()
        before = table.count("anna")

        successor.publish_state()
        await self.all_told()

        self.assertEqual((4, 2), (before, table.count("anna")))

    async def test_dies(self) -> None:
        """A daemon that is silent for long is forgotten, and no other."""
        clock = Clock()
        subscriber = await self.a_bus()
        counts = SharedCounts(subscriber.bus, "", clock)
        table = counts.table("sockets", 5)
        dead, living = await self.some_counts()
        dead.table("sockets", 5).publish("anna", 2)
        living.table("sockets", 5).publish("anna", 1)
        await self.all_told()

        clock.advance(FORGOTTEN_AFTER)
        living.publish_state()
        await self.all_told()
        clock.advance(1)
        counts.publish_state()

        self.assertEqual(1, table.count("anna"))
