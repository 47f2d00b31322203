"""The timers behind the bus: they find in the database what the bus has lost."""

from typing import Any

from twisted.internet.interfaces import IReactorTime

from justchat.hub.room_sweep import STEP
from justchat.hub.standstill import LOOK_EVERY as LOOK_FOR_STANDSTILL_EVERY
from justchat.service.lifecycle import OrderedService, PeriodicService
from justchat.store.log.neighbours import Neighbours
from justchat.store.log.sweep import SWEEP_EVERY
from justchat.store.packets import Packets
from justchat.wiring.hub import Hub
from justchat.wiring.stores import Stores

LOOK_EVERY = 1.0
"""Seconds between looks for packets that were stored."""


class BusBackstop(OrderedService):
    """Sweeps the logs, reads stored packets, looks up which rooms local users are in, and notices standstills."""

    name = "bus backstop"

    def __init__(self, stores: Stores, packets: Packets, hub: Hub, reactor: IReactorTime) -> None:
        super().__init__()
        assert hub.room_sweep is not None and hub.standstill is not None, "a daemon alone needs none of this"
        self._packets = packets
        self._neighbours: list[Neighbours[Any]] = [
            neighbours for neighbours in (stores.rooms.neighbours, stores.mailboxes.neighbours) if neighbours
        ]
        for neighbours in self._neighbours:
            packets.on_sweep(neighbours.compare_all)
        for child in (
            PeriodicService("publishing what the bus did not take", SWEEP_EVERY, self._store_sweep, reactor),
            *(
                PeriodicService(f"sweeping log {number}", SWEEP_EVERY, each.look, reactor)
                for number, each in enumerate(self._neighbours, 1)
            ),
            PeriodicService("reading stored packets", LOOK_EVERY, packets.look, reactor),
            PeriodicService("sweeping the rooms of local users", STEP, hub.room_sweep.step, reactor),
            PeriodicService("noticing standstills", LOOK_FOR_STANDSTILL_EVERY, hub.standstill.look, reactor),
        ):
            self.addService(child)

    def _store_sweep(self) -> None:
        """While this daemon cannot publish, the others learn through the database that there is something to read."""
        if any(neighbours.had_unpublished() for neighbours in self._neighbours):
            self._packets.store_sweep()
