"""What every carrier of the bus does: Redis over TCP, a Unix socket, TLS, several nodes, and the sockets of workers."""

from twisted.internet.defer import gatherResults

from justchat.interfaces.bus import CONTROL, IBus, PacketKind
from justchat.model.ids import new_id
from tests.support.bus_case import BusCase, Carrier, RedisCarrier, ServerCarrier, entry, result, streams
from tests.support.peers_case import PeersCase
from tests.support.waiting import eventually

ENTRY, MOVED = PacketKind.ENTRY, PacketKind.MOVED


class Carrying:
    """The tests of a carrier that is there."""

    async def test_interface(self) -> None:
        """The driver is an IBus."""
        anna = await self.a_bus()

        self.assertTrue(IBus.providedBy(anna.bus))

    async def test_carried(self) -> None:
        """What one daemon publishes is received by all that follow the stream, itself included, and by no other.

        Its entries, which it has, need not come back to it.
        """
        anna, boris, clara = [await self.a_bus() for _ in range(3)]
        stream = new_id()
        await result(gatherResults([anna.bus.follow(stream), boris.bus.follow(stream)]))

        self.assertTrue(anna.bus.publish(stream, ENTRY, entry(1)))
        self.assertTrue(anna.bus.publish(stream, MOVED, b"a move"))
        anna.bus.publish(CONTROL, PacketKind.SWEEP, b"")

        for each in (anna, boris, clara):
            await eventually(lambda each=each: each.received[PacketKind.SWEEP, CONTROL], "the sweep")  # type: ignore[misc]
        self.assertEqual([[b"a move"]] * 2, [each.received[MOVED, stream] for each in (anna, boris)])
        self.assertEqual([entry(1)], boris.entries(stream))
        self.assertEqual([], clara.entries(stream) + clara.received[MOVED, stream])

    async def test_order(self) -> None:
        """Packets of a stream arrive in order, whatever bytes they have."""
        anna, boris = await self.a_bus(), await self.a_bus()
        stream = new_id()
        await result(boris.bus.follow(stream))
        sent = [b"\r\n$3\r\n%d\0\xff" % number * (number % 50) for number in range(2000)]

        for body in sent:
            anna.bus.publish(stream, ENTRY, body)

        await eventually(lambda: len(boris.entries(stream)) == len(sent), "all of them")
        self.assertEqual(sent, boris.entries(stream))

    async def test_large(self) -> None:
        """A packet of megabytes is carried whole."""
        anna, boris = await self.a_bus(), await self.a_bus()
        stream = new_id()
        await result(boris.bus.follow(stream))
        body = bytes(range(256)) * 8192

        anna.bus.publish(stream, ENTRY, body)

        await eventually(lambda: boris.entries(stream), "the packet")
        self.assertEqual([body], boris.entries(stream))

    async def test_confirmed(self) -> None:
        """A confirmed subscription has an epoch of its own, and misses nothing that is published from then on."""
        anna, boris = await self.a_bus(), await self.a_bus()
        followed = streams(1500)

        before = [anna.bus.epoch(stream) for stream in followed]
        confirmed = await result(gatherResults([anna.bus.follow(stream) for stream in followed]))
        epochs = [anna.bus.epoch(stream) for stream in followed]
        for stream in followed:
            boris.bus.publish(stream, ENTRY, stream.encode())

        self.assertEqual([0] * 1500, before)
        self.assertEqual([True] * 1500, confirmed)
        self.assertEqual(1500, len({*epochs} - {0}))
        self.assertEqual({*followed}, {*anna.bus.followed()})
        await eventually(lambda: all(anna.entries(stream) for stream in followed), "all packets")
        self.assertEqual([[stream.encode()] for stream in followed], [anna.entries(stream) for stream in followed])

    async def test_counted(self) -> None:
        """A stream is followed until it was unfollowed as often, and a few seconds longer in the same epoch."""
        anna, boris = await self.a_bus(), await self.a_bus()
        stream = new_id()
        await result(gatherResults([anna.bus.follow(stream), anna.bus.follow(stream)]))
        epoch = anna.bus.epoch(stream)

        anna.bus.unfollow(stream)
        anna.bus.unfollow(stream)
        boris.bus.publish(stream, ENTRY, entry(1))

        await eventually(lambda: anna.entries(stream), "the packet")
        self.assertEqual(epoch, anna.bus.epoch(stream))
        self.assertTrue(self.successResultOf(anna.bus.follow(stream)))
        self.assertEqual(epoch, anna.bus.epoch(stream))

    async def test_databases(self) -> None:
        """Daemons of different databases receive nothing from each other."""
        anna, boris, other = await self.a_bus(), await self.a_bus(), await self.a_bus(database="other")
        stream = new_id()
        await result(gatherResults([boris.bus.follow(stream), other.bus.follow(stream)]))

        other.bus.publish(stream, ENTRY, entry(1))
        other.bus.publish(CONTROL, PacketKind.SWEEP, b"")
        await eventually(lambda: other.received[PacketKind.SWEEP, CONTROL], "their own packet")
        anna.bus.publish(stream, ENTRY, entry(2))
        anna.bus.publish(CONTROL, PacketKind.SWEEP, b"ours")
        await eventually(lambda: boris.entries(stream) and boris.received[PacketKind.SWEEP, CONTROL], "ours")

        self.assertEqual([entry(2)], boris.entries(stream))
        self.assertEqual([b"ours"], boris.received[PacketKind.SWEEP, CONTROL])


class Suite(Carrying):
    """And of one that goes away; each class below runs them over another carrier."""

    async def test_away(self) -> None:
        """While the node is away nothing waits: no packet is taken, no subscription confirmed, no epoch stands."""
        anna = await self.a_bus()
        followed = new_id()
        await result(anna.bus.follow(followed))

        await self.carrier.kill()
        await self.away(anna)

        self.assertFalse(anna.bus.publish(followed, ENTRY, entry(1)))
        self.assertFalse(self.successResultOf(anna.bus.follow(new_id())))
        self.assertEqual(0, anna.bus.epoch(followed))
        self.assertIn(True, anna.changes)

    async def test_back(self) -> None:
        """Once it is back, everything is subscribed anew, in a new epoch; what was unfollowed meanwhile is not."""
        anna, boris = await self.a_bus(), await self.a_bus()
        before, meanwhile, ended = streams(3)
        await result(gatherResults([anna.bus.follow(before), anna.bus.follow(ended)]))
        epoch = anna.bus.epoch(before)
        await self.carrier.kill()
        await self.away(anna, boris)

        anna.bus.follow(meanwhile)
        anna.bus.unfollow(ended)
        await self.carrier.restart()
        await self.back(anna, boris)

        self.assertGreater(anna.bus.epoch(before), epoch)
        self.assertGreater(anna.bus.epoch(meanwhile), 0)
        self.assertEqual(0, anna.bus.epoch(ended))
        self.assertEqual(False, anna.changes[-1])
        for stream in (before, meanwhile):
            boris.bus.publish(stream, ENTRY, entry(1))
        await eventually(lambda: anna.entries(before) and anna.entries(meanwhile), "packets")

    async def test_follow_in_flight(self) -> None:
        """A subscription that the node's end overtakes is answered with False, and made later."""
        anna = await self.a_bus()
        stream = new_id()

        asked = anna.bus.follow(stream)
        await self.carrier.kill()

        self.assertFalse(await result(asked))
        await self.carrier.restart()
        await eventually(lambda: anna.bus.epoch(stream), "the subscription")

    async def test_published_in_flight(self) -> None:
        """A packet that was taken is carried even if the connection ends before the node has read it."""
        anna, boris = await self.a_bus(), await self.a_bus()
        stream = new_id()
        await result(boris.bus.follow(stream))

        self.assertTrue(anna.bus.publish(stream, ENTRY, entry(1)))
        self.cut(anna)

        await eventually(lambda: boris.entries(stream), "the packet")

    async def test_start_without(self) -> None:
        """A bus that is away does not keep a daemon from its start, and joins it later."""
        await self.carrier.kill()

        anna = await self.a_bus()

        self.assertTrue(anna.bus.is_away())
        await self.carrier.restart()
        await self.back(anna)


class OverTcp(Suite, BusCase):
    pass


class OverSocket(Suite, BusCase):
    def a_carrier(self) -> Carrier:
        return RedisCarrier("socket")


class OverTls(Suite, BusCase):
    def a_carrier(self) -> Carrier:
        return RedisCarrier("tls")


class OverThreeNodes(Suite, BusCase):
    def a_carrier(self) -> Carrier:
        return RedisCarrier("nodes")


class OverServer(Suite, BusCase):
    def a_carrier(self) -> Carrier:
        return ServerCarrier()


class AmongPeers(Carrying, PeersCase):
    pass
