"""Pools of connections to the database, one for each lane.

Invariant: the database answers the operations of one connection in their order, so an operation waits for those of its
own lane alone.
"""

from enum import Enum
from typing import Any

from bson.codec_options import CodecOptions
from twisted.internet import reactor
from txmongo.connection import ConnectionPool

from justchat.store.mongo.uri import MongoUri


class Lane(Enum):
    """Connections apart from others."""

    LOG = "log"
    """Inserts of the logs."""
    ORDINARY = "ordinary"
    """Operations that take milliseconds."""
    SLOW = "slow"
    """Reads that may take long, and have waited for a slot."""
    FILES = "files"
    """Megabytes of pictures, where they are stored in the database."""


FILE_CONNECTIONS = 2
CONNECTIONS = {Lane.LOG: 2, Lane.ORDINARY: 4}
"""Each of the two logs has one insert in flight; more connections for ordinary operations were slower
(docs/design.rst). Slow reads have one connection for each slot.
"""
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=False)
"""Times come without their zone, UTC: to add it takes a third as long as decoding a message, and not all times are
used. (bson.py adds it.)
"""


class _Pool(ConnectionPool):  # type: ignore[misc]
    """A pool that connects to Unix sockets too: the embedded database listens on nothing else.

    txmongo has no hook for that, so its two private methods that know of host and port are replaced.
    """

    def _ConnectionPool__tcp_or_ssl_connect(self, host: str, port: int | None, factory: Any, **options: Any) -> Any:
        if host.startswith("/"):
            return reactor.connectUNIX(host, factory, **options)  # type: ignore[attr-defined]
        return super()._ConnectionPool__tcp_or_ssl_connect(host, port, factory, **options)

    def _ConnectionPool__discovery_nodes_to_ping(self) -> None:
        # A ping finds a peer that vanished from the network. A Unix socket's peer is on this machine.
        if not self.uri["nodelist"][0][0].startswith("/"):
            super()._ConnectionPool__discovery_nodes_to_ping()


def open_pool(uri: MongoUri, size: int) -> ConnectionPool:
    """Connect so many times, and again whenever a connection breaks. Raises StartupError for a file of the URI's TLS
    options.
    """
    pool = _Pool(
        uri.text,
        pool_size=size,
        ssl_context_factory=uri.tls_options(),
        codec_options=CODEC,
        # The delay between attempts to connect grows to this. (retry_delay is the connect timeout too.)
        max_delay=1.0,
    )
    if uri.username:
        # txmongo takes credentials from a URI only when the URI names a database.
        pool.authenticate(uri.auth_source, uri.username, uri.password, uri.auth_mechanism)
    return pool
