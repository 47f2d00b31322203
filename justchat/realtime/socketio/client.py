"""One Socket.IO client, which the registry sees as an IConnection: the default namespace and its events.

    > 42["init",{"session_key":"…"}]          or 421["init",{…}], if an acknowledgement is wanted
    < 42["ready",{"error":null,"user":"<id>"}]     and then 431[{"error":null,"user":"<id>"}]

An Engine.IO session (``session.py``) carries its packets, by any transport.
"""

from typing import Any, Protocol

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from zope.interface import implementer

from justchat.interfaces.realtime import IConnection
from justchat.model.ids import Id
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent, EncodedPacket
from justchat.realtime.session_binding import BindingServices, SessionBinding
from justchat.realtime.socketio.packets import Malformed, SocketIoType, parse_socketio_packet

FINAL = frozenset(
    {
        CloseCode.MALFORMED,
        CloseCode.SUSPENDED,
        CloseCode.INIT_TIMEOUT,
        CloseCode.TOO_MANY,
        CloseCode.SESSION_OVER,
    }
)
"""Close codes after which a client does not reconnect automatically: Socket.IO's DISCONNECT follows them."""
DISCONNECTED = EncodedPacket(b"41")


class Carrier(Protocol):
    """The Engine.IO session that carries a client, as the client uses it."""

    sid: str
    version: int
    """Of the Engine.IO protocol: 3 or 4."""

    def send(self, packet: EncodedPacket) -> None:
        """Send a packet by the session's transport."""

    def full(self) -> Deferred[None] | None:
        """See IConnection."""

    def close(self, code: int, reason: str, *last: EncodedPacket) -> None:
        """End the session after these last packets."""


@implementer(IConnection)
class SocketIoClient:
    """The default namespace of one client (Socket.IO protocol 5, "Connection to a namespace", "Sending data")."""

    wire = None
    awaits_position = False
    last_user: Id | None = None

    def __init__(self, carrier: Carrier, services: BindingServices, init_timeout: float, reactor: Any) -> None:
        self.session: Session | None = None
        self._carrier = carrier
        self._connected = False
        self._acks: list[int | None] = []
        """For each init without an answer, in order, the id of the acknowledgement that it wants."""
        self._binding: SessionBinding | None = SessionBinding(self, services)
        self._init_timer: IDelayedCall | None = reactor.callLater(init_timeout, self._no_init)

    def opened(self) -> None:
        """The handshake is done. Protocols before 5 connect the default namespace unasked (Socket.IO protocol 4)."""
        if self._carrier.version == 3:
            self._connected = True
            self._carrier.send(EncodedPacket(b"40"))

    def receive(self, text: str) -> None:
        """Take the text of an Engine.IO message."""
        try:
            packet = parse_socketio_packet(text)
        except Malformed as error:
            self.close(CloseCode.MALFORMED, str(error))
            return
        if packet.namespace != "/":
            self._refuse_namespace(packet.type, packet.namespace)
        elif packet.type == SocketIoType.CONNECT:
            self._connect()
        elif packet.type == SocketIoType.DISCONNECT:
            self._carrier.close(CloseCode.NORMAL, "the client has left")
        else:
            self._receive_event(packet.data, packet.id)

    def _connect(self) -> None:
        if self._carrier.version == 4 and not self._connected:
            self._connected = True
            self._carrier.send(EncodedPacket(b"40" + orjson.dumps({"sid": self._carrier.sid})))

    def _refuse_namespace(self, type: int, namespace: str) -> None:
        if type != SocketIoType.CONNECT:
            self.close(CloseCode.MALFORMED, "the only namespace is the default one")
            return
        error: object = "Invalid namespace" if self._carrier.version == 3 else {"message": "Invalid namespace"}
        self._carrier.send(EncodedPacket(b"44%s,%s" % (namespace.encode("utf-8", "replace"), orjson.dumps(error))))

    def _receive_event(self, data: object, id: int | None) -> None:
        match data:
            case ["init", init, *_] if self._connected and self._binding is not None:
                self._acks.append(id)
                self._binding.receive(init)
            case _:
                self.close(CloseCode.MALFORMED, 'the only event is "init", with {"session_key": "…"}')

    def _no_init(self) -> None:
        self._init_timer = None
        if self.session is None:
            self.close(CloseCode.INIT_TIMEOUT, "no init in time")

    def send(self, event: EncodedEvent) -> None:
        self._carrier.send(event.socketio)
        if self._acks and event.name in ("ready", "error"):
            ack = self._acks.pop(0)
            if ack is not None:
                self._carrier.send(EncodedPacket(b"43%d[%s]" % (ack, event.data)))

    def send_batch(self, batch: EncodedBatch) -> None:
        for event in batch.events:
            self.send(event)

    def full(self) -> Deferred[None] | None:
        return self._carrier.full()

    def close(self, code: int, reason: str) -> None:
        """Send the reason as the event ``closing``, since polling has no close codes, and end the session."""
        closing = EncodedEvent(orjson.dumps({"event": "closing", "data": {"error": reason, "code": code}}))
        last = (closing.socketio, DISCONNECTED) if code in FINAL else (closing.socketio,)
        self._carrier.close(code, reason, *(last if self._connected else ()))

    def stop(self) -> None:
        """Receive no more events: the session is ending."""
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None
        if self._binding is not None:
            self._binding.stop()
            self._binding = None  # breaks a reference cycle
