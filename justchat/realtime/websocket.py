"""The WebSocket protocol: one JSON object a text frame, ``{"event": NAME, "data": {…}}``.

    > {"event": "init", "data": {"session_key": "…"}}
    < {"event": "ready", "data": {"error": null, "user": "<id>"}}

A client speaks only to bind itself; everything else it hears.
"""

from codecs import BOM_UTF8
from collections.abc import Callable
from math import ceil
from typing import Any

import orjson
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
from justchat.limits.connection_limiter import Pace
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent
from justchat.realtime.session_binding import Services, SessionBinding
from justchat.realtime.websocket_base import CLOSE_TIMEOUT, BoundedSocket, BoundedSocketFactory

CLOSE_OVER, CLOSE_PAUSE, CLOSE_AT_ONCE = 3.0, 0.01, 20
"""When the daemon goes down: seconds over which sockets are closed, seconds between batches, least size of a batch."""


@implementer(IConnection)
class Socket(BoundedSocket):
    """One raw WebSocket, seen by the registry as an IConnection."""

    _logger = Logger()  # autobahn claims .log

    factory: "SocketFactory"
    session: Session | None = None
    _binding: SessionBinding | None = None
    _init_timer: IDelayedCall | None = None
    _address: str | None = None
    _pace: Pace

    def onConnect(self, request: ConnectionRequest) -> str | None:
        connection_limiter = self.factory.services.connection_limiter
        self._address = connection_limiter.address(
            self.transport.getPeer(), request.headers.get(connection_limiter.header)
        )
        if connection_limiter.is_full(self._address):
            raise ConnectionDeny(429, "Too Many Requests")
        # A page that offers subprotocols hangs up unless one is taken (the WebSocket standard of WHATWG).
        return request.protocols[0] if request.protocols else None

    def onOpen(self) -> None:
        self.factory.sockets.add(self)
        self.factory.services.connection_limiter.enter(self._address)
        self._pace = Pace()
        self._binding = SessionBinding(self, self.factory.services)
        self._init_timer = self.factory.reactor.callLater(self.factory.settings.init_timeout, self._no_init)
        super().onOpen()

    def onFrameBegin(self) -> None:
        # Pings and parts of messages, too.
        if not self.factory.services.connection_limiter.keeps(self._pace):
            self.close(CloseCode.TOO_MANY, "too many frames in a minute")
        super().onFrameBegin()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        data = None if isBinary else init_data(payload)
        if data is None:
            self.close(CloseCode.MALFORMED, 'the one frame we know is {"event": "init", "data": {"session_key": "…"}}')
        else:
            assert self._binding is not None
            self._binding.receive(data)

    def _no_init(self) -> None:
        self._init_timer = None
        if self.session is None:
            self.close(CloseCode.NO_INIT, "no init in time")

    def _stop_timer(self) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None

    def send(self, frame: EncodedEvent) -> None:
        if not self.write_in_turn(frame.websocket):
            self._too_slow()

    def send_batch(self, burst: EncodedBatch) -> None:
        if not self.write_in_turn(burst.websocket):
            self._too_slow()

    def _too_slow(self) -> None:
        self._logger.info("a reader too slow to keep up is disconnected")
        self.close(CloseCode.TOO_SLOW, "too slow a reader")

    def close(self, code: int, reason: str) -> None:
        self._leave()
        self.hang_up(code, reason)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._leave()
        if self in self.factory.sockets:
            self.factory.services.connection_limiter.leave(self._address)
        self.factory.gone(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._binding = None  # it leads back here

    def _leave(self) -> None:
        """Hear nothing more."""
        self._stop_timer()
        if self._binding is not None:
            self._binding.leave()


class SocketFactory(BoundedSocketFactory):
    """Makes Sockets, for the socket's own port and for ``/ws``."""

    protocol = Socket

    def __init__(
        self,
        *,
        settings: Websocket,
        services: Services,
        reactor: Any,
    ) -> None:
        super().__init__(
            settings=settings,
            largest_frame=services.connection_limiter.largest_frame,
            reactor=reactor,
            autoPingInterval=settings.ping_interval,
            autoPingTimeout=settings.ping_timeout,
        )
        self.services = services
        self.sockets: set[Socket] = set()
        self._all_gone: Callable[[], None] | None = None

    def gone(self, socket: Socket) -> None:
        self.sockets.discard(socket)
        if not self.sockets and self._all_gone is not None:
            self._all_gone()

    async def close_all(self) -> None:
        """The daemon goes down: close every socket 1001; returns when they are gone, or have had their time."""
        if not self.sockets:
            return
        gone: Deferred[None] = Deferred()
        self._all_gone = lambda: None if gone.called else gone.callback(None)
        gone.addTimeout(CLOSE_OVER + CLOSE_TIMEOUT, self.reactor, lambda *_: None)
        sockets = list(self.sockets)
        batch = max(CLOSE_AT_ONCE, ceil(len(sockets) * CLOSE_PAUSE / CLOSE_OVER))
        while sockets:
            # Taken out of the list: were all of them let go at its end, it would take 4 microseconds each.
            for socket in [sockets.pop() for _ in range(min(batch, len(sockets)))]:
                if socket in self.sockets:
                    socket.close(CloseCode.GOING_DOWN, "the daemon goes down")
            if sockets:  # so that those who come back do not all come at once
                await deferLater(self.reactor, CLOSE_PAUSE)
        await gone


def init_data(payload: bytes) -> object:
    """The data of an ``init`` frame; None for any other frame."""
    try:
        frame = orjson.loads(payload.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError:
        return None
    match frame:
        case {"event": "init", "data": data}:
            return data
        case _:
            return None
