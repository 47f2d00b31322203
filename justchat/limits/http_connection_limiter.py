"""Limits on plain HTTP connections, per address and in all. ``connection_limiter`` counts sockets."""

from resource import RLIMIT_NOFILE, getrlimit
from typing import Any

from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper

from justchat.config.limits import Limits
from justchat.errors import TooManyConnections
from justchat.limits.client_address import ClientAddresses
from justchat.limits.other_daemons import OtherDaemonsOf, no_other_daemons
from justchat.metrics.declarations import RATE_REFUSALS

RESERVED = 256
"""File descriptors that are kept free of connections, for the database, pictures and the log."""


class ConnectionSlot:
    """One connection in the count. It is released at most once."""

    __slots__ = ("_address", "_limiter")

    def __init__(self, limiter: "HttpConnectionLimiter", address: str | None) -> None:
        self._limiter: HttpConnectionLimiter | None = limiter
        self._address = address

    def release(self) -> None:
        """The connection is lost, or is no longer an HTTP connection."""
        if self._limiter is not None:
            self._limiter.remove(self._address)
            self._limiter = None


class HttpConnectionLimiter:
    """Counts HTTP connections. With ``[limits] enabled = false`` any number is allowed."""

    def __init__(self, limits: Limits, addresses: ClientAddresses, others: OtherDaemonsOf = no_other_daemons) -> None:
        self._enabled = limits.enabled
        self.change(limits)
        self._addresses = addresses
        self._of: dict[str, int] = {}
        self._elsewhere = others("connections-address", limits.connections_per_address)
        self.count = 0
        """Connections that are open."""

    def change(self, limits: Limits) -> None:
        """Have these limits from now on. Connections that are open stay open."""
        self._per_address = limits.connections_per_address
        self.most = min(limits.connections, max(getrlimit(RLIMIT_NOFILE)[0] - RESERVED, RESERVED))
        """Connections that may be open."""

    def add(self, transport: Any) -> ConnectionSlot:
        """Count a new connection. Raises TooManyConnections."""
        # The PROXY protocol has not given the client's address yet.
        peer = None if isinstance(transport, HAProxyProtocolWrapper) else transport.getPeer()
        address = self._addresses.of_connection(peer)
        if self._enabled:
            if self.count >= self.most:
                RATE_REFUSALS.count("connections")
                raise TooManyConnections("the server has as many connections as it may have")
            if address is not None and self._of.get(address, 0) + self._elsewhere.count(address) >= self._per_address:
                RATE_REFUSALS.count("connections-address")
                raise TooManyConnections("this address has as many connections as it may have")
        self.count += 1
        if address is not None:
            count = self._of[address] = self._of.get(address, 0) + 1
            self._elsewhere.publish(address, count)
        return ConnectionSlot(self, address)

    def remove(self, address: str | None) -> None:
        """Count a connection that has ended. Its slot calls this."""
        self.count -= 1
        if address is not None:
            left = self._of[address] - 1
            if left:
                self._of[address] = left
            else:
                del self._of[address]
            self._elsewhere.publish(address, left)
