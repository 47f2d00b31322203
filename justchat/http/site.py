"""The HTTP site: a Klein app made from the endpoints, with /ws beside it.

Here is all that knows of HTTP's wire: methods, paths, bodies' sizes, CORS, headers.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from autobahn.twisted.resource import WebSocketResource
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import CACHED
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Site
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.routing import MapAdapter

from justchat.config.settings import Http, Limits
from justchat.errors import ApiError, MethodNotAllowed, NotFound, Unavailable, UpgradeRequired
from justchat.http.dispatcher import Answer, Dispatcher, error_answer, incident_answer
from justchat.http.endpoint import Endpoint
from justchat.http.fields import ImageBody
from justchat.http.headers import bearer_of
from justchat.http.multipart import FORM_OVERHEAD
from justchat.http.requests import Judge, JustChatRequest, write_answer, write_refusal
from justchat.http.site_channel import SiteChannel
from justchat.http.spool import Spool, SpoolFile
from justchat.http.uploaded_files import UploadedFiles
from justchat.limits.client_address import ClientAddresses
from justchat.limits.connections import Connections
from justchat.limits.rate_limiter import RateLimiter
from justchat.protocol.handshake import asks_for_websocket, judge_handshake


def make_app(
    endpoints: Sequence[Endpoint],
    dispatcher: Dispatcher,
    database_answers: Callable[[], Awaitable[None]],
    description: Mapping[str, Any],
) -> Klein:
    """The Klein app: a route per endpoint, and those for whoever watches the daemon."""
    app = Klein()

    def route(endpoint: Endpoint) -> None:
        def serve(request: IRequest) -> Coroutine[Any, Any, bytes]:
            return _serve(request, endpoint, dispatcher)

        app.route(endpoint.path, methods=["POST"], endpoint=endpoint.path)(serve)

    for endpoint in endpoints:
        route(endpoint)

    front = {
        "name": "JustChat",
        "version": description["info"]["version"],
        "about": "This is the API of a chat. Calls are POST with a JSON object.",
        "calls": "/openapi.json",
        "websocket": "/ws",
        "socket.io": "/socket.io/",
        "docs": 'README.rst, "Walk-through", and docs/protocol.rst, in the project\'s folder',
    }

    @app.route("/", methods=["GET"])
    def index(request: IRequest) -> bytes:
        """What this is, for somebody who opens it in a browser."""
        return write_answer(request, Answer(200, orjson.dumps(front, option=orjson.OPT_INDENT_2) + b"\n"))

    @app.route("/livez", methods=["GET"])
    def livez(request: IRequest) -> bytes:
        """The process answers."""
        return write_answer(request, Answer(200, orjson.dumps({"status": "ok"})))

    @app.route("/readyz", methods=["GET"])
    async def readyz(request: IRequest) -> bytes:
        """Its database answers, too."""
        if dispatcher.closing:
            return write_answer(request, error_answer(Unavailable("the daemon goes down")))
        try:
            await database_answers()
        except ApiError as error:
            return write_answer(request, error_answer(error))
        return write_answer(request, Answer(200, orjson.dumps({"status": "ok"})))

    openapi = orjson.dumps(description)
    tag = b'"%s"' % sha256(openapi).hexdigest()[:16].encode()

    @app.route("/openapi.json", methods=["GET"])
    def describe(request: IRequest) -> bytes:
        """The calls, for programs."""
        if request.setETag(tag) is CACHED:
            return b""
        body = write_answer(request, Answer(200, openapi))
        request.setHeader(b"Cache-Control", b"no-cache")
        return body

    @app.handle_errors(WrongMethod)
    def wrong_method(request: IRequest, failure: Failure) -> bytes:
        error = MethodNotAllowed(allow={*(getattr(failure.value, "valid_methods", None) or ()), "OPTIONS"})
        return write_refusal(request, error)

    @app.handle_errors(HTTPException)
    def not_found(request: IRequest, failure: Failure) -> bytes:
        return write_answer(request, error_answer(NotFound("there is no such path")))

    return app


async def _serve(request: Any, endpoint: Endpoint, dispatcher: Dispatcher) -> bytes:
    bearer = bearer_of(request.getHeader(b"authorization"))
    content_type = (request.getHeader(b"content-type") or b"").decode("latin-1")
    key = request.getHeader(b"idempotency-key")
    idempotency_key = None if key is None else key.decode("latin-1")
    address = None if dispatcher.rates is None else address_of(request)
    if endpoint.body is ImageBody:
        try:
            answering = await _of_upload(request, endpoint, dispatcher, bearer, content_type, idempotency_key, address)
        except ApiError as error:
            return write_refusal(request, error)
    else:
        answering = dispatcher.respond(endpoint, request.content.read(), bearer, content_type, idempotency_key, address)
    answer = await _whole(answering)
    if dispatcher.closing:
        request.setHeader(b"Connection", b"close")
    return write_answer(request, answer)


async def _of_upload(
    request: Any,
    endpoint: Endpoint,
    dispatcher: Dispatcher,
    bearer: str | None,
    content_type: str,
    idempotency_key: str | None,
    address: str | None,
) -> Coroutine[Any, Any, Answer]:
    if request.spool is None:  # it has no body, before which it would have been judged
        await request.channel.site.judges[request.path](request)
    # From now on it does not end with the connection.
    body, request.spool, request.content = request.spool, None, BytesIO()
    return _closing(
        body, dispatcher.respond(endpoint, body, bearer, content_type, idempotency_key, address, judged=True)
    )


async def _closing(spool: SpoolFile, answering: Coroutine[Any, Any, Answer]) -> Answer:
    try:
        return await answering
    finally:
        spool.close()


def judge_uploads(endpoint: Endpoint, dispatcher: Dispatcher, spool: Spool) -> Judge:
    """Judges an upload by its head, and gives its body a place."""

    async def judge(request: JustChatRequest) -> None:
        address = None if dispatcher.rates is None else address_of(request)
        content_type = (request.getHeader(b"content-type") or b"").decode("latin-1")
        await dispatcher.judge(endpoint, bearer_of(request.getHeader(b"authorization")), content_type, address)
        request.spool = spool.open(address)

    return judge


def address_of(request: Any) -> str | None:
    """Where a request comes from; None is one that is not counted."""
    addresses: ClientAddresses = request.channel.site.addresses
    if request.requestHeaders.hasHeader(addresses.other_header):
        addresses.saw_other_header()
    return addresses.of(request.getClientAddress(), request.requestHeaders.getRawHeaders(addresses.header, ()))


async def _whole(answering: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer. Klein cancels a call whose client hangs up; what was begun is carried out all the same."""
    answered: Deferred[Answer] = Deferred()

    def tell(answer: Answer) -> None:
        if not answered.called:
            answered.callback(answer)

    Deferred.fromCoroutine(answering).addCallback(tell)
    return await answered


class SocketResource(WebSocketResource):  # type: ignore[misc]
    """autobahn's resource, by which a WebSocket takes over the connection."""

    def render(self, request: Any) -> Any:
        try:
            judge_handshake(request, request.channel.site.settings.allows_origin)
        except ApiError as error:
            return write_refusal(request, error)
        channel = request.channel
        outcome = super().render(request)
        if outcome is NOT_DONE_YET:
            # They hold each other: thousands of them would wait for the search for garbage, and make it long.
            channel.requests.clear()
            request.channel = None
        return outcome


class Root(Resource):
    """The Klein app, but for /ws, where the WebSocket takes over the connection, and the pictures."""

    def __init__(self, app: Klein, sockets: Any, socketio: IResource, pictures: UploadedFiles) -> None:
        super().__init__()
        self._app = app.resource()
        self._sockets = SocketResource(sockets)
        self._socketio = socketio
        self._pictures = pictures

    def getChildWithDefault(self, path: bytes, request: Any) -> IResource:
        if request.path == b"/ws" and asks_for_websocket(request):
            return self._sockets
        if path == b"socket.io":
            return self._socketio
        if path == b"uploads" and request.method in (b"GET", b"HEAD"):
            picture = self._pictures.named(request.postpath)
            if picture is not None:
                return picture
        # The Klein app starts anew at the whole path.
        request.postpath = [path, *(request.postpath or ())]
        request.prepath = []
        return self._app


class SocketPort(Resource):
    """The socket's own port: the raw WebSocket at every path, but for ``/socket.io/``."""

    def __init__(self, sockets: Any, socketio: IResource) -> None:
        super().__init__()
        self._sockets = SocketResource(sockets)
        self._socketio = socketio

    def getChildWithDefault(self, path: bytes, request: Any) -> IResource:
        if path == b"socket.io":
            return self._socketio
        return self._sockets if asks_for_websocket(request) else NoSocket()


class NoSocket(Resource):
    """The answer to who speaks plain HTTP to the raw socket."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        return write_refusal(request, UpgradeRequired())


class JustChatSite(Site):
    """twisted.web's Site without its form parsing and access log, which cost more than a call."""

    _log = Logger()
    protocol = SiteChannel  # type: ignore[assignment]
    requestFactory = JustChatRequest

    def __init__(
        self,
        root: IResource,
        settings: Http,
        limits: Limits,
        *,
        addresses: ClientAddresses,
        connections: Connections,
        rates: RateLimiter | None,
        routes: MapAdapter | None = None,
        endpoints: Sequence[Endpoint] = (),
    ) -> None:
        """``routes`` are those of the Klein app, None where there is none; ``endpoints`` the calls among them."""
        super().__init__(root, timeout=settings.idle_timeout, parsePOSTFormSubmission=False)
        self.settings = settings
        self.addresses = addresses
        self.connections = connections
        self._rates = rates
        self._routes = routes
        self.paths = frozenset(endpoint.path.encode() for endpoint in endpoints)
        self.body_limit = limits.body
        self.upload_limit = limits.image + FORM_OVERHEAD
        self.displayTracebacks = False
        self.judges: dict[bytes, Judge] = {}
        """Paths whose requests are looked at before any of their bodies is read, and how."""

    def hit(self, request: Any) -> None:
        """Count a request that is no call. Raises TooManyRequests."""
        address = None if self._rates is None else address_of(request)
        if address is not None and self._rates is not None:
            self._rates.hit_address("get", address)

    def check_call(self, path: bytes) -> None:
        """Whether something at this path takes a body. Raises NotFound, MethodNotAllowed, UpgradeRequired."""
        if path.startswith(b"/socket.io"):
            return
        if self._routes is None:
            raise UpgradeRequired
        try:
            self._routes.match(unquote_to_bytes(path).decode(), method="POST")
        except WrongMethod as error:
            raise MethodNotAllowed(allow={*(error.valid_methods or ()), "OPTIONS"}) from None
        except HTTPException:
            raise NotFound("there is no such path") from None

    def incident(self, failure: Failure) -> Answer:
        """The answer for a fault of ours."""
        return incident_answer(failure, debug=self.settings.debug)

    def acceptableProtocols(self) -> list[bytes]:
        """What a client is told by ALPN. twisted's own names h2, too, where that is installed: we do not speak it."""
        return [b"http/1.1", b"http/1.0"]

    def log(self, request: Any) -> None:
        """No access log: a proxy keeps one where it is wanted."""
