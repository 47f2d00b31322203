"""How many sockets may be open, and how fast they may speak: one count for every port and protocol.

An address has so many sockets at a time, a session so many of them, a socket so many frames a minute. A session of
Socket.IO counts as one socket, whatever carries it.
"""

from typing import Any

from justchat.config.settings import Limits
from justchat.limits.client_address import ClientAddresses

RETRY_AFTER = 60
"""Seconds after which an address that has too many sockets is asked to come back."""
MINUTE = 60.0


class Pace:
    """The frames of one socket in the minute that runs."""

    __slots__ = ("_frames", "_until")

    def __init__(self) -> None:
        self._frames = 0
        self._until = 0.0

    def count(self, at: float) -> int:
        """One frame more, at this second; returns how many there were in the minute."""
        if at >= self._until:
            self._frames, self._until = 0, at + MINUTE
        self._frames += 1
        return self._frames


class ConnectionLimiter:
    """Counts the sockets of addresses. ``[limits] enabled = false`` holds it open."""

    def __init__(self, limits: Limits, addresses: ClientAddresses, reactor: Any) -> None:
        self._limits = limits
        self._addresses = addresses
        self._reactor = reactor
        self._open: dict[str, int] = {}
        self.header = addresses.header.decode()
        self.largest_frame = limits.frame
        """Bytes. A client sends nothing but ``init``."""

    def address(self, peer: object, forwarded: str | None) -> str | None:
        """The address to count a socket by; None for one that is not counted.

        ``peer`` is the connection's; ``forwarded`` the value of ``header``.
        """
        return self._addresses.of(peer, () if forwarded is None else (forwarded.encode("latin-1", "replace"),))

    def is_full(self, address: str | None) -> bool:
        """Whether this address has all the sockets it may have."""
        if address is None or not self._limits.enabled:
            return False
        return self._open.get(address, 0) >= self._limits.sockets_per_address

    def enter(self, address: str | None) -> None:
        """A socket more."""
        if address is not None:
            self._open[address] = self._open.get(address, 0) + 1

    def leave(self, address: str | None) -> None:
        """One less."""
        if address is not None:
            left = self._open[address] - 1
            if left:
                self._open[address] = left
            else:
                del self._open[address]

    def is_too_many(self, sockets: int) -> bool:
        """Whether a session that has so many sockets may have no other."""
        return self._limits.enabled and sockets >= self._limits.sockets_per_session

    def keeps(self, pace: Pace) -> bool:
        """Count a frame; False where it is one too many."""
        return not self._limits.enabled or pace.count(self._reactor.seconds()) <= self._limits.frames_per_minute
