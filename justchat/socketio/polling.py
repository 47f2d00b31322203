"""Long-polling: the client's GET waits for packets, its POST brings some (Engine.IO protocol 4, "HTTP long-polling").

At most one GET waits. What comes while none does is kept, up to the raw socket's bound.
"""

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from justchat.binding import TOO_SLOW
from justchat.events import Packet
from justchat.socketio.connection import GONE
from justchat.socketio.engine import Engines
from justchat.socketio.packets import Malformed, packets_of
from justchat.websockets import CLOSE_TIMEOUT

NOOP = Packet(b"6")
CLOSED = Packet(b"1")


class Polling:
    """The transport of one session."""

    name = "polling"

    def __init__(self, engines: Engines, version: int, address: str | None) -> None:
        self._waiting: list[Packet] = []
        self._bytes = 0
        self._poll: Any = None
        self._closed = False
        self._forget: IDelayedCall | None = None
        self.engine = engines.open(version, self, address)

    def open(self, request: Any) -> None:
        """The first GET of all: answered at once, with the handshake."""
        self.engine.open()
        self._poll = request
        self._answer()

    def send(self, packet: Packet) -> None:
        self._bytes += len(packet.text)
        self._waiting.append(packet)
        if self._bytes > self.engine.engines.settings.send_buffer and not self.engine.closed:
            self.drain()
            self.engine.too_slow(TOO_SLOW)
        elif self._poll is not None:
            self._answer()

    def poll(self, request: Any) -> None:
        """A GET."""
        if self._poll is not None:
            # As the reference server does.
            _answer(request, 400, b"")
            self.engine.close(GONE, "two polls at once")
            return
        self._poll = request
        request.notifyFinish().addErrback(self._hung_up, request)
        if not self._waiting and self.engine.probe is not None and not self._closed:
            self._waiting.append(NOOP)
        if self._waiting or self._closed:
            self._answer()

    def data(self, request: Any) -> None:
        """A POST."""
        most = self.engine.engines.services.door.largest_frame
        body = request.content.read(most + 1)
        if len(body) > most:
            _answer(request, 413, b"")
            return
        # Whatever it is, as the reference server does: who polls on is told by what comes then.
        _answer(request, 200, b"ok")
        try:
            packets = packets_of(body, self.engine.version)
        except Malformed:
            self.engine.malformed()
            return
        for packet in packets:
            if self.engine.keeps_pace():
                self.engine.receive(packet)

    def release(self) -> None:
        """Let a waiting poll go, so that the client can change over to its WebSocket."""
        if self._poll is not None:
            self.send(NOOP)

    def drain(self) -> list[Packet]:
        """What waits, which is another's to send now."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        return waiting

    def close(self, code: int, reason: str) -> None:
        self._closed = True
        self._forget = self.engine.engines.reactor.callLater(CLOSE_TIMEOUT, self.forget)
        if self._poll is not None:
            self._answer()

    def _answer(self) -> None:
        if self.engine.closed and not self._closed:
            return  # more is coming, the reason of the end: all of it goes out together
        request, self._poll = self._poll, None
        # CLOSE goes alone: clients 3.x and 4.x drop what came with it and they have not got round to.
        over = self._closed and not self._waiting
        # A daemon that goes down takes no new connection, on which another poll might come.
        last = over or (self._closed and self.engine.engines.closing)
        packets = [CLOSED] if over else self.drain()
        if self.engine.version == 4:
            body = b"\x1e".join([packet.text for packet in packets])
        else:
            body = b"".join([packet.counted for packet in packets])
        _answer(request, 200, body)
        if last:
            self.forget()

    def _hung_up(self, failure: Failure, request: Any) -> None:
        """The client has let a waiting poll go: what was on its way in it may be lost, so the session is."""
        if self._poll is request:
            self._poll = None
            self.engine.close(GONE, "the poll was let go")

    def forget(self) -> None:
        """There is nothing more to say."""
        if self._forget is not None and self._forget.active():
            self._forget.cancel()
        self._forget = None
        self.engine.engines.gone(self.engine)


def _answer(request: Any, status: int, body: bytes) -> None:
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"text/plain; charset=UTF-8")
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    request.write(body)
    request.finish()
