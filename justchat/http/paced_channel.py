"""The sending half of the Site's channel: long answers in slices, one request per reactor iteration, slow readers.

twisted.web's channel answers pipelined requests although its client reads nothing, and goes on reading them. This one
starts no request until the client has taken the answers to earlier ones, and aborts a client that takes too long.
"""

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from justchat.limits.http_connection_limiter import ConnectionSlot

TOTAL_TIMEOUT_FACTOR = 10
"""A request must be complete, and its answer taken, within this many times ``[http] idle_timeout``."""
SEND_SLICE = 256 * 1024
"""Bytes of an answer that are sent at a time; the next ones follow when the client has taken these."""


class PacedChannel(HTTPChannel):
    """twisted.web's channel with flow control; it can hand the connection back once its request is answered."""

    transport: Any
    site: Any
    hand_back: Callable[[bytes], None] | None = None
    """Takes the connection back after an answer, and the bytes that have come since; None keeps the connection."""
    slot: ConnectionSlot | None = None
    """Counts this connection as one of HTTP."""
    _request_began: float | None = None
    """When the first byte of the current request came."""
    _blocked_since: float | None = None
    """When the client first did not take the current answer."""
    _slow_reader_timer: IDelayedCall | None = None
    """Aborts the connection if the client takes nothing."""
    _unsent = memoryview(b"")
    """The part of a long answer that is not sent yet."""
    _answered = False
    """The current request is answered, except for ``_unsent``."""
    _next_waits_for_client = False
    """The next request is not read before the client has taken the answers to earlier ones."""
    _pause = 0.0
    """Seconds before the next request is read."""
    _ended = False
    """The last answer is written, or the connection is lost: everything that comes is dropped."""

    def write(self, data: bytes) -> None:
        """See HTTPChannel: sends a long answer in slices, so that other connections are served in between."""
        if self._unsent or len(data) > SEND_SLICE:
            self._unsent = memoryview(bytes(self._unsent) + data if self._unsent else data)
            self._send_slice()
        else:
            self.transport.write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """See HTTPChannel."""
        self.write(b"".join(iovec))

    def _send_slice(self) -> None:
        if self._ended or self._waitingForTransport or not self._unsent:
            return
        part, self._unsent = self._unsent[:SEND_SLICE], self._unsent[SEND_SLICE:]
        self.transport.write(bytes(part))
        if self._unsent:
            reactor.callLater(0, self._send_slice)
        elif self._answered:
            self._next_request()

    def requestDone(self, request: Any) -> None:
        """See HTTPChannel."""
        self._request_began = None
        self.requests.remove(request)
        self._answered = True
        if not self._unsent:
            self._next_request()

    def _next_request(self) -> None:
        # The next request is read in the next reactor iteration, so that other connections are served in between.
        # Until then its bytes are kept, as if the current request were not answered.
        self._answered = False
        self._blocked_since = None
        if not self.persistent:
            self.loseConnection()
        elif self._waitingForTransport:
            self._next_waits_for_client = True
        else:
            self._schedule_next()

    def _schedule_next(self) -> None:
        pause, self._pause = self._pause, 0.0
        reactor.callLater(pause, self._read_next)

    def _read_next(self) -> None:
        if self._ended:
            return
        if self._waitingForTransport:
            self._next_waits_for_client = True
        elif self.hand_back is not None:
            self._stop_slow_reader_timer()
            self.transport.unregisterProducer()
            self.transport.resumeProducing()
            self.hand_back(self.unread())
        else:
            self._handlingRequest = False
            if self._savedTimeOut:
                self.setTimeout(self._savedTimeOut)
            self._networkProducer.resumeProducing()
            data = b"".join(self._dataBuffer)
            self._dataBuffer = []
            self.setLineMode(data)

    @property
    def is_ended(self) -> bool:
        """Whether the last answer is written, or the connection is lost."""
        return self._ended

    def unread(self) -> bytes:
        """What has come after the request that is being answered."""
        return b"".join([*self._dataBuffer, self._buffer])

    def pauseProducing(self) -> None:
        """See HTTPChannel: the client does not take its answers. Reads nothing more, unlike HTTPChannel."""
        super().pauseProducing()
        self._networkProducer.pauseProducing()
        if self._blocked_since is None:
            self._blocked_since = reactor.seconds()
        if self._slow_reader_timer is None:
            timeout = self.site.settings.idle_timeout
            left = self._blocked_since + TOTAL_TIMEOUT_FACTOR * timeout - reactor.seconds()
            self._slow_reader_timer = reactor.callLater(max(min(left, timeout), 0), self.transport.abortConnection)

    def resumeProducing(self) -> None:
        """See HTTPChannel: the client has taken its answers."""
        self._stop_slow_reader_timer()
        super().resumeProducing()
        self._send_slice()
        if self._waitingForTransport:  # what was just written has filled the transport again
            return
        if sum(map(len, self._dataBuffer)) <= self._optimisticEagerReadSize:
            self._networkProducer.resumeProducing()
        if self._next_waits_for_client:
            self._next_waits_for_client = False
            self._schedule_next()

    def _stop_slow_reader_timer(self) -> None:
        if self._slow_reader_timer is not None and self._slow_reader_timer.active():
            self._slow_reader_timer.cancel()
        self._slow_reader_timer = None

    def loseConnection(self) -> None:
        """See HTTPChannel: sends what is written, if the client takes it within ``idle_timeout``."""
        super().loseConnection()
        self._stop_slow_reader_timer()
        self._slow_reader_timer = reactor.callLater(self.site.settings.idle_timeout, self.transport.abortConnection)

    def give_up(self) -> None:
        """Stop counting and timing the connection: it is lost, or has become a WebSocket."""
        self._stop_slow_reader_timer()
        if self.slot is not None:
            self.slot.release()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See HTTPChannel."""
        self.hand_back = None
        self._ended = True
        self._unsent = memoryview(b"")
        self.give_up()
        super().connectionLost(reason)
