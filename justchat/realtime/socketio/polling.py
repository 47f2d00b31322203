"""Long-polling: the client's GET waits for packets, its POST brings some (Engine.IO protocol 4, "HTTP long-polling").

At most one GET waits. While none does, packets are buffered, up to the bound of the raw WebSocket.

Pages of old browsers poll with script elements and post forms (JSONP). A session does so if its handshake has ``j``.
"""

import re
from typing import Any

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedPacket
from justchat.realtime.socketio.packets import EnginePacket, Malformed, jsonp_payload, parse_payload
from justchat.realtime.socketio.session import EngineSessions
from justchat.realtime.websocket_base import CLOSE_TIMEOUT

NOOP_PACKET = EncodedPacket(b"6")
CLOSE_PACKET = EncodedPacket(b"1")
POLLS_AGAIN = 1.0
"""Seconds between two polls of a client, at most."""
UPGRADE_PAUSE = 0.1
"""Seconds that a poll may wait while a WebSocket is on trial, as with the reference server."""
MOST_PACKETS = 16
"""Packets of an answer. python-socketio takes no more: it would come back, be sent the same ones, and refuse them."""
REPLAY_SHARE = 4
"""A replay fills a fourth of ``send_buffer``, and then waits for the next poll."""


class Polling:
    """The transport of one session."""

    name = "polling"

    def __init__(self, engines: EngineSessions, version: int, address: str | None, jsonp: str | None = None) -> None:
        self._jsonp = None if jsonp is None else re.sub("[^0-9]", "", jsonp).encode()
        """The number of the page's function to call with each answer."""
        self._waiting: list[EncodedPacket] = []
        self._bytes = 0
        self._poll: Any = None
        self._closed = False
        self._drained: Deferred[None] | None = None
        """Done when what waits has been taken, or the session is over."""
        self._release_timer: IDelayedCall | None = None
        self.engine = engines.open(version, self, address)

    def open(self, request: Any) -> None:
        """Answer the first GET, at once, with the handshake."""
        self.engine.open()
        self._poll = request
        self._answer()

    def send(self, packet: EncodedPacket) -> None:
        self._bytes += len(packet.text)
        self._waiting.append(packet)
        if self._bytes > self.engine.engines.settings.send_buffer and not self.engine.closed:
            self.drain()
            self.engine.too_slow(CloseCode.TOO_SLOW)
        elif self._poll is not None:
            self._answer()

    def full(self) -> Deferred[None] | None:
        """See IConnection."""
        if self._closed or self._bytes <= self.engine.engines.settings.send_buffer // REPLAY_SHARE:
            return None
        self._drained = Deferred()
        return self._drained

    def poll(self, request: Any) -> None:
        """Take a GET."""
        if self._poll is not None:
            # The reference server does the same.
            _answer(request, 400, b"")
            self.engine.close(CloseCode.NORMAL, "two polls at once")
            return
        self._poll = request
        request.notifyFinish().addErrback(self._poll_lost, request)
        if self._waiting or self._closed:
            self._answer()
        elif self.engine.probe is not None:
            # Not at once: where the WebSocket passes nothing, its client would poll as fast as it can.
            self.engine.engines.reactor.callLater(UPGRADE_PAUSE, self._end_poll_of, request)

    def data(self, request: Any) -> None:
        """Take a POST."""
        most = self.engine.engines.services.connection_limiter.largest_frame
        body = request.content.read(most + 1)
        if len(body) > most:
            _answer(request, 413, b"")
            return
        # Answered 200 before it is parsed, as the reference server does: the next poll gets an error.
        # The answer to a form is shown in a frame of the page, hence HTML.
        _answer(request, 200, b"ok", TEXT if self._jsonp is None else HTML)
        try:
            packets = self._packets(request, body)
        except Malformed:
            self.engine.malformed()
            return
        if not packets:
            self.engine.count_packet()
        for packet in packets:
            if self.engine.count_packet():
                self.engine.receive(packet)

    def _packets(self, request: Any, body: bytes) -> list[EnginePacket]:
        """The packets of a POST. Raises Malformed."""
        if self._jsonp is not None:
            payload = jsonp_payload(body)
            return [] if payload is None else parse_payload(payload, self.engine.version)
        if not body and self.engine.version == 3 and request.getHeader(b"content-type") == OCTETS:
            return []  # the binary form of no packets
        return parse_payload(body, self.engine.version)

    def end_poll(self) -> None:
        """Answer a waiting poll, so that the client can upgrade to its WebSocket."""
        if self._poll is not None:
            self.send(NOOP_PACKET)

    def _end_poll_of(self, request: Any) -> None:
        if self._poll is request:
            self.end_poll()

    def drain(self) -> list[EncodedPacket]:
        """Remove and return the packets that wait. The caller sends them."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        self._end_wait()
        return waiting

    def _take(self) -> list[EncodedPacket]:
        """Remove and return the packets of the next answer."""
        if len(self._waiting) <= MOST_PACKETS:
            return self.drain()
        taken, self._waiting = self._waiting[:MOST_PACKETS], self._waiting[MOST_PACKETS:]
        self._bytes -= sum(len(packet.text) for packet in taken)
        self._end_wait()
        return taken

    def _end_wait(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            # In the next reactor turn, when the poll has been answered.
            self.engine.engines.reactor.callLater(0, drained.callback, None)

    def close(self, code: int, reason: str) -> None:
        self._closed = True
        self._end_wait()
        self._release_timer = self.engine.engines.reactor.callLater(CLOSE_TIMEOUT, self.release)
        if self._poll is not None:
            self._answer()
        elif self.engine.comes_back and not self._waiting:
            self.release()

    def going_away(self) -> None:
        """The daemon stops: a client that polls at all has begun its next poll within POLLS_AGAIN."""
        timer = self._release_timer
        if timer is not None and timer.active():
            timer.reset(min(POLLS_AGAIN, timer.getTime() - self.engine.engines.reactor.seconds()))

    def _answer(self) -> None:
        if self.engine.closed and not self._closed:
            return  # the reason for the end follows, and goes into the same answer
        request, self._poll = self._poll, None
        # CLOSE goes alone: clients 3.x and 4.x drop the unprocessed packets that came with it. Python's stay away after
        # it. So those that are to come back are not sent it: their next poll is of an unknown session.
        over = self._closed and not self._waiting
        # A daemon that is stopping accepts no new connection, on which another poll might come.
        is_stopping = self.engine.engines.closing
        packets = self.drain() if is_stopping else self._take()
        last = over or (self._closed and not self._waiting and (self.engine.comes_back or is_stopping))
        if over:
            packets = [NOOP_PACKET if self.engine.comes_back else CLOSE_PACKET]
        if self.engine.version == 4:
            body = b"\x1e".join([packet.text for packet in packets])
        else:
            body = b"".join([packet.counted for packet in packets])
        if self._jsonp is None:
            _answer(request, 200, body)
        else:
            _answer(request, 200, b"___eio[%s](%s);" % (self._jsonp, _script_string(body)), SCRIPT)
        if last:
            self.release()

    def _poll_lost(self, failure: Failure, request: Any) -> None:
        """The client has dropped a waiting poll. Packets on their way in it may be lost, so the session ends."""
        if self._poll is request:
            self._poll = None
            self.engine.close(CloseCode.NORMAL, "the client dropped the poll", comes_back=True)

    def release(self) -> None:
        """Release the session: everything has been sent."""
        if self._release_timer is not None and self._release_timer.active():
            self._release_timer.cancel()
        self._release_timer = None
        self.engine.engines.gone(self.engine)


OCTETS = b"application/octet-stream"
TEXT, HTML, SCRIPT = (b"text/plain; charset=UTF-8", b"text/html; charset=UTF-8", b"text/javascript; charset=UTF-8")


def _script_string(text: bytes) -> bytes:
    """Text as a JavaScript string: JSON, with the two characters escaped that end a line in JavaScript."""
    return orjson.dumps(text.decode()).replace("\u2028".encode(), rb"\u2028").replace("\u2029".encode(), rb"\u2029")


def _answer(request: Any, status: int, body: bytes, kind: bytes = TEXT) -> None:
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", kind)
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    request.write(body)
    request.finish()
