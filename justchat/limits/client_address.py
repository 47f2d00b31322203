"""Who calls, by address: the peer of a connection, or whom a proxy of ours says it speaks for.

What a client writes into a header is believed nowhere: only what stands to the right of it, where our own proxies
have written, and only on a connection from one of them.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from twisted.logger import Logger

Header = Literal["X-Forwarded-For", "Forwarded"]
LONGEST = 2048
"""Characters of such a header, and so of its hops, that are looked at: the last ones."""
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)
KNOWN = 1024
"""Callers whose address need not be found out again."""
_Address = IPv4Address | IPv6Address


class ClientAddresses:
    """Finds out callers' addresses.

    ``proxies`` and ``exempt`` are networks (CIDR). ``header`` is the one that our proxies write; the other is not
    looked at, since they pass on what a client has put there.
    """

    _log = Logger()

    def __init__(self, proxies: Sequence[str], header: Header, exempt: Sequence[str]) -> None:
        self._proxies = [ip_network(network) for network in proxies]
        self._exempt = [ip_network(network) for network in exempt]
        self.header = header.lower().encode()
        self.other_header = b"forwarded" if header == "X-Forwarded-For" else b"x-forwarded-for"
        """The header that is not looked at; who sends it may be a proxy all the same."""
        self._warned: set[str] = set()
        self._of = lru_cache(KNOWN)(self._found_out)
        self._heeds = lru_cache(KNOWN)(self._is_heeded)

    def of(self, peer: object, forwarded: Sequence[bytes]) -> str | None:
        """The address to count a caller by; None for one who is not counted.

        ``peer`` is the connection's, as Twisted has it; ``forwarded`` every field of ``header``, in order. An IPv6
        address is its /64, which is what one customer has.
        """
        host = getattr(peer, "host", "")
        if not forwarded:
            return self._of(host, b"")
        if not self._heeds(host):
            self.warn_of(host)
            return self._of(host, b"")
        return self._of(host, b",".join(forwarded)[-LONGEST:])

    def warn_of(self, host: str) -> None:
        """Say, once, that somebody speaks for others who is no proxy of ours."""
        self._warn(
            "proxy",
            f"{host} is a proxy, as its headers say, but not among [http] proxies: all behind it share its rates",
        )

    def saw_other_header(self) -> None:
        """Somebody sent the header that is not looked at. Where no proxy is named, that is worth a word."""
        if not self._proxies:
            self._warn(
                "header",
                f"requests have a header {self.other_header.decode().title()}, but what sends it is not among [http]"
                f" proxies, and {self.header.decode().title()} is [http] proxy_header: everybody behind it shares its"
                " rates",
            )

    def saw_proxy_protocol(self) -> None:
        """Somebody spoke the PROXY protocol to a port that does not expect it."""
        self._warn(
            "protocol", "a proxy speaks the PROXY protocol, but the endpoint does not: it should begin with haproxy:"
        )

    def _warn(self, what: str, said: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            self._log.warn("{said}", said=said)

    def of_connection(self, peer: object) -> str | None:
        """The address to count a connection by; None for one that is not counted: a proxy's carry many people."""
        host = _parsed(getattr(peer, "host", ""))
        if host is None or _is_in(host, self._proxies) or _is_in(host, self._exempt):
            return None
        return _key(host)

    def _is_heeded(self, peer: str) -> bool:
        """Whether it matters what the header says: of strangers' headers none is to be remembered."""
        host = _parsed(peer)
        return host is None or _is_in(host, self._proxies) or _is_in(host, self._exempt)

    def _found_out(self, peer: str, forwarded: bytes) -> str | None:
        host = _parsed(peer)
        if host is None:
            # A Unix socket: whoever may open it.
            return self._hop(None, forwarded)
        if _is_in(host, self._proxies):
            return self._hop(host, forwarded)
        if _is_in(host, self._exempt):
            if not forwarded:
                return None
            self.warn_of(peer)
        return _key(host)

    def _hop(self, proxy: _Address | None, forwarded: bytes) -> str | None:
        """The nearest hop that is no proxy of ours. What is no address ends the search: beyond it all is hearsay."""
        nearest = proxy
        for hop in reversed(forwarded.decode("latin-1").split(",")) if forwarded else ():
            address = _parsed(self._written(hop))
            if address is None:
                break
            nearest = address
            if not _is_in(address, self._proxies):
                break
        return None if nearest is None else _key(nearest)

    def _written(self, hop: str) -> str:
        """The address of a hop, without a port."""
        if self.header == b"forwarded":
            found = _FOR.search(hop)
            hop = found[1].strip().strip('"') if found else ""
        hop = hop.strip()
        if hop.startswith("["):
            return hop[1:].partition("]")[0]
        return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _parsed(text: str) -> _Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(address: _Address, networks: Sequence[object]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]


def _key(address: _Address) -> str:
    return str(address) if address.version == 4 else str(IPv6Network((address, 64), strict=False))
