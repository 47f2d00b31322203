"""The timers behind the bus: they find in the database what the bus has lost."""

from twisted.internet.interfaces import IReactorTime

from justchat.hub.room_sweep import STEP, RoomSweep
from justchat.service.lifecycle import OrderedService, PeriodicService
from justchat.store.packets import Packets

LOOK_EVERY = 1.0
"""Seconds between looks for packets that were stored."""


class BusBackstop(OrderedService):
    """Reads stored packets, and looks up which rooms local users are in."""

    name = "bus backstop"

    def __init__(self, packets: Packets, room_sweep: RoomSweep, reactor: IReactorTime) -> None:
        super().__init__()
        for child in (
            PeriodicService("reading stored packets", LOOK_EVERY, packets.look, reactor),
            PeriodicService("sweeping the rooms of local users", STEP, room_sweep.step, reactor),
        ):
            self.addService(child)
