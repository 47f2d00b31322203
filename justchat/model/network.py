"""The networks of client addresses."""

from ipaddress import ip_network


def network_of(address: str) -> str:
    """The network by which callers are counted: the /24 of an IPv4 address, the /48 of an IPv6 address.

    ``address`` is an IPv4 address or an IPv6 /64, as one customer has. One company, or one attacker, may have a /48; a
    /24 is often sold as a unit.
    """
    network = ip_network(address, strict=False)
    prefix = 24 if network.version == 4 else 48
    return str(network if network.prefixlen <= prefix else network.supernet(new_prefix=prefix))
