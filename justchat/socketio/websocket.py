"""WebSocket as a transport: one packet to a frame, from the start or by upgrade (Engine.IO protocol 4, "WebSocket")."""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionRequest
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from zope.interface import implementer

from justchat.binding import TOO_SLOW
from justchat.events import Packet
from justchat.socketio.connection import GONE
from justchat.socketio.engine import CLOSE_TIMEOUT, Engine, Engines
from justchat.socketio.packets import PING, UPGRADE, Malformed, packet_of
from justchat.socketio.polling import Polling

PROBED = Packet(b"3probe")
UPGRADE_TIMEOUT = 10.0
"""Seconds from the opening of a WebSocket to the end of the upgrade, as the reference server has it."""


@implementer(IPushProducer)
class EngineSocket(WebSocketServerProtocol):  # type: ignore[misc]
    """One WebSocket, the transport of a session or on trial."""

    name = "websocket"
    factory: "EngineSocketFactory"
    _engine: Engine | None = None
    _paused = False
    _waiting_bytes = 0
    _trial: IDelayedCall | None = None

    def onConnect(self, request: ConnectionRequest) -> str | None:
        # The resource has looked at the request before it came here.
        self._version = int(request.params["EIO"][0])
        self._sid = request.params.get("sid", [""])[0]
        door = self.factory.engines.services.door
        self._address = door.address(self.transport.getPeer(), request.headers.get(door.header))
        return request.protocols[0] if request.protocols else None

    def onOpen(self) -> None:
        self.transport.unregisterProducer()  # behind HTTP the channel was the transport's producer
        self.transport.registerProducer(self, True)
        self.http_request_data = self.http_response_data = b""
        self.http_headers: dict[str, str] = {}
        engines = self.factory.engines
        if not self._sid:
            self._engine = engines.open(self._version, self, self._address)
            self._engine.open()
            return
        engine = engines.get(self._sid)
        if engine is None or engine.closed or engine.probe is not None or engine.transport.name != "polling":
            self.close(GONE, "there is nothing to upgrade")
            return
        self._engine = engine
        self._trial = engines.reactor.callLater(UPGRADE_TIMEOUT, self.close, GONE, "no upgrade in time")
        engine.probe = self

    def onFrameBegin(self) -> None:
        if self._engine is not None:
            self._engine.keeps_pace()
        super().onFrameBegin()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        engine = self._engine
        if engine is None:
            return
        try:
            if isBinary:
                raise Malformed("binary packets are not spoken here")
            packet = packet_of(payload.decode())
        except Malformed:
            if engine.transport is self:
                engine.malformed()
            else:
                self.close(GONE, "no probe")
            return
        if engine.transport is self:
            engine.receive(packet)
        elif packet.type == PING and packet.text == "probe":
            self.send(PROBED)
            assert isinstance(engine.transport, Polling)
            engine.transport.release()
        elif packet.type == UPGRADE and engine.probe is self:
            self._upgrade(engine)
        else:
            self.close(GONE, "no probe")

    def _upgrade(self, engine: Engine) -> None:
        """Take over from polling, with what waited there."""
        self._stop_trial()
        before = engine.upgrade(self)
        assert isinstance(before, Polling)
        waiting = before.drain()
        before.release()
        for packet in waiting:
            self.send(packet)
        if engine.closed:
            # It ended while the client was changing over, and listened to no poll.
            before.forget()
            self.close(GONE, "closed during the upgrade")

    def send(self, packet: Packet) -> None:
        if self.state != self.STATE_OPEN:
            return
        if self._paused:
            self._waiting_bytes += len(packet.websocket)
            engine = self._engine
            if self._waiting_bytes > self.factory.engines.settings.send_buffer and engine and not engine.closed:
                engine.too_slow(TOO_SLOW)
                return
        self.transport.write(packet.websocket)

    def close(self, code: int, reason: str) -> None:
        self._stop_trial()
        # Not sendClose(), which refuses 1001.
        self.sendCloseFrame(code=code, reasonUtf8=reason.encode()[:123])

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._stop_trial()
        engine = self._engine
        if engine is None:
            return
        if engine.probe is self:
            engine.probe = None
        elif engine.transport is self:
            engine.close(GONE, "the connection is lost")
            self.factory.engines.gone(engine)

    def _stop_trial(self) -> None:
        if self._trial is not None and self._trial.active():
            self._trial.cancel()
        self._trial = None

    def pauseProducing(self) -> None:
        # Called at every write while more than 64 KiB wait for the reader.
        if not self._paused:
            self._paused = True
            self._waiting_bytes = 0

    def resumeProducing(self) -> None:
        self._paused = False

    def stopProducing(self) -> None:
        """The connection is lost; connectionLost() tells."""


class EngineSocketFactory(WebSocketServerFactory):  # type: ignore[misc]
    """Makes EngineSockets."""

    protocol = EngineSocket

    def __init__(self, engines: Engines, reactor: Any) -> None:
        super().__init__(server="JustChat", reactor=reactor)
        self.engines = engines
        self.setProtocolOptions(
            allowedOrigins=["*"],  # the resource has looked at the origin
            allowNullOrigin=True,
            maxMessagePayloadSize=engines.services.door.largest_frame,
            maxFramePayloadSize=engines.services.door.largest_frame,
            openHandshakeTimeout=10,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
            serveFlashSocketPolicy=False,
            webStatus=False,
        )
