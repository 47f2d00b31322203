"""Client addresses: the peer of a connection, or the client that a trusted proxy names.

What a client writes into a header is never trusted. Trusted are only the hops that our own proxies have appended, and
only on a connection from one of these proxies.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from twisted.logger import Logger

Header = Literal["X-Forwarded-For", "Forwarded"]
LONGEST_HEADER = 2048
"""Bytes of such a header that are parsed: the last ones. This also bounds the number of hops."""
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)
ADDRESSES_KEPT = 1024
"""Addresses in the cache."""
_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


class ClientAddresses:
    """Finds the address of a client.

    ``proxies`` and ``exempt`` are networks (CIDR). ``header`` is the field that our proxies write. The other one is
    ignored, since proxies pass on what a client has put there.
    """

    _log = Logger()

    def __init__(self, proxies: Sequence[str], header: Header, exempt: Sequence[str]) -> None:
        self._proxies = [ip_network(network) for network in proxies]
        self._exempt = [ip_network(network) for network in exempt]
        self.header = header.lower().encode()
        self.other_header = b"forwarded" if header == "X-Forwarded-For" else b"x-forwarded-for"
        """The header that is ignored. Its sender may still be a proxy."""
        self._warned: set[str] = set()
        self._find = lru_cache(ADDRESSES_KEPT)(self._find_address)
        self._uses_header = lru_cache(ADDRESSES_KEPT)(self._matters)

    def of(self, peer: object, forwarded: Sequence[bytes]) -> str | None:
        """The address that a client is counted by; None if it is not counted.

        ``peer`` is Twisted's address of the connection's peer. ``forwarded`` has every field of ``header``, in order.
        An IPv6 address is reduced to its /64, since that is what one customer gets.
        """
        host = getattr(peer, "host", "")
        if not forwarded:
            return self._find(host, b"")
        if not self._uses_header(host):
            self.warn_of(host)
            return self._find(host, b"")
        return self._find(host, b",".join(forwarded)[-LONGEST_HEADER:])

    def host_of(self, peer: object, forwarded: Sequence[bytes]) -> str | None:
        """The client's whole address, also of one that is not counted; None behind a Unix socket that says nothing."""
        host = _parse_address(getattr(peer, "host", ""))
        if host is None or _is_in(host, self._proxies):
            host = self._hop(host, b",".join(forwarded)[-LONGEST_HEADER:])
        return None if host is None else str(host)

    def warn_of(self, host: str) -> None:
        """Log, once, that a peer which is not one of our proxies sends a proxy's header."""
        self._warn(
            "proxy",
            f"{host} sends a proxy's headers, but is not among [http] proxies: all clients behind it share one limit",
        )

    def saw_other_header(self) -> None:
        """A request has the header that is ignored. If no proxy is configured, log it once."""
        if not self._proxies:
            self._warn(
                "header",
                f"requests have the header {self.other_header.decode().title()}, but their sender is not among [http]"
                f" proxies, and [http] proxy_header is {self.header.decode().title()}: all clients behind the sender"
                " share one limit",
            )

    def saw_proxy_protocol(self) -> None:
        """A connection began with the PROXY protocol, on a port that does not expect it. Log it once."""
        self._warn(
            "protocol",
            "a proxy speaks the PROXY protocol, but the endpoint does not: it should begin with haproxy:",
        )

    def _warn(self, kind: str, warning: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self._log.warn("{text}", text=warning)

    def of_connection(self, peer: object) -> str | None:
        """The address that a connection is counted by; None if it is not counted, as that of a proxy, which has many
        clients.
        """
        host = _parse_address(getattr(peer, "host", ""))
        if host is None or _is_in(host, self._proxies) or _is_in(host, self._exempt):
            return None
        return _key(host)

    def _matters(self, peer: str) -> bool:
        """Whether the header of this peer matters. If not, it is kept out of the cache of addresses."""
        host = _parse_address(peer)
        return host is None or _is_in(host, self._proxies) or _is_in(host, self._exempt)

    def _find_address(self, peer: str, forwarded: bytes) -> str | None:
        host = _parse_address(peer)
        if host is None:
            # A Unix socket: everybody who may open it is trusted.
            return self._nearest_hop(None, forwarded)
        if _is_in(host, self._proxies):
            return self._nearest_hop(host, forwarded)
        if _is_in(host, self._exempt):
            if not forwarded:
                return None
            self.warn_of(peer)
        return _key(host)

    def _nearest_hop(self, proxy: _Address | None, forwarded: bytes) -> str | None:
        """The nearest hop that is not one of our proxies. A hop that is no address ends the search: those before
        it cannot be trusted.
        """
        nearest = self._hop(proxy, forwarded)
        return None if nearest is None else _key(nearest)

    def _hop(self, proxy: _Address | None, forwarded: bytes) -> _Address | None:
        nearest = proxy
        for hop in reversed(forwarded.decode("latin-1").split(",")) if forwarded else ():
            address = _parse_address(self._text_of(hop))
            if address is None:
                break
            nearest = address
            if not _is_in(address, self._proxies):
                break
        return nearest

    def _text_of(self, hop: str) -> str:
        """The address of a hop, without a port."""
        if self.header == b"forwarded":
            found = _FOR.search(hop)
            hop = found[1].strip().strip('"') if found else ""
        hop = hop.strip()
        if hop.startswith("["):
            return hop[1:].partition("]")[0]
        return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _parse_address(text: str) -> _Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(address: _Address, networks: Sequence[_Network]) -> bool:
    return any(address in network for network in networks)


def _key(address: _Address) -> str:
    return str(address) if address.version == 4 else str(IPv6Network((address, 64), strict=False))
