"""The bus of several daemons, each of which reaches it through a relay, and what a fault run breaks of it."""

import random
from collections.abc import Awaitable, Callable

from tests.support.fault_worlds import Fault
from tests.support.redis_server import RedisServer
from tests.support.relay import Relay

SLOW = (0.02, 0.5)
"""Seconds by which a slow bus delays what passes, each way."""
Pause = Callable[[float, float], Awaitable[None]]


class FleetBus:
    """A redis-server, with a relay for each daemon."""

    def __init__(self, chance: random.Random, daemons: int, a_while: Pause) -> None:
        self.server = RedisServer()
        self.relays = [Relay(self.server.port, chance) for _ in range(daemons)]
        self._chance, self._a_while = chance, a_while

    def uri(self, daemon: int) -> str:
        """The bus of one daemon."""
        return f"redis://127.0.0.1:{self.relays[daemon].port}"

    async def end(self) -> None:
        for relay in self.relays:
            await relay.end()
        self.server.end()

    @property
    def faults(self) -> list[Fault]:
        return [
            Fault("bus killed", 2, ("bus",), self._kill),
            Fault("bus stopped a while", 2, ("bus",), self._stop),
            Fault("bus slow", 2, ("bus",), self._slow_down),
            Fault("bus cut from one daemon", 2, ("bus",), self._cut_one),
            Fault("bus silent for one daemon", 2, ("bus",), self._silence_one),
        ]

    async def _kill(self) -> None:
        self.server.kill()
        await self._a_while(0, 3)
        self.server.restart()

    async def _stop(self) -> None:
        self.server.pause()
        await self._a_while(0.1, 5)
        self.server.go_on()

    async def _slow_down(self) -> None:
        for relay in self.relays:
            relay.delay = self._chance.uniform(*SLOW)
        await self._a_while(1, 4)
        for relay in self.relays:
            relay.mend()

    async def _cut_one(self) -> None:
        relay = self._chance.choice(self.relays)
        relay.sever()
        await self._a_while(0.5, 4)
        relay.mend()

    async def _silence_one(self) -> None:
        """Its connection stays open, and nothing comes through any more."""
        relay = self._chance.choice(self.relays)
        relay.swallow = 1.0
        await self._a_while(0.5, 4)
        relay.mend()
