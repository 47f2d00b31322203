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
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import CACHED, HTTPChannel
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from justchat.addresses import Addresses
from justchat.config import Http, Limits
from justchat.errors import (
    ApiError,
    BadRequest,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unavailable,
    UpgradeRequired,
    reason_phrase,
)
from justchat.handshake import asks_for_websocket, headers_of, judge_handshake
from justchat.http.dispatch import Answer, Dispatcher, error_answer
from justchat.http.endpoint import Endpoint
from justchat.http.form import FORM_OVERHEAD
from justchat.http.headers import EVERY_ANSWER, PREFLIGHT, bearer_of, of_answer, of_origin
from justchat.http.pictures import Pictures
from justchat.websockets import end_sending

DISCARDED = 8
"""A body may be this many times too large and still be read to its end, unkept, so that the 413 is heard."""
LINGER = 2.0
"""Seconds in which what a client still sends is read and dropped."""
WHOLE = 10
"""A request must be whole within this many times the seconds that a connection may be silent."""


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

    @app.route("/livez", methods=["GET"])
    def livez(request: IRequest) -> bytes:
        """The process answers."""
        return _write(request, Answer(200, orjson.dumps({"status": "ok"})))

    @app.route("/readyz", methods=["GET"])
    async def readyz(request: IRequest) -> bytes:
        """Its database answers, too."""
        if dispatcher.closing:
            return _write(request, error_answer(Unavailable("the daemon goes down")))
        try:
            await database_answers()
        except ApiError as error:
            return _write(request, error_answer(error))
        return _write(request, Answer(200, orjson.dumps({"status": "ok"})))

    openapi = orjson.dumps(description)
    tag = b'"%s"' % sha256(openapi).hexdigest()[:16].encode()

    @app.route("/openapi.json", methods=["GET"])
    def describe(request: IRequest) -> bytes:
        """The calls, for programs."""
        if request.setETag(tag) is CACHED:
            return b""
        body = _write(request, Answer(200, openapi))
        request.setHeader(b"Cache-Control", b"no-cache")
        return body

    @app.handle_errors(WrongMethod)
    def wrong_method(request: IRequest, failure: Failure) -> bytes:
        valid = {*(getattr(failure.value, "valid_methods", None) or ()), "OPTIONS"}
        request.setHeader(b"Allow", ", ".join(sorted(valid)).encode())
        return _write(request, error_answer(MethodNotAllowed()))

    @app.handle_errors(HTTPException)
    def not_found(request: IRequest, failure: Failure) -> bytes:
        return _write(request, error_answer(NotFound("there is no such path")))

    return app


async def _serve(request: Any, endpoint: Endpoint, dispatcher: Dispatcher) -> bytes:
    bearer = bearer_of(request.getHeader(b"authorization"))
    content_type = (request.getHeader(b"content-type") or b"").decode("latin-1")
    key = request.getHeader(b"idempotency-key")
    once = None if key is None else key.decode("latin-1")
    address = None if dispatcher.rates is None else _address(request)
    answer = await _whole(dispatcher.respond(endpoint, request.content.read(), bearer, content_type, once, address))
    if dispatcher.closing:
        request.setHeader(b"Connection", b"close")
    return _write(request, answer)


def _address(request: Any) -> str | None:
    """Where a request comes from; None is one that is not counted."""
    addresses: Addresses = request.channel.site.addresses
    return addresses.of(request.getClientAddress(), request.requestHeaders.getRawHeaders(addresses.header, ()))


async def _whole(answering: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer. Klein cancels a call whose client hangs up; what was begun is carried out all the same."""
    answered: Deferred[Answer] = Deferred()

    def tell(answer: Answer) -> None:
        if not answered.called:
            answered.callback(answer)

    Deferred.fromCoroutine(answering).addCallback(tell)
    return await answered


def _write(request: IRequest, answer: Answer) -> bytes:
    """Set what goes before the body, and return that."""
    request.setResponseCode(answer.status, reason_phrase(answer.status).encode())
    length = (b"Content-Length", b"%d" % len(answer.body))
    for name, value in (*EVERY_ANSWER, length, *of_answer(answer)):
        request.setHeader(name, value)
    return answer.body


class JustChatRequest(Request):
    """A request whose body is not kept beyond the site's limit."""

    channel: Any
    _kept = 0
    _too_large = False
    _refused = False

    @property
    def _site(self) -> "JustChatSite":
        # Request.site is set only when the body has come.
        site: JustChatSite = self.channel.site
        return site

    @property
    def _limit(self) -> int:
        # The path is the request's own only when the body has come, too.
        return self._site.upload_limit if self.channel._path == b"/upload" else self._site.body_limit

    def gotLength(self, length: int | None) -> None:
        limit = self._limit
        if length is not None and length > limit:
            self._too_large = True
            if length > limit * DISCARDED:
                self._refused = True
                self.content = BytesIO()
                _refuse(self.channel, TooLarge())
                return
        super().gotLength(min(length or 0, limit))

    def handleContentChunk(self, data: bytes) -> None:
        self._kept += len(data)
        limit = self._limit
        if self._kept > limit:
            self._too_large = True
            if self._kept > limit * DISCARDED and not self._refused:
                self._refused = True
                _refuse(self.channel, TooLarge())
            return
        super().handleContentChunk(data)

    def process(self) -> None:
        if self._refused:
            self.channel.transport.loseConnection()
            return
        # Socket.IO clients of version 2 ask with credentials.
        credentials = self.path.startswith(b"/socket.io")
        for name, value in of_origin(self._site.settings, self.getHeader(b"origin"), credentials=credentials):
            self.setHeader(name, value)
        wrong = self._not_text()
        if wrong is not None:
            self.write(_write(self, error_answer(wrong)))
            self.finish()
        elif self._too_large:
            self.write(_write(self, error_answer(TooLarge())))
            self.finish()
        elif self.method == b"OPTIONS":
            for name, value in PREFLIGHT:
                self.setHeader(name, value)
            self.setResponseCode(204)
            self.finish()
        else:
            super().process()

    def _not_text(self) -> ApiError | None:
        """What is wrong with a path or a host whose bytes are no text."""
        try:
            unquote_to_bytes(self.path).decode()
        except UnicodeDecodeError:
            return NotFound("there is no such path")
        try:
            (self.getHeader(b"host") or b"").decode()
        except UnicodeDecodeError:
            return BadRequest("the Host header is not text")
        return None


def _refuse(channel: Any, error: ApiError) -> None:
    """Answer in the middle of a request, and hang up: at once for our part, and for the client's when it has had
    the time to finish sending, since one whose sending fails may never read the answer.
    """
    answer = error_answer(error)
    channel.transport.write(
        b"HTTP/1.1 %d %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s"
        % (answer.status, reason_phrase(answer.status).encode(), len(answer.body), answer.body)
    )
    transport = channel.transport
    end_sending(transport)
    reactor.callLater(LINGER, transport.abortConnection)


class SocketResource(WebSocketResource):  # type: ignore[misc]
    """autobahn's resource, by which a WebSocket takes over the connection."""

    def render(self, request: Any) -> Any:
        try:
            judge_handshake(request, request.channel.site.settings.allows_origin)
        except ApiError as error:
            return _write_refusal(request, error)
        channel = request.channel
        outcome = super().render(request)
        if outcome is NOT_DONE_YET:
            # They hold each other: thousands of them would wait for the search for garbage, and make it long.
            channel.requests.clear()
            request.channel = None
        return outcome


class Root(Resource):
    """The Klein app, but for /ws, where the WebSocket takes over the connection, and the pictures."""

    def __init__(self, app: Klein, sockets: Any, socketio: IResource, pictures: Pictures) -> None:
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
        return _write_refusal(request, UpgradeRequired())


def _write_refusal(request: IRequest, error: ApiError) -> bytes:
    for name, value in headers_of(error):
        request.setHeader(name, value)
    return _write(request, error_answer(error))


class SiteChannel(HTTPChannel):
    """twisted.web's channel, which can give the connection away once its request is answered."""

    transport: Any
    site: "JustChatSite"
    answered: Callable[[bytes], None] | None = None
    """Takes the connection, and what has come in since the request."""
    _since: float | None = None
    """When the request that comes in began."""

    def dataReceived(self, data: bytes) -> None:
        # Each line, and each piece of a body, is given time anew: who sends them one by one has no more than this.
        if self._since is None:
            self._since = reactor.seconds()
        elif reactor.seconds() - self._since > WHOLE * self.site.settings.idle_timeout:
            self.transport.abortConnection()
            return
        super().dataReceived(data)

    def headerReceived(self, line: bytes) -> bool:
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length of more digits than Python reads
            self._respondToBadRequestAndDisconnect()
            return False

    def requestDone(self, request: Any) -> None:
        self._since = None
        # A connection that is to end, or that is full, stays here.
        if self.answered is None or not self.persistent or self._waitingForTransport:
            super().requestDone(request)
            return
        self.requests.remove(request)
        # In the next turn: what follows the request may still be on its way into the buffer.
        reactor.callLater(0, self._give_away)

    def _give_away(self) -> None:
        if self.answered is not None:
            self.transport.unregisterProducer()
            self.transport.resumeProducing()
            self.answered(b"".join([*self._dataBuffer, self._buffer]))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.answered = None
        super().connectionLost(reason)


class JustChatSite(Site):
    """twisted.web's Site without its form parsing and access log, which cost more than a call."""

    _log = Logger()
    protocol = SiteChannel  # type: ignore[assignment]
    requestFactory = JustChatRequest

    def __init__(self, root: IResource, settings: Http, limits: Limits, addresses: Addresses) -> None:
        super().__init__(root, timeout=settings.idle_timeout, parsePOSTFormSubmission=False)
        self.settings = settings
        self.addresses = addresses
        self.body_limit = limits.body
        self.upload_limit = limits.image + FORM_OVERHEAD
        self.displayTracebacks = False

    def acceptableProtocols(self) -> list[bytes]:
        """What a client is told by ALPN. twisted's own names h2, too, where that is installed: we do not speak it."""
        return [b"http/1.1", b"http/1.0"]

    def log(self, request: Any) -> None:
        """No access log: a proxy keeps one where it is wanted."""
