"""The Site: twisted.web's server, which serves the Klein app (``app.py``) or the socket's port."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Site
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.routing import MapAdapter

from justchat.config.limits import Limits
from justchat.config.settings import Http
from justchat.errors import ApiError, MethodNotAllowed, NotFound, UpgradeRequired
from justchat.http.access_log import AccessLog, path_without_secrets
from justchat.http.answer import Answer, incident_answer
from justchat.http.headers import TRACEPARENT, trace_of
from justchat.http.multipart import FORM_OVERHEAD
from justchat.http.response_writer import ResponseWriter
from justchat.http.site_channel import SiteChannel
from justchat.http.site_request import HeadCheck, SiteRequest
from justchat.limits.client_address import ClientAddresses
from justchat.limits.http_connection_limiter import HttpConnectionLimiter
from justchat.limits.rate_limiter import RateLimiter
from justchat.metrics.declarations import CALLS
from justchat.runtime.logs.call_context import CallContext


class JustChatSite(Site):
    """twisted.web's Site without its form parsing and access log, which cost more than a call."""

    _log = Logger()
    protocol = SiteChannel  # type: ignore[assignment]
    requestFactory = SiteRequest

    def __init__(
        self,
        root: IResource,
        settings: Http,
        limits: Limits,
        *,
        addresses: ClientAddresses,
        connections: HttpConnectionLimiter,
        rates: RateLimiter | None,
        access: AccessLog | None = None,
        table: str = "http",
        routes: MapAdapter | None = None,
        calls: Collection[str] = (),
        head_checks: Mapping[bytes, HeadCheck] | None = None,
    ) -> None:
        """``table`` of the settings is the port's. ``routes`` are those of the Klein app, None without one; ``calls``
        are the paths of calls among them.

        ``rates`` is None where requests are not counted, ``access`` where they are not logged.
        ``head_checks`` are by path.
        """
        super().__init__(root, timeout=settings.idle_timeout, parsePOSTFormSubmission=False)
        self.table = table
        self.settings = settings
        self.addresses = addresses
        self.connections = connections
        self.writer = ResponseWriter(reactor.seconds)
        self.paths = frozenset(path.encode() for path in calls)
        self.head_checks = head_checks or {}
        self.change_limits(limits)
        self.displayTracebacks = False
        self.access = access
        self._rates = rates
        self._routes = routes

    def change_limits(self, limits: Limits) -> None:
        """Have these limits on bodies from now on."""
        self.body_limit = limits.body
        self.upload_limit = limits.image + FORM_OVERHEAD

    def client_address(self, peer: object, forwarded: Sequence[bytes]) -> str | None:
        """The address by which a request is counted; None if it is not counted.

        ``peer`` is the connection's address, ``forwarded`` the values of ``addresses.header``.
        """
        return None if self._rates is None else self.addresses.of(peer, forwarded)

    def address_of(self, request: Any) -> str | None:
        """The same for a request of twisted.web."""
        headers = request.requestHeaders
        if self._rates is not None and headers.hasHeader(self.addresses.other_header):
            self.addresses.saw_other_header()
        return self.client_address(request.getClientAddress(), headers.getRawHeaders(self.addresses.header, ()))

    def host_of(self, request: Any) -> str | None:
        """A client's whole address, by which the networks of a server key are checked; None where it is not known."""
        forwarded = request.requestHeaders.getRawHeaders(self.addresses.header, ())
        return self.addresses.host_of(request.getClientAddress(), forwarded)

    def hit(self, request: Any) -> None:
        """Count a request that is not a call. Raises TooManyRequests."""
        address = self.address_of(request)
        if address is not None and self._rates is not None:
            self._rates.hit_address("get", address)

    def count_refusal(self, path: bytes, error: ApiError) -> None:
        """Count a request whose head or body was refused, if its path is that of a call."""
        if path in self.paths:
            CALLS.count(path.decode(), error.status)

    def check_takes_body(self, path: bytes) -> None:
        """Check that a POST to a decoded path may have a body. Raises NotFound, MethodNotAllowed, UpgradeRequired."""
        if path.startswith((b"/socket.io", b"/sms/report/")):
            return
        if self._routes is None:
            raise UpgradeRequired
        try:
            endpoint, _ = self._routes.match(path.decode(), method="POST")
        except WrongMethod as error:
            raise MethodNotAllowed(allow={*(error.valid_methods or ()), "OPTIONS"}) from None
        except HTTPException:
            endpoint = None
        if endpoint is None or endpoint.encode() not in self.paths:
            raise NotFound("there is no such path")

    def incident(self, failure: Failure) -> Answer:
        """The answer to an unexpected exception, which is logged."""
        return incident_answer(failure, debug=self.settings.debug)

    def acceptableProtocols(self) -> list[bytes]:
        """The protocols offered by ALPN. twisted.web's own list has h2 if that is installed; JustChat has no HTTP/2."""
        return [b"http/1.1", b"http/1.0"]

    def log(self, request: Any) -> None:
        """See Site: the answer to a request is complete."""
        if self.access is not None:
            path = request.path.decode() if request.path in self.paths else path_without_secrets(request.path)
            self.access.write(
                request.method.decode("latin-1"),
                path,
                request.code,
                request.began,
                request.call or CallContext(trace_of(request.getHeader(TRACEPARENT))),
                request.getClientAddress(),
                request.requestHeaders.getRawHeaders(self.addresses.header, ()),
            )
