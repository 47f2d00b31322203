"""The listening ports, bound early and opened late.

TCP ports are bound before twistd forks, while the process may still be root; Unix sockets after it, since Twisted's
lock beside one names the process. No connection is accepted until the service starts. Clients who connect before that
wait in the kernel's backlog, and are served then.
"""

from collections.abc import Mapping
from socket import socket
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocolFactory

from justchat.runtime.certificates import RenewableContext, RenewingReactor
from justchat.runtime.endpoints import bind, check_unix, is_unix, server_of
from justchat.runtime.shared_ports import AdoptingReactor, adopt
from justchat.runtime.tcp import TurnReactor


@frozen
class OpenPort:
    """A port that is bound: its table in the settings, its endpoint there, and Twisted's IListeningPort."""

    table: str
    endpoint: str
    port: Any


class Ports(Service):
    """Listens on ``endpoints``, by table of the settings, with the factory of the same table."""

    name = "ports"

    def __init__(self, endpoints: Mapping[str, str], factories: Mapping[str, IProtocolFactory], reactor: Any) -> None:
        self._endpoints = endpoints
        self._factories = factories
        self._reactor = reactor
        self.open: list[OpenPort] = []
        self._contexts: dict[str, RenewableContext] = {}
        """Those of the endpoints with TLS."""

    def bind(self) -> None:
        """Bind the TCP ports. Raises StartupError, also for a Unix socket that is sure to fail later."""
        for table, endpoint in self._endpoints.items():
            if is_unix(endpoint):
                check_unix(table, endpoint)
            else:
                self._bind(table, endpoint)

    def privilegedStartService(self) -> None:
        """Bind the Unix sockets. Raises StartupError."""
        super().privilegedStartService()
        for table, endpoint in self._endpoints.items():
            if is_unix(endpoint):
                self._bind(table, endpoint)

    def _bind(self, table: str, endpoint: str) -> None:
        reactor = RenewingReactor(self._reactor)
        server = server_of(table, endpoint, reactor)
        self._park(table, endpoint, bind(table, endpoint, server, self._factories[table]))
        self._keep(table, reactor)

    def _keep(self, table: str, reactor: RenewingReactor) -> None:
        if reactor.context is not None:
            self._contexts[table] = reactor.context

    def renew(self, certificates: Mapping[str, Any]) -> None:
        """Use these certificates for connections from now on, by table: see ``read_certificates``."""
        for table, context in self._contexts.items():
            context.current = certificates[table]

    def _park(self, table: str, endpoint: str, port: Any) -> None:
        port.stopReading()
        self.open.append(OpenPort(table, endpoint, port))

    def startService(self) -> None:
        """Accept connections."""
        super().startService()
        for each in self.open:
            each.port.startReading()

    def stopService(self) -> "Deferred[None]":
        """Close the ports. Connections that were accepted stay open."""
        super().stopService()
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        for each in self.open:
            await maybeDeferred(each.port.stopListening)


class AdoptedPorts(Ports):
    """Listens on ``sockets`` that the parent of this worker has bound, by table of the settings."""

    def __init__(
        self,
        endpoints: Mapping[str, str],
        factories: Mapping[str, IProtocolFactory],
        reactor: TurnReactor,
        sockets: Mapping[str, socket],
    ) -> None:
        super().__init__(endpoints, factories, reactor)
        self._sockets = sockets

    def bind(self) -> None:
        """Adopt all sockets, those of Unix too."""
        for table, endpoint in self._endpoints.items():
            given = self._sockets[table]
            reactor = RenewingReactor(AdoptingReactor(self._reactor, given))
            self._park(table, endpoint, adopt(table, endpoint, reactor, given, self._factories[table]))
            self._keep(table, reactor)
            # The port has a duplicate. This one would keep the socket open after it, and nobody would accept.
            given.close()

    def privilegedStartService(self) -> None:
        """Nothing is left to bind."""
