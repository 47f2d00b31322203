"""The base of both kinds of WebSocket: the bound on unread bytes, closing, and little memory for idle ones."""

from email.utils import formatdate
from typing import Any, cast

import orjson
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.config.settings import Websocket
from justchat.interfaces.realtime import ISocketAccess, IWire
from justchat.limits.connection_limiter import RETRY_AFTER
from justchat.model.ids import Id
from justchat.protocol.close_codes import ABNORMAL, CloseCode
from justchat.realtime.session_binding import BindingServices
from justchat.runtime.endpoints import end_sending

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to answer a close frame."""
OPEN_TIMEOUT = 10
"""Seconds that a client has to finish the opening handshake."""
TOO_MANY_REQUESTS = ("Too Many Requests", "too-many-requests")


class _WireSlot:
    """Keeps ``wire`` in a slot of the object, not in its dictionary, as ``runtime/tcp.py`` does: access is faster."""

    __slots__ = ("wire",)

    wire: IWire | None
    """The transport, while the socket is open, if the transport can send past its buffer."""


class _OurFaults(Logger):
    """Autobahn's log without what single clients do, as often as they like: bad handshakes, pongs that nobody asked
    for, connections that end without a close frame.
    """

    def trace(self, format: str | None = None, **values: object) -> None:
        """Not logged; nor are the levels up to ``warn``."""

    debug = info = warn = trace


@implementer(IPushProducer)
class BoundedWebSocket(_WireSlot, WebSocketServerProtocol):  # type: ignore[misc]
    """A WebSocket that buffers at most ``send_buffer`` bytes for its reader."""

    factory: "BoundedWebSocketFactory"
    log = _OurFaults("autobahn")
    failedByMe: bool
    paused = False
    _waiting_bytes = 0
    _opened: tuple[float, str, str | None] | None = None
    """For the access log: when the socket was opened, its path, and the client's address."""
    _caught_up: Deferred[None] | None = None
    """Done when a reader that fell behind has caught up, or has left."""

    def __init__(self) -> None:
        super().__init__()
        self.wire = None

    def onOpen(self) -> None:
        # On the HTTP port the HTTP channel was the transport's producer.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        if IWire.providedBy(self.transport):
            self.wire = self.transport
        access = self.factory.access
        if access is not None:
            self._opened = (self.factory.reactor.seconds(), self.http_request_path, self._access_address(access))
        # The leftovers of the handshake are of no more use, and take memory for every idle socket.
        self.http_request_data = self.http_response_data = b""
        self.http_headers: dict[str, str] = {}
        self.trafficStats = self.factory.traffic
        self.__dict__ = {**self.__dict__}  # a copy takes less memory than the dictionary that has grown

    def user(self) -> Id | None:
        """Whose session the socket is bound to. Subclasses that are bound to one override this."""
        return None

    def _access_address(self, access: ISocketAccess) -> str | None:
        return access.address(self.transport.getPeer(), self.http_headers.get(self.factory.proxy_header))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        access, user = self.factory.access, self.user()
        super().connectionLost(reason)
        if access is not None and self._opened is not None:
            opened, path, address = self._opened
            code = self.localCloseCode or self.remoteCloseCode or ABNORMAL
            access.closed(path, code, self.factory.reactor.seconds() - opened, address, user)
        self.wire = None
        self._end_wait()
        # A reference cycle would keep the object until a garbage collection, and make that hold the reactor for longer.
        self.is_open = self.is_closed = None

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        self.wire = None
        if isReply and self.remoteCloseCode is not None:
            code = self.remoteCloseCode  # echoed, as RFC 6455, section 5.5.1, has it
        super().sendCloseFrame(code, reasonUtf8, isReply)

    def write_frames(self, frames: bytes) -> bool:
        """Send frames with everything else that is written in this reactor turn; False if the reader is too slow."""
        if self.state != self.STATE_OPEN:
            return True
        if self.paused:
            self._waiting_bytes += len(frames)
            if self._waiting_bytes > self.factory.settings.send_buffer:
                return False
        self.transport.write(frames)
        return True

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        """Refuse a handshake with the body that every HTTP error has. Autobahn's own answer has none."""
        refused = TOO_MANY_REQUESTS if code == 429 else ("Bad Request", "bad-request")
        status = code if code == 429 else 400
        body = orjson.dumps({"error": refused[0], "code": refused[1], "detail": reason})
        fields = [f"HTTP/1.1 {status} {refused[0]}", "Server: JustChat", f"Date: {formatdate(usegmt=True)}"]
        fields += ["Content-Type: application/json; charset=utf-8", f"Content-Length: {len(body)}"]
        fields += ["Connection: close", "Cache-Control: no-store"]
        if status == 429:
            fields.append(f"Retry-After: {RETRY_AFTER}")
        self.sendData("\r\n".join([*fields, "", ""]).encode() + body)
        access = self.factory.access
        if access is not None:
            access.refused(getattr(self, "http_request_path", ""), status, self._access_address(access))

    def close(self, code: int, reason: str) -> None:
        """Close the socket, and send the reason. Subclasses that have more to end override this."""
        self.begin_closing(code, reason)

    def _fail_connection(self, code: int = CloseCode.PROTOCOL_ERROR, reason: str = "") -> None:
        """The client breaks the protocol: send a close frame (RFC 6455, section 7.1.7), and ignore what it still sends.

        Autobahn drops the connection without one, or goes on to read what follows the breach.
        """
        if self.state == self.STATE_CLOSED or self.failedByMe:
            return
        self.failedByMe = True
        self.data = b""
        self.close(code, reason)
        # Half-close: the client sees the end of the stream at once. The rest closes when the client closes, or after
        # CLOSE_TIMEOUT. Until then what it sends is read, since a reset would discard the close frame.
        end_sending(self.transport)

    def consumeData(self) -> None:
        if self.failedByMe:
            self.data = b""
        else:
            super().consumeData()

    def begin_closing(self, code: int, reason: str) -> None:
        """Begin the closing handshake."""
        # Not sendClose(), which refuses GOING_AWAY.
        self.sendCloseFrame(code=code, reasonUtf8=reason.encode()[:123])

    def pauseProducing(self) -> None:
        # Twisted calls this at every write while more than 64 KiB wait for the reader.
        if not self.paused:
            self.paused = True
            self._waiting_bytes = 0

    def resumeProducing(self) -> None:
        self.paused = False
        self._end_wait()

    def full(self) -> Deferred[None] | None:
        """See IConnection."""
        if not self.paused or self.state != self.STATE_OPEN:
            return None
        self._caught_up = Deferred()
        return self._caught_up

    def _end_wait(self) -> None:
        caught_up, self._caught_up = self._caught_up, None
        if caught_up is not None:
            caught_up.callback(None)

    def stopProducing(self) -> None:
        """Required by IPushProducer; connectionLost() does the work."""


class BoundedWebSocketFactory(WebSocketServerFactory):  # type: ignore[misc]
    """Makes sockets of the subclass's ``protocol``. ``options`` are autobahn's, besides those that all have."""

    protocol = BoundedWebSocket

    def __init__(self, *, settings: Websocket, services: BindingServices, reactor: Any, **options: float) -> None:
        super().__init__(server="JustChat", reactor=reactor)
        self.settings = settings
        self.access: ISocketAccess | None = services.access
        self.proxy_header = services.connection_limiter.header
        self.traffic = TrafficStats()
        """Autobahn's counters, shared by all connections: nobody reads them, and each takes memory."""
        self.setProtocolOptions(
            allowedOrigins=["*"],  # protocol.handshake has checked the origin: autobahn wants a port in every one
            allowNullOrigin=True,
            maxMessagePayloadSize=services.connection_limiter.largest_frame,
            maxFramePayloadSize=services.connection_limiter.largest_frame,
            openHandshakeTimeout=OPEN_TIMEOUT,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
            serveFlashSocketPolicy=False,
            webStatus=False,
            **options,
        )
        # Autobahn copies its options into every connection, and formats them for a log that nobody reads. They are the
        # same for all, so a subclass holds them: connections open faster and take less memory.
        # Functions among the options (which accept an offered compression) must not become methods of that class.
        base = self.protocol
        held = {name: getattr(self, name) for name in base.CONFIG_ATTRS}
        held = {name: staticmethod(value) if callable(value) else value for name, value in held.items()}
        self.protocol = cast(type[BoundedWebSocket], type(base.__name__, (base,), {**held, "CONFIG_ATTRS": []}))
