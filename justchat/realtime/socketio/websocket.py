"""WebSocket as a transport: a packet per message, from the start or by upgrade (Engine.IO protocol 4, "WebSocket")."""

from typing import Any

from autobahn.websocket.types import ConnectionRequest
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from justchat.model.ids import Id
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedPacket
from justchat.realtime.socketio.packets import EngineType, Malformed, parse_packet
from justchat.realtime.socketio.polling import Polling
from justchat.realtime.socketio.session import EngineSession, EngineSessions
from justchat.realtime.websocket_base import BoundedWebSocket, BoundedWebSocketFactory

PROBED = EncodedPacket(b"3probe")
UPGRADE_TIMEOUT = 10.0
"""Seconds from the opening of a WebSocket to the end of the upgrade: the reference server's default, bounded by
``init_timeout``.
"""


class EngineWebSocket(BoundedWebSocket):
    """One WebSocket: the transport of a session, or the probe of an upgrade."""

    name = "websocket"
    factory: "EngineWebSocketFactory"
    _engine: EngineSession | None = None
    _upgrade_timer: IDelayedCall | None = None

    def user(self) -> Id | None:
        return None if self._engine is None else self._engine.user

    def onConnect(self, request: ConnectionRequest) -> str | None:
        # The resource has checked the request already.
        self._version = int(request.params["EIO"][0])
        self._sid = request.params.get("sid", [""])[0]
        connection_limiter = self.factory.engines.services.connection_limiter
        self._address = connection_limiter.address(
            self.transport.getPeer(), request.headers.get(connection_limiter.header)
        )
        return request.protocols[0] if request.protocols else None

    def onOpen(self) -> None:
        super().onOpen()
        engines = self.factory.engines
        if not self._sid:
            self._engine = engines.open(self._version, self, self._address)
            self._engine.open()
            return
        engine = engines.get(self._sid)
        if engine is None or engine.closed or engine.probe is not None or engine.transport.name != "polling":
            self.close(CloseCode.NORMAL, "no session to upgrade")
            return
        self._engine = engine
        timeout = min(UPGRADE_TIMEOUT, engines.settings.init_timeout)
        self._upgrade_timer = engines.reactor.callLater(timeout, self.close, CloseCode.NORMAL, "no upgrade in time")
        engine.probe = self

    def onFrameBegin(self) -> None:
        if self._engine is not None:
            self._engine.count_packet()
        super().onFrameBegin()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        engine = self._engine
        if engine is None:
            return
        try:
            packet = parse_packet(payload if isBinary else payload.decode(), engine.version)
        except Malformed:
            if engine.transport is self:
                engine.malformed()
            else:
                self.close(CloseCode.NORMAL, "not a probe")
            return
        if engine.transport is self:
            engine.receive(packet)
        elif not isinstance(engine.transport, Polling):
            self.close(CloseCode.NORMAL, "the session is over")
        elif packet.type == EngineType.PING and packet.text == "probe":
            self.send(PROBED)
            engine.transport.end_poll()
        elif packet.type == EngineType.UPGRADE and engine.probe is self:
            self._upgrade(engine)
        else:
            self.close(CloseCode.NORMAL, "not a probe")

    def _upgrade(self, engine: EngineSession) -> None:
        """Replace polling as the session's transport, and send what waited there."""
        self._stop_timer()
        before = engine.upgrade(self)
        assert isinstance(before, Polling)
        waiting = before.drain()
        before.end_poll()
        for packet in waiting:
            self.send(packet)
        if engine.closed:
            # It ended during the upgrade, when the client no longer polls.
            before.release()
            self.close(CloseCode.NORMAL, "closed during the upgrade")

    def send(self, packet: EncodedPacket) -> None:
        engine = self._engine
        if self.write_frames(packet.websocket) or engine is None:
            return
        if engine.closed:
            self.transport.write(packet.websocket)  # the reason for the end
        else:
            engine.too_slow(CloseCode.TOO_SLOW)

    def going_away(self) -> None:
        """See Transport. The closing handshake has a time-out."""

    def close(self, code: int, reason: str) -> None:
        self._stop_timer()
        self.begin_closing(code, reason)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._stop_timer()
        engine = self._engine
        if engine is None:
            return
        if engine.probe is self:
            engine.probe = None
        elif engine.transport is self:
            engine.close(CloseCode.NORMAL, "the connection is lost")
            self.factory.engines.gone(engine)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._engine = None  # breaks a reference cycle

    def _stop_timer(self) -> None:
        if self._upgrade_timer is not None and self._upgrade_timer.active():
            self._upgrade_timer.cancel()
        self._upgrade_timer = None


class EngineWebSocketFactory(BoundedWebSocketFactory):
    """Makes EngineWebSockets."""

    protocol = EngineWebSocket

    def __init__(self, engines: EngineSessions, reactor: Any) -> None:
        super().__init__(settings=engines.settings, services=engines.services, reactor=reactor)
        self.engines = engines
