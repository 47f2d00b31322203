"""Which addresses the daemon connects to for a URL that somebody configured (OWASP's server-side request forgery)."""

import socket
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_REFUSED_V4 = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",  # carriers' NAT, and the metadata service of Alibaba Cloud
        "168.63.129.16/32",  # Azure's platform, which is a public address
        "192.0.0.0/24",  # IETF protocols, and the metadata service of Oracle Cloud
        "192.88.99.0/24",  # relays of 6to4
    )
)
_PUBLIC_V6 = ip_network("2000::/3")
_REFUSED_V6 = tuple(
    ip_network(network)
    for network in (
        "2001::/23",  # IETF protocols: Teredo and ORCHID are among them
        "2002::/16",  # 6to4 leads to any IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64 = ip_network("64:ff9b::/96")


class Reach(Enum):
    """The addresses that a client may connect to."""

    ANY = "any"
    LOOPBACK = "loopback"
    """This machine alone."""
    PUBLIC = "public"
    """Addresses of the Internet alone."""

    def includes(self, address: str) -> bool:
        """Whether this address, as a resolver returned it, may be connected to."""
        if self is Reach.ANY:
            return True
        try:
            one = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return _is_loopback(one) if self is Reach.LOOPBACK else _is_public(one)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that a mapped or NAT64 address leads to; else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_loopback(address: IPv4Address | IPv6Address) -> bool:
    return _embedded(address).is_loopback


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    one = _embedded(address)
    if not one.is_global or one.is_multicast or one.is_reserved:
        return False
    if isinstance(one, IPv4Address):
        return not any(one in network for network in _REFUSED_V4)
    return one in _PUBLIC_V6 and not any(one in network for network in _REFUSED_V6)


def literal_address(host: str) -> str | None:
    """The address that a URL's host writes out, in any notation that a resolver accepts (``127.1``, ``0x7f000001``).
    For ``localhost`` and names under it that of this machine. None for other names.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ip_address(name.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except (OSError, UnicodeError):
        return None


def reach_of(url: str, *, allow_private: bool, trust_own_machine: bool = False) -> Reach:
    """The reach of a client for a configured URL of HTTP.

    Without ``allow_private`` it is PUBLIC. With ``trust_own_machine`` a URL that names this machine itself, literally,
    has LOOPBACK. Raises ValueError for a URL that names an address outside of its reach, or is malformed.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must have no user and password")
    if not url.isascii() or any(character <= " " or character in '\\"<>' for character in url) or parts.fragment:
        raise ValueError("must be a URL of ASCII characters without a fragment")
    if not parts.hostname or parts.port == 0:  # ``port`` raises ValueError for others that are none
        raise ValueError("must name a host")
    if allow_private:
        return Reach.ANY
    literal = literal_address(parts.hostname)
    if literal is None or Reach.PUBLIC.includes(literal):
        return Reach.PUBLIC
    if trust_own_machine and Reach.LOOPBACK.includes(literal):
        return Reach.LOOPBACK
    raise ValueError("leads into a private network; allow_private = true allows that")
