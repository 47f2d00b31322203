"""``/socket.io/``: looks at a request as the reference server does, and hands it to its transport.

A wrong one is answered ``{"code": n, "message": "…"}``, with the reference server's numbers and words.
"""

from collections.abc import Callable
from typing import Any

import orjson
from autobahn.twisted.resource import WebSocketResource
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from justchat.errors import ApiError
from justchat.limits.connection_limiter import RETRY_AFTER
from justchat.protocol.handshake import judge_handshake
from justchat.realtime.socketio.polling import Polling
from justchat.realtime.socketio.session import EngineSessions
from justchat.realtime.socketio.websocket import EngineSocketFactory

UNKNOWN_TRANSPORT = (400, 0, "Transport unknown")
UNKNOWN_SID = (400, 1, "Session ID unknown")
BAD_METHOD = (400, 2, "Bad handshake method")
BAD_REQUEST = (400, 3, "Bad request")
FORBIDDEN = (403, 4, "Forbidden")
BAD_VERSION = (400, 5, "Unsupported protocol version")
TOO_MANY = (429, 3, "Too many connections from this address")


class SocketIo(Resource):
    """The resource of both transports."""

    isLeaf = True

    def __init__(self, engines: EngineSessions, allows_origin: Callable[[str | None], bool]) -> None:
        super().__init__()
        self._engines = engines
        self._allows_origin = allows_origin
        self._websocket = WebSocketResource(EngineSocketFactory(engines, engines.reactor))

    def render(self, request: Any) -> Any:
        version, transport, sid = (_first(request, name) for name in (b"EIO", b"transport", b"sid"))
        engine = self._engines.get(sid) if sid else None
        origin = request.getHeader(b"origin")
        upgrade = (request.getHeader(b"upgrade") or b"").lower() == b"websocket"
        if transport not in ("polling", "websocket"):
            return _refuse(request, UNKNOWN_TRANSPORT)
        if origin is not None and not self._allows_origin(origin.decode("latin-1")):
            return _refuse(request, FORBIDDEN)
        if sid and engine is None:
            return _refuse(request, UNKNOWN_SID)
        if version not in ("3", "4"):
            return _refuse(request, BAD_VERSION)
        if (transport == "websocket") != upgrade or (engine is not None and engine.version != int(version)):
            return _refuse(request, BAD_REQUEST)
        if engine is None and request.method != b"GET":
            return _refuse(request, BAD_METHOD)
        if engine is None and self._engines.closing:
            return _refuse(request, (503, 3, "the daemon goes down"))
        address = self._address(request)
        if engine is None and self._engines.services.connection_limiter.is_full(address):
            request.setHeader(b"Retry-After", b"%d" % RETRY_AFTER)
            return _refuse(request, TOO_MANY)
        if upgrade:
            try:
                judge_handshake(request, self._allows_origin)
            except ApiError:
                return _refuse(request, BAD_REQUEST)
            return self._websocket.render(request)
        if engine is None:
            jsonp = _first(request, b"j") if b"j" in request.args else None
            Polling(self._engines, int(version), address, jsonp).open(request)
        else:
            self._poll(request, engine.transport)
        return NOT_DONE_YET

    def _address(self, request: Any) -> str | None:
        connection_limiter = self._engines.services.connection_limiter
        forwarded = request.requestHeaders.getRawHeaders(connection_limiter.header)
        return connection_limiter.address(request.getClientAddress(), ",".join(forwarded) if forwarded else None)

    def _poll(self, request: Any, transport: object) -> None:
        if not isinstance(transport, Polling) or request.method not in (b"GET", b"POST"):
            request.write(_refuse(request, BAD_REQUEST))
            request.finish()
        elif request.method == b"GET":
            transport.poll(request)
        else:
            transport.data(request)


def _first(request: Any, name: bytes) -> str:
    values: list[bytes] = request.args.get(name, [b""])
    return values[0].decode("latin-1")


def _refuse(request: Any, refusal: tuple[int, int, str]) -> bytes:
    status, code, message = refusal
    body = orjson.dumps({"code": code, "message": message})
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body
