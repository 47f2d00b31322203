"""The raw WebSocket protocol: each text message is one JSON object, ``{"event": NAME, "data": {…}}``.

    > {"event": "init", "data": {"session_key": "…"}}
    < {"event": "ready", "data": {"error": null, "user": "<id>"}}

A client sends ``init`` and nothing else. Everything else is events for it.
"""

from collections.abc import Callable
from math import ceil
from typing import Any

from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.config.settings import Websocket
from justchat.interfaces.realtime import IConnection
from justchat.limits.connection_limiter import FrameCount
from justchat.metrics.declarations import SOCKETS_CLOSED, SOCKETS_OPENED
from justchat.model.ids import Id
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode, code_of_metrics
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent
from justchat.protocol.init import init_data
from justchat.realtime.session_binding import BindingServices, SessionBinding
from justchat.realtime.websocket_base import CLOSE_TIMEOUT, BoundedWebSocket, BoundedWebSocketFactory

CLOSE_OVER, CLOSE_PAUSE, CLOSE_AT_ONCE = 3.0, 0.01, 20
"""When the daemon stops: seconds over which sockets are closed, seconds between batches, least size of a batch."""


@implementer(IConnection)
class RawWebSocket(BoundedWebSocket):
    """One raw WebSocket, which the registry sees as an IConnection."""

    _logger = Logger()  # autobahn uses the name .log

    factory: "RawWebSocketFactory"
    session: Session | None = None
    last_user: Id | None = None
    awaits_position = False
    _binding: SessionBinding | None = None
    _init_timer: IDelayedCall | None = None
    _address: str | None = None
    _frame_count: FrameCount

    def user(self) -> Id | None:
        return self.last_user

    def onConnect(self, request: ConnectionRequest) -> str | None:
        connection_limiter = self.factory.services.connection_limiter
        self._address = connection_limiter.address(
            self.transport.getPeer(), request.headers.get(connection_limiter.header)
        )
        if connection_limiter.is_full(self._address):
            raise ConnectionDeny(429, "Too Many Requests")
        # A browser that offers subprotocols fails the connection unless one is accepted (the WebSocket standard of
        # WHATWG).
        return request.protocols[0] if request.protocols else None

    def onOpen(self) -> None:
        self.factory.sockets.add(self)
        SOCKETS_OPENED.count("websocket")
        self.factory.services.connection_limiter.add(self._address)
        self._frame_count = FrameCount()
        self._binding = SessionBinding(self, self.factory.services)
        self._init_timer = self.factory.reactor.callLater(self.factory.settings.init_timeout, self._no_init)
        super().onOpen()

    def onFrameBegin(self) -> None:
        # Pings and fragments of messages count, too.
        if not self.factory.services.connection_limiter.allows_frame(self._frame_count):
            self.close(CloseCode.TOO_MANY, "too many frames in a minute")
        super().onFrameBegin()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        data = None if isBinary else init_data(payload)
        if data is None:
            self.close(CloseCode.MALFORMED, 'the only message is {"event": "init", "data": {"session_key": "…"}}')
        else:
            assert self._binding is not None
            self._binding.receive(data)

    def _no_init(self) -> None:
        self._init_timer = None
        if self.session is None:
            self.close(CloseCode.INIT_TIMEOUT, "no init in time")

    def _stop_timer(self) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None

    def send(self, event: EncodedEvent) -> None:
        if not self.write_frames(event.websocket):
            self._too_slow()

    def send_batch(self, batch: EncodedBatch) -> None:
        if not self.write_frames(batch.websocket):
            self._too_slow()

    def _too_slow(self) -> None:
        self._logger.info("a connection is closed: its reader is too slow")
        self.close(CloseCode.TOO_SLOW, "the reader is too slow")

    def close(self, code: int, reason: str) -> None:
        self._unbind()
        self.begin_closing(code, reason)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._unbind()
        if self in self.factory.sockets:
            SOCKETS_CLOSED.count("websocket", code_of_metrics(self.localCloseCode or code))
            self.factory.services.connection_limiter.remove(self._address)
        self.factory.gone(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._binding = None  # breaks a reference cycle

    def _unbind(self) -> None:
        """Receive no more events."""
        self._stop_timer()
        if self._binding is not None:
            self._binding.stop()


class RawWebSocketFactory(BoundedWebSocketFactory):
    """Makes RawWebSockets, for the sockets' own port and for ``/ws``."""

    protocol = RawWebSocket

    def __init__(self, *, settings: Websocket, services: BindingServices, reactor: Any) -> None:
        super().__init__(
            settings=settings,
            services=services,
            reactor=reactor,
            # Autobahn's timer cuts these to whole seconds of the clock, so that a second may be none at all.
            autoPingInterval=settings.ping_interval + 1,
            autoPingTimeout=settings.ping_timeout + 1,
        )
        self.services = services
        self.sockets: set[RawWebSocket] = set()
        self._all_gone: Callable[[], None] | None = None

    def gone(self, socket: RawWebSocket) -> None:
        """Forget a socket whose connection is lost."""
        self.sockets.discard(socket)
        if not self.sockets and self._all_gone is not None:
            self._all_gone()

    async def close_all(self) -> None:
        """The daemon stops: close every socket (GOING_AWAY); return when all are gone, or their time is up."""
        if not self.sockets:
            return
        gone: Deferred[None] = Deferred()
        self._all_gone = lambda: None if gone.called else gone.callback(None)
        gone.addTimeout(CLOSE_OVER + CLOSE_TIMEOUT, self.reactor, lambda *_: None)
        sockets = list(self.sockets)
        batch = max(CLOSE_AT_ONCE, ceil(len(sockets) * CLOSE_PAUSE / CLOSE_OVER))
        while sockets:
            # Popped, so that each socket is freed in its batch: to free all at the end would take 4 microseconds each.
            for socket in [sockets.pop() for _ in range(min(batch, len(sockets)))]:
                if socket in self.sockets:
                    socket.close(CloseCode.GOING_AWAY, "the daemon is stopping")
            if sockets:  # the clients, who come back, are spread over time
                await deferLater(self.reactor, CLOSE_PAUSE)
        await gone
