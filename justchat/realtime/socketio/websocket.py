"""WebSocket as a transport: one packet to a frame, from the start or by upgrade (Engine.IO protocol 4, "WebSocket")."""

from typing import Any

from autobahn.websocket.types import ConnectionRequest
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import Packet
from justchat.realtime.socketio.packets import PING, UPGRADE, Malformed, packet_of
from justchat.realtime.socketio.polling import Polling
from justchat.realtime.socketio.session import EngineSession, EngineSessions
from justchat.realtime.websocket_base import BoundedSocket, BoundedSocketFactory

PROBED = Packet(b"3probe")
UPGRADE_TIMEOUT = 10.0
"""Seconds from the opening of a WebSocket to the end of the upgrade, as the reference server has it; no more than for
``init``."""


class EngineSocket(BoundedSocket):
    """One WebSocket, the transport of a session or on trial."""

    name = "websocket"
    factory: "EngineSocketFactory"
    _engine: EngineSession | None = None
    _trial: IDelayedCall | None = None

    def onConnect(self, request: ConnectionRequest) -> str | None:
        # The resource has looked at the request before it came here.
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
            self.close(CloseCode.GONE, "there is nothing to upgrade")
            return
        self._engine = engine
        patience = min(UPGRADE_TIMEOUT, engines.settings.init_timeout)
        self._trial = engines.reactor.callLater(patience, self.close, CloseCode.GONE, "no upgrade in time")
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
            packet = packet_of(payload if isBinary else payload.decode(), engine.version)
        except Malformed:
            if engine.transport is self:
                engine.malformed()
            else:
                self.close(CloseCode.GONE, "no probe")
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
            self.close(CloseCode.GONE, "no probe")

    def _upgrade(self, engine: EngineSession) -> None:
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
            self.close(CloseCode.GONE, "closed during the upgrade")

    def send(self, packet: Packet) -> None:
        engine = self._engine
        if self.write_in_turn(packet.websocket) or engine is None:
            return
        if engine.closed:
            self.transport.write(packet.websocket)  # why it is
        else:
            engine.too_slow(CloseCode.TOO_SLOW)

    def close(self, code: int, reason: str) -> None:
        self._stop_trial()
        self.hang_up(code, reason)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._stop_trial()
        engine = self._engine
        if engine is None:
            return
        if engine.probe is self:
            engine.probe = None
        elif engine.transport is self:
            engine.close(CloseCode.GONE, "the connection is lost")
            self.factory.engines.gone(engine)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._engine = None  # it leads back here

    def _stop_trial(self) -> None:
        if self._trial is not None and self._trial.active():
            self._trial.cancel()
        self._trial = None


class EngineSocketFactory(BoundedSocketFactory):
    """Makes EngineSockets."""

    protocol = EngineSocket

    def __init__(self, engines: EngineSessions, reactor: Any) -> None:
        super().__init__(
            settings=engines.settings, largest_frame=engines.services.connection_limiter.largest_frame, reactor=reactor
        )
        self.engines = engines
