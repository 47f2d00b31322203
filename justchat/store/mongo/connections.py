"""The connections to the database: each command is an OP_MSG on a connection of its lane, and has so long to be
answered.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IWriteDescriptor
from txmongo.connection import ConnectionPool
from txmongo.protocol import Msg

from justchat.errors import DatabaseAway
from justchat.metrics.declarations import DATABASE_SECONDS
from justchat.store.mongo.errors import or_away
from justchat.store.mongo.outage import Outage
from justchat.store.mongo.pool import CODEC, Lane, open_pool
from justchat.store.mongo.timeouts import Timeouts
from justchat.store.mongo.uri import MongoUri

OPERATION_TIMEOUT = 4.0
"""Seconds. A call has 5 to answer 503 in."""


class Connections:
    """The pools of a database, one for each lane."""

    def __init__(self) -> None:
        self.pools: dict[Lane, ConnectionPool] = {}
        self._timeouts = Timeouts(OPERATION_TIMEOUT, reactor)
        self._outage = Outage()

    def open(self, uri: MongoUri, sizes: Mapping[Lane, int]) -> None:
        """Begin to connect, so many times for each lane; commands wait for that."""
        self.pools = {lane: open_pool(uri, size) for lane, size in sizes.items()}

    async def close(self) -> None:
        """Close them. Commands that are not answered fail."""
        self._outage = Outage()  # no outage, but our end
        for pool in self.pools.values():
            await pool.disconnect()
        self._timeouts.stop()

    async def run(
        self,
        command: bytes,
        payload: dict[str, list[bytes]],
        within: float = OPERATION_TIMEOUT,
        lane: Lane = Lane.ORDINARY,
        name: str = "insert",
    ) -> dict[str, Any]:
        """Send an OP_MSG and return its answer. txmongo's own commands, with implicit sessions that nobody uses, take
        twice as long. ``name`` is that of the command.
        """
        began = perf_counter()
        try:
            answer = await self._exchange(command, payload, within, lane)
        except DatabaseAway:
            self._outage.failed(began)
            raise
        ended = perf_counter()
        self._outage.answered(ended)
        DATABASE_SECONDS.observe(ended - began, name)
        return answer

    async def _exchange(
        self, command: bytes, payload: dict[str, list[bytes]], within: float, lane: Lane
    ) -> dict[str, Any]:
        began = perf_counter()
        try:
            connected = self.pools[lane].getprotocol()
        except KeyError:  # it has not been opened: the start has failed before that, and its parts stop
            raise DatabaseAway from None
        if connected.called:
            connection = await connected
        else:
            connection = await or_away(connected.addTimeout(within, reactor))
            within -= perf_counter() - began
        transport: Any = connection.transport
        if transport.disconnecting:
            # The server is no longer the primary, and txmongo closes the connection. What is written now is in vain,
            # and may keep it open.
            transport.abortConnection()
            raise DatabaseAway
        answering = connection.send_msg(Msg(body=command, payload=payload), CODEC, None)
        # Write now, not after all else of this reactor turn: the database works at the same time.
        is_plain = IWriteDescriptor.providedBy(transport)  # not TLS
        if is_plain and transport.doWrite():
            transport.abortConnection()  # the reactor, which closes what cannot be written to, has not called
        if within == OPERATION_TIMEOUT:
            self._timeouts.add(answering)
        else:
            answering.addTimeout(within, reactor)
        answer: dict[str, Any] = await or_away(answering)
        return answer
