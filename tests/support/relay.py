"""A TCP relay that behaves like a bad network: it delays, cuts and drops."""

import random
from collections import deque
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

PIECE = 1400
"""Bytes that go by at once, as on a network."""


class _Side(Protocol):
    """One side of a relayed connection."""

    transport: Any

    def __init__(self, relay: "Relay", other: "_Side | None" = None) -> None:
        self.relay, self.other, self.waiting = relay, other, b""
        self.is_target = other is not None
        self.delayed: deque[bytes] = deque()

    def connectionMade(self) -> None:
        self.relay.sides.add(self)
        if self.other is None:
            self.relay.dial(self)

    def dataReceived(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            self.relay.carry(self, data[start : start + PIECE])

    def write_delayed(self) -> None:
        """Pass on the next piece: in order, even if the delay has become shorter meanwhile."""
        self.write(self.delayed.popleft())

    def write(self, data: bytes) -> None:
        if self.other is None:
            self.waiting += data
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.relay.sides.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.abortConnection()


class Relay:
    """``port`` stands for the daemon's. ``delay`` is in seconds, the others are chances that a piece meets with it.

    What is swallowed never comes, nor does anything after it on that connection; what is cut ends the connection. With
    ``swallows_answers`` only what the target sends is swallowed; it is set once the target is sent ``last_words``.
    While ``is_severed`` nobody gets a connection.
    """

    def __init__(self, target: int, chance: random.Random) -> None:
        self.target, self.chance = target, chance
        self.delay = self.cut = self.swallow = 0.0
        self.swallows_answers = self.is_severed = False
        self.last_words: bytes | None = None
        self.sides: set[_Side] = set()
        self.met = {"cut": 0, "swallowed": 0, "carried": 0}
        self._deaf: set[_Side] = set()
        self._listening: Any = reactor.listenTCP(  # type: ignore[attr-defined]
            0, Factory.forProtocol(lambda: _Side(self)), interface="127.0.0.1"
        )

    @property
    def port(self) -> int:
        port: int = self._listening.getHost().port
        return port

    def dial(self, client: _Side) -> None:
        if self.is_severed:
            client.transport.abortConnection()
            return

        def connected(daemon: _Side) -> None:
            client.other = daemon
            daemon.transport.write(client.waiting)

        dialled = TCP4ClientEndpoint(reactor, "127.0.0.1", self.target).connect(
            Factory.forProtocol(lambda: _Side(self, client))
        )
        dialled.addCallbacks(connected, lambda _: client.transport.abortConnection())

    def carry(self, side: _Side, data: bytes) -> None:
        if side in self._deaf:
            return
        if self.last_words is not None and not side.is_target and self.last_words in data:
            self.last_words, self.swallows_answers = None, True
        if self.chance.random() < self.cut:
            self.met["cut"] += 1
            side.write(data[: len(data) // 2])
            side.transport.loseConnection()
        elif self.chance.random() < self.swallow or (self.swallows_answers and side.is_target):
            self.met["swallowed"] += 1
            self._deaf.add(side)
        else:
            self.met["carried"] += 1
            side.delayed.append(data)
            reactor.callLater(self.delay, side.write_delayed)  # type: ignore[attr-defined]

    def sever(self) -> None:
        """Cut every connection, and let none be made until ``mend``."""
        self.is_severed = True
        self.abort_all()

    def mend(self) -> None:
        """End what is broken. A connection with something swallowed stays as it is, unless it is cut."""
        self.delay = self.cut = self.swallow = 0.0
        self.swallows_answers = self.is_severed = False

    def abort_all(self) -> None:
        for side in list(self.sides):
            side.transport.abortConnection()

    async def end(self) -> None:
        await self._listening.stopListening()
        self.abort_all()
