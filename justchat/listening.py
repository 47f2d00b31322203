"""Listening on the endpoints of the settings; what goes wrong names the table of the setting."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory, IStreamServerEndpoint
from twisted.python.failure import Failure

from justchat.errors import StartupError


def server_of(table: str, endpoint: str, reactor: Any) -> IStreamServerEndpoint:
    """The endpoint that a description of Twisted's tells. Raises StartupError where it tells none."""
    try:
        server: IStreamServerEndpoint = serverFromString(reactor, endpoint)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise StartupError(f"[{table}] endpoint: {endpoint!r} is no endpoint: {error}") from error
    return server


def bind(table: str, endpoint: str, server: IStreamServerEndpoint, factory: IProtocolFactory) -> Any:
    """The listening port. Raises StartupError where it cannot be had."""
    results: list[Any] = []
    server.listen(factory).addBoth(results.append)
    (port,) = results
    if isinstance(port, Failure):
        error = port.value
        reason = error.socketError.strerror if isinstance(error, CannotListenError) else str(error)
        raise StartupError(f"[{table}] endpoint: cannot listen on {endpoint}: {reason}")
    return port


def is_exposed(endpoint: str, port: Any, proxies: Sequence[str]) -> bool:
    """Whether what is said on this port can be read on its way: plain TCP beyond this machine, and no proxy of ours
    in front that may speak TLS.
    """
    if proxies or endpoint.startswith(("ssl:", "haproxy:")):
        return False
    try:
        return not ip_address(port.getHost().host.partition("%")[0]).is_loopback
    except (AttributeError, ValueError):  # a Unix socket
        return False


def address_of(port: Any) -> str:
    """Where a port listens, for people."""
    host = port.getHost()
    return f"{host.host}:{host.port}" if hasattr(host, "port") else str(getattr(host, "name", host))
