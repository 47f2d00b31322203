"""Addresses of callers and the networks that they are in."""

from ipaddress import ip_network


def network_of(address: str) -> str:
    """The network of an address that callers are counted by: the /24 of an IPv4 address, the /48 of an IPv6 one.

    One customer has an address or a /64, which is what ``address`` is. A /48 is what one company may have, or one
    attacker; a /24 is often sold as one.
    """
    network = ip_network(address, strict=False)
    prefix = 24 if network.version == 4 else 48
    return str(network if network.prefixlen <= prefix else network.supernet(new_prefix=prefix))
