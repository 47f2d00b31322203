"""Listening on the endpoints of the settings. An error names the table of the setting.

Ports are bound before twistd forks: errors appear at the terminal, a low port may need root, and sockets that systemd
hands over are for the process that it started (``$LISTEN_PID``). A Unix socket is bound after the fork, since
Twisted's lock file beside it names the process.
"""

import errno
import os
import re
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from OpenSSL import crypto
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory, ISSLTransport, IStreamServerEndpoint
from twisted.python.failure import Failure

from justchat.errors import StartupError

OPTIONS = frozenset({"http", "websocket"})
"""Tables whose endpoint is an option of the command line, too."""


_PORT = re.compile(r"(?:haproxy:)?(?:tcp6?|ssl):(?:port=)?(-?\d+)(?::|$)", re.ASCII)
MAX_PORT = 65_535


def server_of(table: str, endpoint: str, reactor: Any) -> IStreamServerEndpoint:
    """The endpoint of a Twisted endpoint description. Raises StartupError where the description is wrong."""
    try:
        server: IStreamServerEndpoint = serverFromString(reactor, endpoint)
    except LookupError as error:
        if not endpoint.removeprefix("haproxy:").startswith("systemd:"):
            raise StartupError(f"[{table}] endpoint: {endpoint!r} is no endpoint: {error}") from error
        raise StartupError(
            f"[{table}] endpoint: systemd has opened no socket for {endpoint}; only the daemon that it starts by"
            " justchat.socket has them"
        ) from error
    except (ValueError, TypeError, OSError) as error:
        raise StartupError(f"[{table}] endpoint: {endpoint!r} is no endpoint: {error}") from error
    except crypto.Error as error:
        raise StartupError(f"[{table}] endpoint: {endpoint!r}: a key or certificate of it cannot be read") from error
    port = _PORT.match(endpoint)
    if port is not None and not 0 <= int(port[1]) <= MAX_PORT:  # which Twisted finds only when it listens
        raise StartupError(f"[{table}] endpoint: {endpoint!r} is no endpoint: a port is from 0 to {MAX_PORT}")
    return server


def bind(table: str, endpoint: str, server: IStreamServerEndpoint, factory: IProtocolFactory) -> Any:
    """Listen on an endpoint; returns the port (IListeningPort). Raises StartupError."""
    results: list[Any] = []
    server.listen(factory).addBoth(results.append)
    (port,) = results
    if isinstance(port, Failure):
        error = port.value
        raise _cannot_listen(table, endpoint, error.socketError if isinstance(error, CannotListenError) else error)
    return port


def is_unix(endpoint: str) -> bool:
    """Whether an endpoint is a Unix socket, with the PROXY protocol or without."""
    return endpoint.startswith(("unix:", "haproxy:unix:"))


def check_unix(table: str, endpoint: str) -> None:
    """Raises StartupError where it is certain, without making it, that a Unix socket cannot be made."""
    written = endpoint.removeprefix("haproxy:").removeprefix("unix:").removeprefix("address=")
    path = re.split(r"(?<!\\):", written)[0].replace("\\", "")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise _cannot_listen(table, endpoint, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot_listen(table, endpoint, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    with socket.socket(socket.AF_UNIX) as attempt:
        attempt.setblocking(False)
        try:
            attempt.connect(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
                return
            raise _cannot_listen(table, endpoint, error) from error
    raise _cannot_listen(table, endpoint, OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)))


def _cannot_listen(table: str, endpoint: str, reason: object) -> StartupError:
    said = f"[{table}] endpoint: cannot listen on {endpoint}: {getattr(reason, 'strerror', None) or reason}"
    code = getattr(reason, "errno", None)
    if code == errno.EADDRINUSE:
        said += f"; take another one by {_setting(table, _another(endpoint))}"
    elif code == errno.EACCES and not is_unix(endpoint):
        said += f"; ports below 1024 are for root or CAP_NET_BIND_SERVICE: {_setting(table, _another(endpoint))} is not"
    return StartupError(said)


def _setting(table: str, endpoint: str) -> str:
    """How an operator writes an endpoint."""
    return f"--{table} {endpoint}" if table in OPTIONS else f'[{table}] endpoint = "{endpoint}"'


def _another(endpoint: str) -> str:
    """An example of another endpoint of the same kind."""

    def next_port(found: re.Match[str]) -> str:
        port = int(found[2])
        return found[1] + str(port + 8000 if port < 1024 else port % 65535 + 1)

    if is_unix(endpoint):
        return "unix:/another/path"
    return re.sub(r"((?:tcp[46]?|ssl):(?:port=)?)(\d+)", next_port, endpoint, count=1)


def is_exposed(endpoint: str, port: Any, proxies: Sequence[str]) -> bool:
    """Whether others may read the traffic of a port: it is plain TCP beyond this machine, and no proxy is configured
    that may speak TLS.
    """
    return not proxies and not endpoint.startswith(("ssl:", "haproxy:")) and is_beyond_loopback(port)


def is_beyond_loopback(port: Any) -> bool:
    """Whether other machines may reach a port."""
    try:
        return not ip_address(port.getHost().host.partition("%")[0]).is_loopback
    except (AttributeError, ValueError):  # a Unix socket
        return False


def address_of(port: Any) -> str:
    """The address of a port, for people."""
    host = port.getHost()
    return f"{host.host}:{host.port}" if hasattr(host, "port") else str(getattr(host, "name", host))


def end_sending(transport: Any) -> None:
    """Close the sending half of a connection. It still reads; the caller closes it."""
    if ISSLTransport.providedBy(transport):
        transport.loseConnection()  # TLS has an alert for it, and waits for the peer's
    else:
        getattr(transport, "loseWriteConnection", transport.loseConnection)()
