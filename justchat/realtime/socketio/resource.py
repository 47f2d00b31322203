"""``/socket.io/``: checks a request as the reference server does, and passes it to its transport.

A wrong request is answered ``{"code": n, "message": "…"}``, with the numbers and messages of the reference server.
"""

from collections.abc import Callable
from typing import Any

import orjson
from autobahn.twisted.resource import WebSocketResource
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from justchat.errors import ApiError, TooManyRequests
from justchat.limits.connection_limiter import RETRY_AFTER
from justchat.protocol.handshake import asks_for_websocket, check_handshake
from justchat.realtime.socketio.polling import Polling
from justchat.realtime.socketio.session import EngineSession, EngineSessions
from justchat.realtime.socketio.websocket import EngineWebSocketFactory

PassOn = Callable[[Any, int, Callable[[Any], None]], None]
"""Passes the connection of a request on to the worker with this number, or calls a function with the request."""
Refusal = tuple[int, int, str]
"""HTTP status, and the ``code`` and ``message`` of the body."""
UNKNOWN_TRANSPORT = (400, 0, "Transport unknown")
UNKNOWN_SID = (400, 1, "Session ID unknown")
BAD_METHOD = (400, 2, "Bad handshake method")
BAD_REQUEST = (400, 3, "Bad request")
FORBIDDEN = (403, 4, "Forbidden")
BAD_VERSION = (400, 5, "Unsupported protocol version")
TOO_MANY = (429, 3, "Too many connections from this address")
TOO_FAST = (429, 3, "Too many requests from this address")
STOPPING = (503, 3, "the daemon is stopping")


class SocketIoResource(Resource):
    """The resource that serves both transports."""

    isLeaf = True

    def __init__(
        self,
        engines: EngineSessions,
        allows_origin: Callable[[str | None], bool],
        pass_on: PassOn | None = None,
    ) -> None:
        """``pass_on`` is None where no other worker serves the port."""
        super().__init__()
        self._pass_on = pass_on
        self._engines = engines
        self._allows_origin = allows_origin
        self._websocket = WebSocketResource(EngineWebSocketFactory(engines, engines.reactor))

    def render(self, request: Any) -> Any:
        sid = _first(request, b"sid")
        engine = self._engines.get(sid) if sid else None
        worker = self._engines.ids.other_worker(sid) if sid else None
        if worker is not None and self._pass_on is not None:
            self._pass_on(request, worker, _not_passed)
            return NOT_DONE_YET
        refusal = self._check_query(request, sid, engine)
        if refusal is None and engine is None:
            refusal = self._check_first(request)
        if refusal is not None or engine is None or asks_for_websocket(request):
            # A session that polls is not counted: a large room has it poll often.
            refusal = _count(request) or refusal
        if refusal is not None:
            return _refuse(request, refusal)
        if asks_for_websocket(request):
            try:
                check_handshake(request, self._allows_origin)
            except ApiError:
                return _refuse(request, BAD_REQUEST)
            return self._websocket.render(request)
        if engine is None:
            jsonp = _first(request, b"j") if b"j" in request.args else None
            Polling(self._engines, int(_first(request, b"EIO")), self._address(request), jsonp).open(request)
        else:
            assert isinstance(engine.transport, Polling)
            (engine.transport.poll if request.method == b"GET" else engine.transport.data)(request)
        return NOT_DONE_YET

    def _check_query(self, request: Any, sid: str, engine: EngineSession | None) -> Refusal | None:
        """Why a request is refused; None if its query is right. ``engine`` is the session with this ``sid``."""
        version, transport = _first(request, b"EIO"), _first(request, b"transport")
        origin = request.getHeader(b"origin")
        if transport not in ("polling", "websocket"):
            return UNKNOWN_TRANSPORT
        if origin is not None and not self._allows_origin(origin.decode("latin-1")):
            return FORBIDDEN
        if sid and engine is None:
            return UNKNOWN_SID
        if version not in ("3", "4"):
            return BAD_VERSION
        if (transport == "websocket") != asks_for_websocket(request):
            return BAD_REQUEST
        if engine is not None and engine.version != int(version):
            return BAD_REQUEST
        if engine is not None and transport == "polling":
            polls = isinstance(engine.transport, Polling) and request.method in (b"GET", b"POST")
            return None if polls else BAD_REQUEST
        return None

    def _check_first(self, request: Any) -> Refusal | None:
        """Why no session begins with this request; None if one does."""
        if request.method != b"GET":
            return BAD_METHOD
        if self._engines.closing:
            return STOPPING
        if self._engines.services.connection_limiter.is_full(self._address(request)):
            request.setHeader(b"Retry-After", b"%d" % RETRY_AFTER)
            return TOO_MANY
        return None

    def _address(self, request: Any) -> str | None:
        connection_limiter = self._engines.services.connection_limiter
        forwarded = request.requestHeaders.getRawHeaders(connection_limiter.header)
        return connection_limiter.address(request.getClientAddress(), ",".join(forwarded) if forwarded else None)


def _count(request: Any) -> Refusal | None:
    """Count a request among those of its address that are no calls; a refusal if it is one too many."""
    try:
        request.channel.hit(request)
    except TooManyRequests as error:
        request.setHeader(b"Retry-After", b"%d" % error.after)
        return TOO_FAST
    return None


def _first(request: Any, name: bytes) -> str:
    values: list[bytes] = request.args.get(name, [b""])
    return values[0].decode("latin-1")


def _refuse(request: Any, refusal: Refusal) -> bytes:
    status, code, message = refusal
    body = orjson.dumps({"code": code, "message": message})
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body


def _refuse_later(request: Any, refusal: Refusal) -> None:
    request.write(_refuse(request, refusal))
    request.finish()


def _not_passed(request: Any) -> None:
    """The session cannot be reached: its client begins another one."""
    _refuse_later(request, UNKNOWN_SID)
