"""``[bus] uri``: where a node of the bus is, and who the daemon is there.

Invariant: no error, and no repr, shows a password.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import field, frozen
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from justchat.config.certificates import read_authorities
from justchat.errors import StartupError

PORT = 6379
CONNECT_TIMEOUT = 2.0
"""Seconds."""
_BROKEN_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")


@frozen
class BusUri:
    """A URI, parsed. Either ``host`` and ``port`` are of use, or ``path``."""

    host: str
    port: int
    path: str | None
    """Of a Unix socket."""
    username: str | None
    password: str | None = field(repr=False)
    tls: bool

    @property
    def address(self) -> str:
        """The address without user and password, for logs. By it daemons agree which node owns a stream."""
        if self.path is not None:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_exposed(self) -> bool:
        """Whether it is beyond this machine, and others on its network can read or write what goes there."""
        is_local = self.path is not None or self.host in ("localhost", "::1") or self.host.startswith("127.")
        return not is_local and not (self.tls and self.password)

    @classmethod
    def parse(cls, text: str) -> "BusUri":
        """Raises ValueError, which quotes nothing of the URI but its scheme and its options' names."""
        scheme, separator, _ = text.partition("://")
        scheme = scheme.lower()
        if not separator or scheme not in ("redis", "rediss", "unix", "redis+unix"):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        parts = _split(text)
        options = parts.query.split("&") if parts.query else []
        if unknown := [name for name, _, _ in (option.partition("=") for option in options) if name != "db"]:
            raise ValueError(f"has options that are not known: {', '.join(unknown)}")
        databases = [option.partition("=")[2] for option in options]
        if scheme.endswith("unix"):
            return cls._at_socket(parts, databases)
        try:
            host, port = parts.hostname, parts.port or PORT
        except ValueError:
            raise ValueError("has a port that is none") from None
        if not host:
            raise ValueError("names no host")
        _check_database(parts.path.strip("/") or "0", *databases)
        return cls(host, port, None, *_account(parts), tls=scheme == "rediss")

    @classmethod
    def _at_socket(cls, parts: SplitResult, databases: Sequence[str]) -> "BusUri":
        if parts.netloc.rpartition("@")[2] or parts.path in ("", "/"):
            raise ValueError("must have an absolute path: unix:///run/redis/redis.sock")
        _check_database(*databases)
        return cls("", 0, unquote(parts.path), *_account(parts), tls=False)

    def endpoint(self, reactor: Any, ca_file: str | None) -> IStreamClientEndpoint:
        """Where to connect to. Raises StartupError if ``ca_file`` cannot be read."""
        if self.path is not None:
            return UNIXClientEndpoint(reactor, self.path, timeout=CONNECT_TIMEOUT, checkPID=False)
        tcp = HostnameEndpoint(reactor, self.host, self.port, timeout=CONNECT_TIMEOUT)
        if not self.tls:
            return tcp
        # Without a file, the authorities of the system.
        root = _authorities(ca_file) if ca_file is not None else None
        endpoint: IStreamClientEndpoint = wrapClientTLS(optionsForClientTLS(self.host, trustRoot=root), tcp)
        return endpoint


def parse_uris(texts: Sequence[str]) -> tuple[BusUri, ...]:
    """The nodes of ``[bus] uri``. Raises StartupError."""
    found = []
    for number, text in enumerate(texts, 1):
        try:
            found.append(BusUri.parse(text))
        except ValueError as error:
            raise StartupError(f"[bus] uri: {f'number {number} ' if len(texts) > 1 else ''}{error}") from None
    addresses = [uri.address for uri in found]
    if len(set(addresses)) < len(addresses):
        raise StartupError("[bus] uri: names a node twice")
    return tuple(found)


def owning_node(stream: str, addresses: Sequence[str]) -> int:
    """The position of the node that owns a stream: the highest of the nodes' hashes with it (rendezvous hashing).

    The order of the nodes does not matter. When one is added or removed, only the streams of that one move.
    """
    if len(addresses) == 1:
        return 0
    hashes = [blake2b(f"{address} {stream}".encode(), digest_size=8).digest() for address in addresses]
    return hashes.index(max(hashes))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("is malformed; a user and a password in it must be percent-encoded") from None
    if parts.fragment or "@" in parts.path or "@" in parts.query:
        raise ValueError("is malformed; a user and a password in it must be percent-encoded")
    return parts


def _account(parts: SplitResult) -> tuple[str | None, str | None]:
    account, at, _ = parts.netloc.rpartition("@")
    username, colon, password = account.partition(":")
    if "@" in account or ":" in password or _BROKEN_ESCAPE.search(account):
        raise ValueError("is malformed; a user and a password in it must be percent-encoded")
    if at and not colon:
        raise ValueError("has a user without a password; a password alone is written redis://:password@host")
    return unquote(username) or None, unquote(password) if colon and password else None


def _check_database(*numbers: str) -> None:
    for number in numbers:
        if number != "0":
            raise ValueError(
                "names a database, which the bus cannot use: all databases of a node share its channels, whose names"
                " have the name of the MongoDB database in them"
            )


def _authorities(file: str) -> Any:
    try:
        return read_authorities(file)
    except OSError as error:
        raise StartupError(f"[bus] ca_file: {file}: {error.strerror}") from error
    except ValueError as error:
        raise StartupError(f"[bus] ca_file: {error}") from error
