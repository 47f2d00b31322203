"""Engine.IO sessions: what stays of a client while its transport changes.

The handshake, the heartbeat and the upgrade (Engine.IO protocol 4, and 3 for clients 1.x and 2.x):

    < 0{"sid":"…","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16384}
    < 2   > 3        every pingInterval in protocol 4; in protocol 3 the client pings and the server answers
    > 2probe  < 3probe  > 5       over the WebSocket that is being probed for an upgrade
"""

from collections.abc import Callable
from typing import Any

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from justchat.config.settings import Websocket
from justchat.limits.connection_limiter import FrameCount
from justchat.metrics.declarations import SOCKETS_CLOSED, SOCKETS_OPENED
from justchat.model.ids import Id
from justchat.protocol.close_codes import CloseCode, code_of_metrics
from justchat.protocol.encoded_events import EncodedPacket
from justchat.realtime.session_binding import BindingServices
from justchat.realtime.socketio.client import FINAL, SocketIoClient
from justchat.realtime.socketio.packets import EnginePacket, EngineType
from justchat.realtime.socketio.sids import SessionIds
from justchat.realtime.socketio.transport import NO_TRANSPORT, Transport
from justchat.realtime.websocket_base import CLOSE_TIMEOUT

PING_PACKET = EncodedPacket(b"2")


class EngineSession:
    """One Engine.IO session, of protocol ``version``. The connection limiter counts it by ``address``."""

    _log = Logger()

    def __init__(self, engines: "EngineSessions", version: int, transport: Transport, address: str | None) -> None:
        self.address = address
        self.sid = engines.ids.new()
        self.engines = engines
        self.version = version
        self.transport = transport
        self.closed = False
        self.close_code: int | None = None
        self.comes_back = False
        """Whether the client of a session that has ended is to begin another one."""
        self.probe: Transport | None = None
        """The WebSocket that is being probed for an upgrade."""
        self._timer: IDelayedCall | None = None
        self._user: Id | None = None
        self._frame_count = FrameCount()
        self._client: SocketIoClient | None = SocketIoClient(
            self, engines.services, engines.settings.init_timeout, engines.reactor
        )

    @property
    def user(self) -> Id | None:
        """Whose session it was bound to last."""
        return self._user if self._client is None else self._client.last_user

    def open(self) -> None:
        """Send the handshake, and start the heartbeat."""
        settings = self.engines.settings
        handshake = {
            "sid": self.sid,
            "upgrades": ["websocket"] if self.transport.name == "polling" else [],
            "pingInterval": int(settings.ping_interval * 1000),
            "pingTimeout": int(settings.ping_timeout * 1000),
            "maxPayload": self.engines.services.connection_limiter.largest_frame,
        }
        self.transport.send(EncodedPacket(b"0" + orjson.dumps(handshake)))
        self._beat()
        if self._client is not None:
            self._client.opened()

    def _beat(self) -> None:
        """The client has shown that it is alive: wait for its next sign of life."""
        settings = self.engines.settings
        if self.version == 4:
            self._set_timer(settings.ping_interval, self._ping)
        else:
            self._set_timer(settings.ping_interval + settings.ping_timeout, self._time_out)

    def _set_timer(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self.engines.reactor.callLater(seconds, then)

    def _ping(self) -> None:
        self._set_timer(self.engines.settings.ping_timeout, self._time_out)
        self.send(PING_PACKET)

    def _time_out(self) -> None:
        # A client that is still there has lost what it sent: with a process that died, or on a network that changed.
        self.close(CloseCode.NORMAL, "ping timeout", comes_back=True)

    def count_packet(self) -> bool:
        """Count a packet or a frame. If it is one too many, end the session and return False."""
        if self.engines.services.connection_limiter.allows_frame(self._frame_count):
            return True
        self._end(CloseCode.TOO_MANY, "too many packets in a minute")
        return False

    def receive(self, packet: EnginePacket) -> None:
        """Take a packet of the client, by any transport."""
        if self.closed or self._client is None:
            return
        if packet.type == EngineType.MESSAGE:
            self._client.receive(packet.text)
        elif packet.type == EngineType.PONG and self.version == 4:
            self._beat()
        elif packet.type == EngineType.PING and self.version == 3:
            self._beat()
            self.send(EncodedPacket(b"3" + packet.text.encode("utf-8", "replace")))
        elif packet.type == EngineType.CLOSE:
            self.close(CloseCode.NORMAL, "the client has left")
        elif packet.type != EngineType.NOOP:
            self.malformed()

    def malformed(self) -> None:
        """End the session: the client has sent something that is no valid packet here."""
        self._end(CloseCode.MALFORMED, "not a valid packet")

    def send(self, packet: EncodedPacket) -> None:
        """Send a packet, unless the session is over."""
        if not self.closed:
            self.transport.send(packet)

    def full(self) -> Deferred[None] | None:
        """See IConnection."""
        return self.transport.full()

    def too_slow(self, code: int) -> None:
        """End the session: its transport's buffer is full."""
        self._log.info("a connection is closed: its reader is too slow")
        self._end(code, "the reader is too slow")

    def upgrade(self, transport: Transport) -> Transport:
        """Use another transport from now on; return the one before."""
        before, self.transport, self.probe = self.transport, transport, None
        return before

    def close(self, code: int, reason: str, *last: EncodedPacket, comes_back: bool = False) -> None:
        """End the session after these last packets."""
        if self.closed:
            return
        self.closed = True
        self.close_code = code
        self.comes_back = comes_back or (code != CloseCode.NORMAL and code not in FINAL)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._client is not None:
            self._client.stop()
        for packet in last:
            self.transport.send(packet)
        self.transport.close(code, reason)

    def going_away(self) -> None:
        """End the session: the daemon is stopping."""
        self._end(CloseCode.GOING_AWAY, "the daemon is stopping")
        self.transport.going_away()

    def _end(self, code: int, reason: str) -> None:
        """End the session, and send the client the reason."""
        if self._client is not None:
            self._client.close(code, reason)

    def release(self) -> None:
        """Drop the references that form cycles: the transport has sent everything. Otherwise the session would stay in
        memory until a garbage collection.
        """
        self._user = self.user
        self.transport, self._client = NO_TRANSPORT, None


class EngineSessions:
    """All open Engine.IO sessions, by their ``sid``."""

    def __init__(
        self, *, settings: Websocket, services: BindingServices, reactor: Any, ids: SessionIds | None = None
    ) -> None:
        self.ids = ids or SessionIds()
        self.settings = settings
        self.services = services
        self.reactor = reactor
        self.closing = False
        """Whether the daemon is stopping."""
        self._engines: dict[str, EngineSession] = {}
        self._all_gone: Deferred[None] | None = None

    def open(self, version: int, transport: Transport, address: str | None) -> EngineSession:
        """A new session from this address. Its transport calls ``open`` on it when it can send the handshake."""
        engine = EngineSession(self, version, transport, address)
        self._engines[engine.sid] = engine
        self.services.connection_limiter.add(address)
        SOCKETS_OPENED.count("socketio")
        return engine

    def get(self, sid: str) -> EngineSession | None:
        """The session with this id."""
        return self._engines.get(sid)

    def all(self) -> tuple[EngineSession, ...]:
        """Every open session."""
        return tuple(self._engines.values())

    def gone(self, engine: EngineSession) -> None:
        """Forget a session whose transport has sent everything."""
        if self._engines.pop(engine.sid, None) is not None:
            self.services.connection_limiter.remove(engine.address)
            SOCKETS_CLOSED.count("socketio", code_of_metrics(engine.close_code))
            engine.release()
        if not self._engines and self._all_gone is not None and not self._all_gone.called:
            self._all_gone.callback(None)

    async def close_all(self) -> None:
        """The daemon stops: close every session; return when all clients know, or CLOSE_TIMEOUT has passed."""
        self.closing = True
        if self._engines:
            self._all_gone = Deferred()
            self._all_gone.addTimeout(CLOSE_TIMEOUT, self.reactor, lambda *_: None)
            for engine in self.all():
                engine.going_away()
            await self._all_gone
