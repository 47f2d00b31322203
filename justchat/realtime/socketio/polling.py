"""Long-polling: the client's GET waits for packets, its POST brings some (Engine.IO protocol 4, "HTTP long-polling").

At most one GET waits. What comes while none does is kept, up to the raw socket's bound.

Pages of old browsers poll by script elements, and post forms: JSONP, which a session speaks whose handshake has ``j``.
"""

import re
from typing import Any

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import Packet
from justchat.realtime.socketio.packets import Incoming, Malformed, jsonp_payload, packets_of
from justchat.realtime.socketio.session import EngineSessions
from justchat.realtime.websocket_base import CLOSE_TIMEOUT

NOOP = Packet(b"6")
CLOSED = Packet(b"1")
FULL = 4
"""The part of ``send_buffer`` that is filled for one who comes back, before their next poll is waited for."""


class Polling:
    """The transport of one session."""

    name = "polling"

    def __init__(self, engines: EngineSessions, version: int, address: str | None, jsonp: str | None = None) -> None:
        self._jsonp = None if jsonp is None else re.sub("[^0-9]", "", jsonp).encode()
        """The number of the page's function that is called with each answer."""
        self._waiting: list[Packet] = []
        self._bytes = 0
        self._poll: Any = None
        self._closed = False
        self._read: Deferred[None] | None = None
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
            self.engine.too_slow(CloseCode.TOO_SLOW)
        elif self._poll is not None:
            self._answer()

    def full(self) -> Deferred[None] | None:
        """See IConnection: a poll takes all that waits."""
        if self._closed or self._bytes <= self.engine.engines.settings.send_buffer // FULL:
            return None
        self._read = Deferred()
        return self._read

    def poll(self, request: Any) -> None:
        """A GET."""
        if self._poll is not None:
            # As the reference server does.
            _answer(request, 400, b"")
            self.engine.close(CloseCode.GONE, "two polls at once")
            return
        self._poll = request
        request.notifyFinish().addErrback(self._hung_up, request)
        if not self._waiting and self.engine.probe is not None and not self._closed:
            self._waiting.append(NOOP)
        if self._waiting or self._closed:
            self._answer()

    def data(self, request: Any) -> None:
        """A POST."""
        most = self.engine.engines.services.connection_limiter.largest_frame
        body = request.content.read(most + 1)
        if len(body) > most:
            _answer(request, 413, b"")
            return
        # Whatever it is, as the reference server does: who polls on is told by what comes then.
        # A form's answer is shown in a frame of the page.
        _answer(request, 200, b"ok", TEXT if self._jsonp is None else HTML)
        try:
            packets = self._packets(request, body)
        except Malformed:
            self.engine.malformed()
            return
        for packet in packets:
            if self.engine.keeps_pace():
                self.engine.receive(packet)

    def _packets(self, request: Any, body: bytes) -> list[Incoming]:
        """What a POST brings. Raises Malformed."""
        if self._jsonp is not None:
            payload = jsonp_payload(body)
            return [] if payload is None else packets_of(payload, self.engine.version)
        if not body and self.engine.version == 3 and request.getHeader(b"content-type") == OCTETS:
            return []  # no packets, in the binary form
        return packets_of(body, self.engine.version)

    def release(self) -> None:
        """Let a waiting poll go, so that the client can change over to its WebSocket."""
        if self._poll is not None:
            self.send(NOOP)

    def drain(self) -> list[Packet]:
        """What waits, which is another's to send now."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        self._go_on()
        return waiting

    def _go_on(self) -> None:
        read, self._read = self._read, None
        if read is not None:
            # Not now: who sends more is to find the poll answered.
            self.engine.engines.reactor.callLater(0, read.callback, None)

    def close(self, code: int, reason: str) -> None:
        self._closed = True
        self._go_on()
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
        if self._jsonp is None:
            _answer(request, 200, body)
        else:
            _answer(request, 200, b"___eio[%s](%s);" % (self._jsonp, _script_string(body)), SCRIPT)
        if last:
            self.forget()

    def _hung_up(self, failure: Failure, request: Any) -> None:
        """The client has let a waiting poll go: what was on its way in it may be lost, so the session is."""
        if self._poll is request:
            self._poll = None
            self.engine.close(CloseCode.GONE, "the poll was let go")

    def forget(self) -> None:
        """There is nothing more to say."""
        if self._forget is not None and self._forget.active():
            self._forget.cancel()
        self._forget = None
        self.engine.engines.gone(self.engine)


OCTETS = b"application/octet-stream"
TEXT, HTML, SCRIPT = (b"text/plain; charset=UTF-8", b"text/html; charset=UTF-8", b"text/javascript; charset=UTF-8")


def _script_string(text: bytes) -> bytes:
    """Text as a string of JavaScript's, in which two characters end the line that JSON allows."""
    return orjson.dumps(text.decode()).replace("\u2028".encode(), rb"\u2028").replace("\u2029".encode(), rb"\u2029")


def _answer(request: Any, status: int, body: bytes, kind: bytes = TEXT) -> None:
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", kind)
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    request.write(body)
    request.finish()
