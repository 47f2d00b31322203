"""How many plain HTTP connections there may be: of an address, and in all. What became a WebSocket, the door counts."""

from resource import RLIMIT_NOFILE, getrlimit
from typing import Any

from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper

from justchat.config.settings import Limits
from justchat.errors import TooManyConnections
from justchat.limits.client_address import ClientAddresses

RESERVED = 256
"""Descriptors that connections leave to the database, pictures and the log."""


class Place:
    """One connection's; it is given up once."""

    __slots__ = ("_address", "_connections")

    def __init__(self, connections: "Connections", address: str | None) -> None:
        self._connections: Connections | None = connections
        self._address = address

    def leave(self) -> None:
        """The connection is lost, or no longer one of HTTP."""
        if self._connections is not None:
            self._connections.left(self._address)
            self._connections = None


class Connections:
    """Counts connections. ``[limits] enabled = false`` lets any number in."""

    def __init__(self, limits: Limits, addresses: ClientAddresses) -> None:
        self._enabled = limits.enabled
        self._per_address = limits.connections_per_address
        self._most = min(limits.connections, max(getrlimit(RLIMIT_NOFILE)[0] - RESERVED, RESERVED))
        self._addresses = addresses
        self._of: dict[str, int] = {}
        self._count = 0

    def enter(self, transport: Any) -> Place:
        """A connection more. Raises TooManyConnections."""
        # A proxy that speaks the PROXY protocol has not said yet for whom it speaks.
        peer = None if isinstance(transport, HAProxyProtocolWrapper) else transport.getPeer()
        address = self._addresses.of_connection(peer)
        if self._enabled:
            if self._count >= self._most:
                raise TooManyConnections("there are as many connections as there may be")
            if address is not None and self._of.get(address, 0) >= self._per_address:
                raise TooManyConnections("this address has as many connections as it may have")
        self._count += 1
        if address is not None:
            self._of[address] = self._of.get(address, 0) + 1
        return Place(self, address)

    def left(self, address: str | None) -> None:
        """One less."""
        self._count -= 1
        if address is not None:
            left = self._of[address] - 1
            if left:
                self._of[address] = left
            else:
                del self._of[address]
