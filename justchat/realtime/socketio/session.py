"""Engine.IO sessions: what of a client stays the same while its transport changes.

The handshake, the heartbeat and the upgrade are here (Engine.IO protocol 4, and 3 for clients 1.x and 2.x):

    < 0{"sid":"…","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16384}
    < 2   > 3        every pingInterval in protocol 4; in protocol 3 the client asks and we answer
    > 2probe  < 3probe  > 5       over the WebSocket that an upgrade is tried on
"""

import secrets
from typing import Any, Protocol

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from justchat.config.settings import Websocket
from justchat.limits.connection_limiter import Pace
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import Packet
from justchat.realtime.session_binding import Services
from justchat.realtime.socketio.client import Connection
from justchat.realtime.socketio.packets import CLOSE, MESSAGE, NOOP, PING, PONG, Incoming
from justchat.realtime.websocket_base import CLOSE_TIMEOUT

PING_PACKET = Packet(b"2")


class Transport(Protocol):
    """What carries a session's packets."""

    name: str

    def send(self, packet: Packet) -> None:
        """Send a packet, or keep it until it can be sent."""

    def full(self) -> Deferred[None] | None:
        """See IConnection."""

    def close(self, code: int, reason: str) -> None:
        """Send what waits, and then no more."""


class _Nowhere:
    """The transport of a session that is over."""

    name = "nowhere"

    def send(self, packet: Packet) -> None:
        """There is nobody to send to."""

    def full(self) -> None:
        """Nothing waits."""

    def close(self, code: int, reason: str) -> None:
        """It is."""


NOWHERE = _Nowhere()


class EngineSession:
    """One session."""

    _log = Logger()

    def __init__(self, engines: "EngineSessions", version: int, transport: Transport, address: str | None) -> None:
        self.address = address
        self.sid = secrets.token_urlsafe(15)
        self.engines = engines
        self.version = version
        self.transport = transport
        self.closed = False
        self.probe: Transport | None = None
        """The WebSocket that an upgrade is tried on."""
        self._timer: IDelayedCall | None = None
        self._pace = Pace()
        self._connection: Connection | None = Connection(self)

    def open(self) -> None:
        """Say the handshake, and begin the heartbeat."""
        settings = self.engines.settings
        shake = {
            "sid": self.sid,
            "upgrades": ["websocket"] if self.transport.name == "polling" else [],
            "pingInterval": int(settings.ping_interval * 1000),
            "pingTimeout": int(settings.ping_timeout * 1000),
            "maxPayload": self.engines.services.connection_limiter.largest_frame,
        }
        self.transport.send(Packet(b"0" + orjson.dumps(shake)))
        self._beat()
        if self._connection is not None:
            self._connection.opened()

    def _beat(self) -> None:
        """Something was heard: wait for the next."""
        settings = self.engines.settings
        if self.version == 4:
            self._wait(settings.ping_interval, self._ping)
        else:
            self._wait(settings.ping_interval + settings.ping_timeout, self._silent)

    def _wait(self, seconds: float, then: Any) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self.engines.reactor.callLater(seconds, then)

    def _ping(self) -> None:
        self._wait(self.engines.settings.ping_timeout, self._silent)
        self.send(PING_PACKET)

    def _silent(self) -> None:
        self.close(CloseCode.GONE, "ping timeout")

    def keeps_pace(self) -> bool:
        """Count a packet or a frame; False, and the session over, where it is one too many."""
        if self.engines.services.connection_limiter.keeps(self._pace):
            return True
        self._end(CloseCode.TOO_MANY, "too many packets in a minute")
        return False

    def receive(self, packet: Incoming) -> None:
        """A packet of the client's, by whatever transport."""
        if self.closed or self._connection is None:
            return
        if packet.type == MESSAGE:
            self._connection.receive(packet.text)
        elif packet.type == PONG and self.version == 4:
            self._beat()
        elif packet.type == PING and self.version == 3:
            self._beat()
            self.send(Packet(b"3" + packet.text.encode("utf-8", "replace")))
        elif packet.type == CLOSE:
            self.close(CloseCode.GONE, "goodbye")
        elif packet.type != NOOP:
            self.malformed()

    def malformed(self) -> None:
        """What came is no packet that belongs here."""
        self._end(CloseCode.MALFORMED, "no packet that belongs here")

    def send(self, packet: Packet) -> None:
        if not self.closed:
            self.transport.send(packet)

    def too_slow(self, code: int) -> None:
        """The transport holds all it may."""
        self._log.info("a reader too slow to keep up is disconnected")
        self._end(code, "too slow a reader")

    def upgrade(self, transport: Transport) -> Transport:
        """Be carried by another transport from now on; returns the one before."""
        before, self.transport, self.probe = self.transport, transport, None
        return before

    def close(self, code: int, reason: str, *last: Packet) -> None:
        """End the session; ``last`` is still told."""
        if self.closed:
            return
        self.closed = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._connection is not None:
            self._connection.leave()
        for packet in last:
            self.transport.send(packet)
        self.transport.close(code, reason)

    def going_down(self) -> None:
        self._end(CloseCode.GOING_DOWN, "the daemon goes down")

    def _end(self, code: int, reason: str) -> None:
        """Close, and tell the client why."""
        if self._connection is not None:
            self._connection.close(code, reason)

    def gone(self) -> None:
        """Its transport has nothing more to say: let go of what leads back here, or only a search for garbage would."""
        self.transport, self._connection = NOWHERE, None


class EngineSessions:
    """The sessions there are."""

    def __init__(self, *, settings: Websocket, services: Services, reactor: Any) -> None:
        self.settings = settings
        self.services = services
        self.reactor = reactor
        self.closing = False
        self._engines: dict[str, EngineSession] = {}
        self._all_gone: Deferred[None] | None = None

    def open(self, version: int, transport: Transport, address: str | None) -> EngineSession:
        """A new session from this address. Its transport opens it, when it is ready to."""
        engine = EngineSession(self, version, transport, address)
        self._engines[engine.sid] = engine
        self.services.connection_limiter.enter(address)
        return engine

    def get(self, sid: str) -> EngineSession | None:
        """The session of an id."""
        return self._engines.get(sid)

    def all(self) -> tuple[EngineSession, ...]:
        """Every session there is now."""
        return tuple(self._engines.values())

    def gone(self, engine: EngineSession) -> None:
        """Its transport has nothing more to say."""
        if self._engines.pop(engine.sid, None) is not None:
            self.services.connection_limiter.leave(engine.address)
            engine.gone()
        if not self._engines and self._all_gone is not None and not self._all_gone.called:
            self._all_gone.callback(None)

    async def close_all(self) -> None:
        """The daemon goes down: close every session; returns when all have heard it, or have had their time."""
        self.closing = True
        if self._engines:
            self._all_gone = Deferred()
            self._all_gone.addTimeout(CLOSE_TIMEOUT, self.reactor, lambda *_: None)
            for engine in self.all():
                engine.going_down()
            await self._all_gone
