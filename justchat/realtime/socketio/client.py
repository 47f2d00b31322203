"""One Socket.IO client, seen by the registry as an IConnection: the default namespace and its events.

    > 42["init",{"session_key":"…"}]          or 421["init",{…}], where an acknowledgement is wanted
    < 42["ready",{"error":null,"user":"<id>"}]     and then 431[{"error":null,"user":"<id>"}]

It stands on an Engine.IO session (``engine.py``), whatever carries that.
"""

from collections import deque
from typing import TYPE_CHECKING

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from zope.interface import implementer

from justchat.interfaces.realtime import IConnection
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent, Packet
from justchat.realtime.session_binding import SessionBinding
from justchat.realtime.socketio.packets import CONNECT, DISCONNECT, Malformed, said_in

if TYPE_CHECKING:
    from justchat.realtime.socketio.session import EngineSession

FINAL = (CloseCode.MALFORMED, CloseCode.NO_INIT, CloseCode.TOO_MANY, CloseCode.SESSION_OVER)
"""Reasons for which a client need not come back by itself: they are told as Socket.IO's DISCONNECT."""
DISCONNECTED = Packet(b"41")


@implementer(IConnection)
class Connection:
    """The default namespace of one client (Socket.IO protocol 5, "Connection to a namespace", "Sending data")."""

    wire = None

    def __init__(self, engine: "EngineSession") -> None:
        self.session: Session | None = None
        self._engine = engine
        self._connected = False
        self._acks: deque[int | None] = deque()
        """The ids under which inits want to be acknowledged, in the order in which they are answered."""
        self._binding: SessionBinding | None = SessionBinding(self, engine.engines.services)
        self._init_timer: IDelayedCall | None = engine.engines.reactor.callLater(
            engine.engines.settings.init_timeout, self._no_init
        )

    def opened(self) -> None:
        """Protocols before 5 are connected unasked (Socket.IO protocol 4)."""
        if self._engine.version == 3:
            self._connected = True
            self._engine.send(Packet(b"40"))

    def receive(self, text: str) -> None:
        """A message of the client's."""
        try:
            said = said_in(text)
        except Malformed as error:
            self.close(CloseCode.MALFORMED, str(error))
            return
        if said.namespace != "/":
            self._refuse_namespace(said.type, said.namespace)
        elif said.type == CONNECT:
            self._connect()
        elif said.type == DISCONNECT:
            self._engine.close(CloseCode.GONE, "goodbye")
        else:
            self._event(said.data, said.id)

    def _connect(self) -> None:
        if self._engine.version == 4 and not self._connected:
            self._connected = True
            self._engine.send(Packet(b"40" + orjson.dumps({"sid": self._engine.sid})))

    def _refuse_namespace(self, type: int, namespace: str) -> None:
        if type != CONNECT:
            self.close(CloseCode.MALFORMED, "there is the default namespace alone")
            return
        why: object = "Invalid namespace" if self._engine.version == 3 else {"message": "Invalid namespace"}
        self._engine.send(Packet(b"44%s,%s" % (namespace.encode("utf-8", "replace"), orjson.dumps(why))))

    def _event(self, data: object, id: int | None) -> None:
        match data:
            case ["init", init, *_] if self._connected and self._binding is not None:
                self._acks.append(id)
                self._binding.receive(init)
            case _:
                self.close(CloseCode.MALFORMED, 'the one event we know is "init", with {"session_key": "…"}')

    def _no_init(self) -> None:
        self._init_timer = None
        if self.session is None:
            self.close(CloseCode.NO_INIT, "no init in time")

    def send(self, frame: EncodedEvent) -> None:
        self._engine.send(frame.socketio)
        if self._acks and frame.name in ("ready", "error"):
            ack = self._acks.popleft()
            if ack is not None:
                self._engine.send(Packet(b"43%d[%s]" % (ack, frame.data)))

    def send_batch(self, burst: EncodedBatch) -> None:
        for frame in burst.frames:
            self.send(frame)

    def full(self) -> Deferred[None] | None:
        return self._engine.transport.full()

    def close(self, code: int, reason: str) -> None:
        """Tell why, as an event of its own, since polling knows no close codes."""
        told = EncodedEvent(orjson.dumps({"event": "closing", "data": {"error": reason, "code": code}}))
        last = (told.socketio, DISCONNECTED) if code in FINAL else (told.socketio,)
        self._engine.close(code, reason, *(last if self._connected else ()))

    def leave(self) -> None:
        """Hear nothing more."""
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None
        if self._binding is not None:
            self._binding.leave()
            self._binding = None  # it leads back here
