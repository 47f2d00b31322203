"""Daemons of different releases on one bus."""

from justchat.bus import bus
from justchat.bus.packets import VERSION
from justchat.interfaces.bus import CONTROL, PacketKind
from justchat.model.ids import Id, new_id
from tests.support.bus_case import BusCase, Carrier, RedisCarrier, entry, result
from tests.support.waiting import eventually

OTHER = chr(VERSION + 1)
"""The first byte of a packet of another release."""


class Versions(BusCase):
    def a_carrier(self) -> Carrier:
        self.redis = RedisCarrier("socket")
        return self.redis

    def publish(self, stream: Id, payload: str) -> None:
        """Publish as a program that is not ours does."""
        self.redis.servers[0].command("PUBLISH", f"jc:chat:{stream}", payload)

    async def test_another_version(self) -> None:
        """A packet in another version is a lost packet: its stream has a new epoch, and the bus counts as away."""
        anna = await self.a_bus()
        stream, quiet = new_id(), new_id()
        await result(anna.bus.follow(stream))
        await result(anna.bus.follow(quiet))
        epoch, quiet_epoch = anna.bus.epoch(stream), anna.bus.epoch(quiet)

        self.publish(stream, f"{OTHER}\x01an entry")

        await self.away(anna)
        self.assertEqual([True], anna.changes[-1:])
        self.assertGreater(anna.bus.epoch(stream), epoch)
        self.assertEqual(quiet_epoch, anna.bus.epoch(quiet))
        self.assertTrue(anna.bus.publish(stream, PacketKind.ENTRY, entry(1)))

    async def test_over(self) -> None:
        """When no more of them come, the bus is back."""
        anna = await self.a_bus()
        self.patch(bus, "UNREADABLE_FOR", 0.2)

        self.publish(CONTROL, f"{OTHER}\x07")

        await eventually(lambda: anna.changes[-2:] == [True, False], "the bus to go away and be back")

    async def test_another_kind(self) -> None:
        """A kind that is not known is ignored: nothing is lost with it."""
        anna = await self.a_bus()
        stream = new_id()
        await result(anna.bus.follow(stream))
        epoch = anna.bus.epoch(stream)

        self.publish(stream, f"{chr(VERSION)}\x7fsomething new")
        anna.bus.publish(stream, PacketKind.ENTRY, entry(1))

        await eventually(lambda: anna.entries(stream), "the packet behind it")
        self.assertEqual(epoch, anna.bus.epoch(stream))
        self.assertFalse(anna.bus.is_away())
