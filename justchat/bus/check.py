"""The check of ``[bus] uri`` before the daemon starts: that each node accepts us, and lets us do what the bus does.

It blocks, and needs no reactor: twistd has not forked yet.
"""

import errno
import os
import socket
import ssl
import stat
from collections.abc import Sequence
from typing import Any

from hiredis import PushNotification, Reader, ReplyError

from justchat.bus.connection import UNREADABLE, greeting, pack, refusal
from justchat.bus.packets import Channels
from justchat.bus.uri import BusUri
from justchat.errors import StartupError
from justchat.interfaces.bus import CONTROL
from justchat.model.ids import Id

PATIENCE = 4.0
"""Seconds that connecting, and each answer, may take."""
PROBE = Id("probe")
"""A stream that nobody follows."""
_MORE = object()
_AWAY = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENOENT}
)


class _Loading(ValueError):
    """The node reads its data, and takes no commands until then."""


class BusAway(StartupError):
    """Some nodes do not answer now; nothing says that the settings are wrong."""


def check_bus(uris: Sequence[BusUri], database: str, ca_file: str | None) -> None:
    """Raises StartupError with one line unless every node lets us subscribe and publish: BusAway where those that do
    not are away.
    """
    away = []
    for uri in uris:
        try:
            with _connected(uri, ca_file) as connection:
                _try(connection, uri, Channels(database))
        except (OSError, ValueError) as error:
            if _is_away(error):
                away.append(f"{uri.address}: {_reason(error)}")
                continue
            hint = "; does it speak TLS (rediss://)?" if isinstance(error, ConnectionResetError) and not uri.tls else ""
            raise StartupError(f"[bus] uri: {uri.address}: {_reason(error)}{hint}") from error
    if away:
        raise BusAway(f"[bus] uri: {', '.join(away)}")


def _is_away(error: Exception) -> bool:
    """Whether a node is down or starts, rather than the settings are wrong."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return (isinstance(error, OSError) and error.errno in _AWAY) or isinstance(error, TimeoutError | _Loading)


def _connected(uri: BusUri, ca_file: str | None) -> socket.socket:
    if uri.path is not None:
        if os.path.exists(uri.path) and not stat.S_ISSOCK(os.stat(uri.path).st_mode):
            raise ValueError("it is no socket")  # connecting to it would be refused, as if the node were away
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(PATIENCE)
            connection.connect(uri.path)
        except OSError:
            connection.close()
            raise
        return connection
    context = _tls(ca_file) if uri.tls else None
    connection = socket.create_connection((uri.host, uri.port), PATIENCE)
    if context is None:
        return connection
    try:
        return context.wrap_socket(connection, server_hostname=uri.host)
    except TimeoutError:
        connection.close()
        raise ValueError("no answer to a TLS handshake; does it speak TLS?") from None
    except OSError:
        connection.close()
        raise


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise StartupError(f"[bus] ca_file: {ca_file}: has no certificate that can be read") from error
    except OSError as error:
        raise StartupError(f"[bus] ca_file: {ca_file}: {error.strerror}") from error


def _try(connection: socket.socket, uri: BusUri, channels: Channels) -> None:
    """Greet, subscribe and publish as a daemon does. Raises ValueError with the reason for which it is refused."""
    reader = Reader(notEnoughData=_MORE)
    connection.sendall(greeting(uri))
    _answer(connection, reader)
    connection.sendall(pack((b"SUBSCRIBE", channels.of(CONTROL))))
    _answer(connection, reader)
    connection.sendall(pack((b"PUBLISH", channels.of(PROBE), b"")))
    # A packet of another daemon may come before the answer.
    while isinstance(_answer(connection, reader), PushNotification):
        pass


def _answer(connection: socket.socket, reader: Any) -> object:
    try:
        while (answer := reader.gets()) is _MORE:
            data = connection.recv(65536)
            if not data:
                raise ConnectionResetError("it closes the connection")
            reader.feed(data)
    except UNREADABLE as error:
        raise ValueError("it does not speak the protocol of Redis") from error
    if isinstance(answer, ReplyError):
        if str(answer).startswith("LOADING"):
            raise _Loading(refusal(str(answer)))
        raise ValueError(refusal(str(answer)))
    return answer


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"certificate verify failed: {error.verify_message}"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return "it does not speak TLS"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or 'connection closed'}"
        case TimeoutError():
            return f"no answer within {PATIENCE:.0f} s"
        case OSError():
            return (error.strerror or str(error)).lower()
    return str(error)
