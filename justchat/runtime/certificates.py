"""Certificates of ``ssl:`` endpoints that are read anew while the daemon runs.

Connections that are open keep the certificate that they began with; later ones get the new one.
"""

from collections.abc import Mapping
from typing import Any

from OpenSSL.SSL import NO_OVERLAPPING_PROTOCOLS, Connection, Context, Error
from twisted.internet.interfaces import IOpenSSLContextFactory, IProtocolNegotiationFactory
from twisted.internet.protocol import Factory
from zope.interface import implementer

from justchat.errors import StartupError
from justchat.runtime.endpoints import server_of


@implementer(IOpenSSLContextFactory)
class RenewableContext:
    """The TLS context of a port; ``current`` makes the contexts of connections that begin from now on."""

    def __init__(self, current: Any) -> None:
        self.current = current
        self._prepared: Context | None = None

    def getContext(self) -> Context:
        """See IOpenSSLContextFactory. Twisted calls it for each connection."""
        context: Context = self.current.getContext()
        if context is not self._prepared:
            self._prepared = context
            context.set_alpn_select_callback(select_protocol)
        return context


def select_protocol(connection: Connection, offered: list[bytes]) -> Any:
    """The protocol to speak with a client that offers some by ALPN. Raises Error, which OpenSSL tells the client as
    ``no_application_protocol``, where none is spoken here (RFC 7301, section 3.2).

    Twisted selects an empty name then, of which OpenSSL makes an internal error.
    """
    factory = connection.get_app_data().factory.wrappedFactory
    if not IProtocolNegotiationFactory.providedBy(factory):
        return NO_OVERLAPPING_PROTOCOLS
    for protocol in factory.acceptableProtocols():
        if protocol in offered:
            return protocol
    raise Error([("SSL routines", "", "no application protocol")])  # as OpenSSL's own errors, which Twisted takes apart


class RenewingReactor:
    """A reactor for one endpoint: what listens with TLS gets a RenewableContext, which is ``context``."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.context: RenewableContext | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenSSL(self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = "") -> Any:
        """See IReactorSSL."""
        self.context = RenewableContext(contextFactory)
        return self._reactor.listenSSL(port, factory, self.context, backlog=backlog, interface=interface)


class _Capture:
    """A reactor that listens to nothing: what an endpoint would listen with is ``context``."""

    context: Any = None

    def listenTCP(self, *_: Any, **__: Any) -> None:
        """See IReactorTCP."""

    def listenSSL(self, port: int, factory: Any, contextFactory: Any, **_: Any) -> None:
        """See IReactorSSL."""
        self.context = contextFactory


def read_certificate(table: str, endpoint: str) -> Any:
    """What makes TLS contexts with the files of an ``ssl:`` endpoint, as they are now.

    Raises StartupError where a file cannot be read, or the key is not the certificate's.
    """
    capture = _Capture()
    server_of(table, endpoint, capture).listen(Factory())
    try:
        capture.context.getContext()
    except Error as error:
        raise StartupError(f"[{table}] endpoint: the key is not that of the certificate") from error
    return capture.context


def is_tls(endpoint: str) -> bool:
    """Whether an endpoint speaks TLS."""
    return endpoint.startswith(("ssl:", "haproxy:ssl:"))


def read_certificates(endpoints: Mapping[str, str]) -> dict[str, Any]:
    """Those of each endpoint with TLS, by table of the settings. Raises StartupError."""
    return {table: read_certificate(table, endpoint) for table, endpoint in endpoints.items() if is_tls(endpoint)}
