"""WebSockets of either protocol: what may wait for a slow reader, how they are closed, what an idle one weighs."""

from email.utils import formatdate
from typing import Any, cast

import orjson
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.config.settings import Websocket
from justchat.interfaces.realtime import IWire
from justchat.limits.connection_limiter import RETRY_AFTER
from justchat.protocol.close_codes import CloseCode
from justchat.runtime.endpoints import end_sending

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to hear why it is closed."""
OPEN_TIMEOUT = 10
TOO_MANY_REQUESTS = ("Too Many Requests", "too-many-requests")


class _Wired:
    """Its field is beside the object itself, not in its dictionary, as in ``runtime/tcp.py``."""

    __slots__ = ("wire",)

    wire: IWire | None
    """The transport, while the socket is open and the transport is one that sends past its buffer."""


@implementer(IPushProducer)
class BoundedSocket(_Wired, WebSocketServerProtocol):  # type: ignore[misc]
    """A WebSocket that holds no more for its reader than ``send_buffer`` bytes."""

    factory: "BoundedSocketFactory"
    failedByMe: bool
    paused = False
    _waiting_bytes = 0
    _read: Deferred[None] | None = None

    def __init__(self) -> None:
        super().__init__()
        self.wire = None

    def onOpen(self) -> None:
        # Behind HTTP the channel was the transport's producer.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        if IWire.providedBy(self.transport):
            self.wire = self.transport
        # What the handshake leaves behind is of no more use, and weighs on every idle socket.
        self.http_request_data = self.http_response_data = b""
        self.http_headers: dict[str, str] = {}
        self.trafficStats = self.factory.traffic
        self.__dict__ = {**self.__dict__}  # what is left fits into less

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.wire = None
        self._go_on()
        # What leads back to it would keep it until a search for garbage, which holds the reactor the longer for that.
        self.is_open = self.is_closed = None

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        self.wire = None
        if isReply and self.remoteCloseCode is not None:
            code = self.remoteCloseCode  # echoed, as RFC 6455, section 5.5.1, has it
        super().sendCloseFrame(code, reasonUtf8, isReply)

    def write_in_turn(self, frames: bytes) -> bool:
        """Send frames with what else is written in this turn; False where the reader is too slow to have more wait."""
        if self.state != self.STATE_OPEN:
            return True
        if self.paused:
            self._waiting_bytes += len(frames)
            if self._waiting_bytes > self.factory.settings.send_buffer:
                return False
        self.transport.write(frames)
        return True

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        """Answer a handshake that is refused here, as every error of HTTP is answered (autobahn's has no body)."""
        refused = TOO_MANY_REQUESTS if code == 429 else ("Bad Request", "bad-request")
        status = code if code == 429 else 400
        body = orjson.dumps({"error": refused[0], "code": refused[1], "detail": reason})
        fields = [f"HTTP/1.1 {status} {refused[0]}", "Server: JustChat", f"Date: {formatdate(usegmt=True)}"]
        fields += ["Content-Type: application/json; charset=utf-8", f"Content-Length: {len(body)}"]
        fields += ["Connection: close", "Cache-Control: no-store"]
        if status == 429:
            fields.append(f"Retry-After: {RETRY_AFTER}")
        self.sendData("\r\n".join([*fields, "", ""]).encode() + body)

    def close(self, code: int, reason: str) -> None:
        """Close it, for a reason that its client is told. For subclasses, who have something to end."""
        self.hang_up(code, reason)

    def _fail_connection(self, code: int = CloseCode.PROTOCOL_ERROR, reason: str = "") -> None:
        """The client breaks the protocol: it is told so by a close frame (RFC 6455, section 7.1.7), and not heard any
        more. Autobahn drops the connection, or goes on to read what follows the breach.
        """
        if self.state == self.STATE_CLOSED or self.failedByMe:
            return
        self.failedByMe = True
        self.data = b""
        self.close(code, reason)
        # The client sees the end at once. Ours comes with its own, or after CLOSE_TIMEOUT: what it still sends is read,
        # as a reset would take the close frame from it.
        end_sending(self.transport)

    def consumeData(self) -> None:
        if self.failedByMe:
            self.data = b""
        else:
            super().consumeData()

    def hang_up(self, code: int, reason: str) -> None:
        """Begin the closing handshake."""
        # Not sendClose(), which refuses 1001.
        self.sendCloseFrame(code=code, reasonUtf8=reason.encode()[:123])

    def pauseProducing(self) -> None:
        # Called at every write while more than 64 KiB wait for the reader.
        if not self.paused:
            self.paused = True
            self._waiting_bytes = 0

    def resumeProducing(self) -> None:
        self.paused = False
        self._go_on()

    def full(self) -> Deferred[None] | None:
        """See IConnection."""
        if not self.paused or self.state != self.STATE_OPEN:
            return None
        self._read = Deferred()
        return self._read

    def _go_on(self) -> None:
        read, self._read = self._read, None
        if read is not None:
            read.callback(None)

    def stopProducing(self) -> None:
        """The connection is lost; connectionLost() tells."""


class BoundedSocketFactory(WebSocketServerFactory):  # type: ignore[misc]
    """Makes sockets of the subclass's ``protocol``; ``options`` are autobahn's, beside those of all."""

    protocol = BoundedSocket

    def __init__(self, *, settings: Websocket, largest_frame: int, reactor: Any, **options: float) -> None:
        super().__init__(server="JustChat", reactor=reactor)
        self.settings = settings
        self.traffic = TrafficStats()
        """What autobahn counts, of all connections together: one for each would weigh more than it tells."""
        self.setProtocolOptions(
            allowedOrigins=["*"],  # who looks at origins does so before: autobahn wants a port in every one
            allowNullOrigin=True,
            maxMessagePayloadSize=largest_frame,
            maxFramePayloadSize=largest_frame,
            openHandshakeTimeout=OPEN_TIMEOUT,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
            serveFlashSocketPolicy=False,
            webStatus=False,
            **options,
        )
        # Autobahn copies its options into every connection, and formats them for a log nobody reads. They are the same
        # for all: held by the class, they make a connection cheaper to open, and lighter.
        # Functions among them (what to make of an offered compression) must not become methods there.
        kind = self.protocol
        held = {name: getattr(self, name) for name in kind.CONFIG_ATTRS}
        held = {name: staticmethod(value) if callable(value) else value for name, value in held.items()}
        self.protocol = cast(type[BoundedSocket], type(kind.__name__, (kind,), {**held, "CONFIG_ATTRS": []}))
