"""Server keys: what an app's own server identifies itself with."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment


class Scope(StrEnum):
    """What a server key may do. The values are the wire's, and are stored."""

    USERS = "users"
    SESSIONS = "sessions"
    ROOMS = "rooms"
    MESSAGES = "messages"
    COINS = "coins"
    COMPLAINTS = "complaints"
    CONSOLE = "console"


@frozen(kw_only=True)
class ServerKey:
    """A server key without the key itself, of which only a digest is stored.

    ``networks`` are those (CIDR) that it may be used from; none is from anywhere. ``used_at`` and ``used_from``, an
    address, are of its latest use, written down at most once a minute.
    """

    id: Id
    name: str
    scopes: frozenset[Scope]
    networks: tuple[str, ...]
    created_at: Moment
    used_at: Moment | None = None
    used_from: str | None = None
    revoked_at: Moment | None = None

    def covers(self, network: str) -> bool:
        """Whether it may be used from all of a network."""
        inner = ip_network(network)
        return not self.networks or any(_is_within(inner, ip_network(each)) for each in self.networks)

    def serves(self, address: str | None) -> bool:
        """Whether it may be used from an address; None is one that is not known, as behind a Unix socket."""
        if not self.networks:
            return True
        return address is not None and any(ip_address(address) in ip_network(each) for each in self.networks)


def _is_within(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)
