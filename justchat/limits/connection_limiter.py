"""Limits on sockets: how many may be open, and how many frames they may send. One count for every port and protocol.

The limits are the sockets of an address, the sockets of a session, and the frames of a socket per minute. A Socket.IO
session counts as one socket, whatever its transport is.
"""

from typing import Any

from justchat.config.limits import Limits
from justchat.limits.client_address import ClientAddresses
from justchat.limits.other_daemons import OtherDaemonsOf, no_other_daemons
from justchat.metrics.declarations import RATE_REFUSALS
from justchat.model.ids import Id

RETRY_AFTER = 60
"""The ``Retry-After``, in seconds, that an address with too many sockets is answered."""
MINUTE = 60.0


class FrameCount:
    """Counts the frames of one socket, in windows of one minute."""

    __slots__ = ("_frames", "_until")

    def __init__(self) -> None:
        self._frames = 0
        self._until = 0.0

    def count(self, at: float) -> int:
        """Count one frame at this second of the reactor's clock; return the number of this minute."""
        if at >= self._until:
            self._frames, self._until = 0, at + MINUTE
        self._frames += 1
        return self._frames


class ConnectionLimiter:
    """Counts the sockets of each address. With ``[limits] enabled = false`` everything is allowed."""

    def __init__(
        self,
        limits: Limits,
        addresses: ClientAddresses,
        reactor: Any,
        others: OtherDaemonsOf = no_other_daemons,
    ) -> None:
        self._limits = limits
        self._addresses = addresses
        self._reactor = reactor
        self._open: dict[str, int] = {}
        self._open_elsewhere = others("sockets-address", limits.sockets_per_address)
        self._sessions_elsewhere = others("sockets-session", limits.sockets_per_session)
        self.header = addresses.header.decode()
        self.largest_frame = limits.frame
        """Bytes of the largest frame that is accepted. A client sends nothing but ``init``."""

    def change(self, limits: Limits) -> None:
        """Have these limits from now on, except that on frames. Sockets that are open stay open."""
        self._limits = limits

    def address(self, peer: object, forwarded: str | None) -> str | None:
        """The address that a socket is counted by; None if it is not counted.

        ``peer`` is that of the connection, ``forwarded`` the value of the field ``header``.
        """
        return self._addresses.of(peer, () if forwarded is None else (forwarded.encode("latin-1", "replace"),))

    def is_full(self, address: str | None) -> bool:
        """Whether this address has as many sockets as it may have."""
        if address is None or not self._limits.enabled:
            return False
        count = self._open.get(address, 0) + self._open_elsewhere.count(address)
        return _refuses("sockets-address", count >= self._limits.sockets_per_address)

    def add(self, address: str | None) -> None:
        """Count a socket that was opened."""
        if address is not None:
            count = self._open[address] = self._open.get(address, 0) + 1
            self._open_elsewhere.publish(address, count)

    def remove(self, address: str | None) -> None:
        """Count a socket that was closed."""
        if address is not None:
            left = self._open[address] - 1
            if left:
                self._open[address] = left
            else:
                del self._open[address]
            self._open_elsewhere.publish(address, left)

    def is_too_many(self, session: Id, sockets: int) -> bool:
        """Whether a session that has this many sockets here may not have another one."""
        count = sockets + self._sessions_elsewhere.count(session)
        return _refuses("sockets-session", self._limits.enabled and count >= self._limits.sockets_per_session)

    def session_has(self, session: Id, sockets: int) -> None:
        """A session has this many sockets here now."""
        self._sessions_elsewhere.publish(session, sockets)

    def allows_frame(self, frames: FrameCount) -> bool:
        """Count a frame; False if it is one too many."""
        if not self._limits.enabled or frames.count(self._reactor.seconds()) <= self._limits.frames_per_minute:
            return True
        return not _refuses("frames", True)


def _refuses(limit: str, is_too_many: bool) -> bool:
    """``is_too_many``, which is counted."""
    if is_too_many:
        RATE_REFUSALS.count(limit)
    return is_too_many
