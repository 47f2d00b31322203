"""Transports: what carries the packets of an Engine.IO session, as the session sees it."""

from typing import Protocol

from twisted.internet.defer import Deferred

from justchat.protocol.encoded_events import EncodedPacket


class Transport(Protocol):
    """What carries a session's packets."""

    name: str
    """``polling`` or ``websocket``, as the protocol names it."""

    def send(self, packet: EncodedPacket) -> None:
        """Send a packet, or keep it until it can be sent."""

    def full(self) -> Deferred[None] | None:
        """See IConnection."""

    def close(self, code: int, reason: str) -> None:
        """Send what is kept, and then nothing more."""

    def going_away(self) -> None:
        """The daemon stops, and has closed this."""


class _NoTransport:
    """The transport of a session that is over. It sends nothing."""

    name = "none"

    def send(self, packet: EncodedPacket) -> None:
        """Drop the packet: nobody can receive it."""

    def full(self) -> None:
        """Nothing is kept."""

    def close(self, code: int, reason: str) -> None:
        """It is closed already."""

    def going_away(self) -> None:
        """It is gone already."""


NO_TRANSPORT = _NoTransport()
