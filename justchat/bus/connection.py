"""A connection to a node: RESP3 (https://redis.io/docs/latest/develop/reference/protocol-spec/), parsed by hiredis.

RESP3 marks what subscriptions bring, so that one connection publishes and subscribes. What is published in a turn of
the reactor leaves at its end, in one ``send``: Twisted would wait for epoll, which takes a turn of its own.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any, cast
from typing import Protocol as Shape

from hiredis import ProtocolError, PushNotification, Reader, ReplyError, pack_command
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IWriteDescriptor
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from justchat.bus.uri import BusUri

OWN_NAME = "justchat"
PING_EVERY = 0.5
"""Seconds."""
SILENT_PINGS = 3
"""Pings after which a node that says nothing counts as away. A stopped process keeps its connections."""
CHUNK = 512
"""Channels of one SUBSCRIBE, which Redis carries out without serving anybody else."""
UNANSWERED = 16 * 1024 * 1024
"""Bytes of packets that the node has not confirmed, after which it counts as away."""
LARGEST_REPLY = 64 * 1024 * 1024
"""Bytes of an unfinished reply, after which the node counts as away."""

# hiredis declares tuples of one alone.
pack = cast(Callable[[tuple[bytes, ...]], bytes], pack_command)
UNREADABLE = (ProtocolError, TypeError, MemoryError)
"""What hiredis raises at bytes that are no reply: also at a map whose key is a list, and at a list of 4,000,000,000."""
IS_SERVING = b"serving"
"""In the answer to HELLO of a worker: 1 if it may have published packets already."""
NO_RESP3 = "it does not speak RESP3, which Redis 6 and Valkey do"
_MORE = object()
_PING = pack((b"PING",))


class ConnectionUser(Shape):
    """What a connection reports to its node."""

    def greeted(self, hello: Mapping[Any, Any]) -> None:
        """The node has accepted us, with this answer to HELLO. Commands can be sent."""

    def subscribed(self, channel: bytes) -> None:
        """A subscription is confirmed."""

    def silent(self) -> bool:
        """The node has not answered for some time. Returns whether the connection is cut."""

    def received(self, channel: bytes, payload: bytes) -> None:
        """A packet has come."""

    def lost(self, reason: str) -> None:
        """The connection has ended. Called once, also for one that was never greeted."""


class RespConnection(Protocol):
    """One connection, which calls itself ``name``.

    ``unanswered`` are PUBLISH commands that the node has not confirmed, the oldest first.
    """

    transport: Any

    def __init__(self, uri: BusUri, user: ConnectionUser, call_later: Callable[..., Any], name: str = OWN_NAME) -> None:
        self._greeting = greeting(uri, name)
        self._user = user
        self._call_later = call_later
        self._reader = Reader(notEnoughData=_MORE)
        self._greeted = False
        self._silent = 0
        self._timer: Any = None
        self._why: str | None = None
        self._wanted: deque[bytes] = deque()
        self._called = False
        self._is_plain = False
        """Not TLS."""
        self._flush_call: Any = None
        self.unanswered: deque[bytes] = deque()
        self.unanswered_bytes = 0
        self._lag = self._pinged_at = 0.0

    def connectionMade(self) -> None:
        self._is_plain = IWriteDescriptor.providedBy(self.transport)
        self.transport.write(self._greeting)
        self._timer = self._call_later(PING_EVERY, self._ping)

    def _ping(self) -> None:
        self._timer = self._call_later(PING_EVERY, self._ping)
        if self.is_silent and (not self._greeted or self._user.silent()):
            self.drop(f"no answer for {PING_EVERY * SILENT_PINGS} s")
            return
        # Counted in rounds: after a stall of our own, an answer may wait in the kernel.
        self._silent += 1
        if self._greeted:
            self._pinged_at = self._pinged_at or monotonic()
            self.transport.write(_PING)

    @property
    def is_silent(self) -> bool:
        """Whether the node has not answered for some time."""
        return self._silent >= SILENT_PINGS

    @property
    def lag(self) -> float:
        """Seconds that the node took to answer the last ping, or has not answered one for."""
        return monotonic() - self._pinged_at if self._pinged_at else self._lag

    def publish(self, channel: bytes, payload: bytes) -> None:
        """Send a packet. The connection must be greeted."""
        self.send(pack((b"PUBLISH", channel, payload)))

    def send(self, command: bytes) -> None:
        """Send a PUBLISH command."""
        self.unanswered_bytes += len(command)
        self.unanswered.append(command)
        self.transport.write(command)
        if self._flush_call is None and self._is_plain:
            self._flush_call = self._call_later(0, self._flush)
        if self.unanswered_bytes > UNANSWERED:
            self.drop("it reads too slowly")

    def _flush(self) -> None:
        self._flush_call = None
        if self.transport.doWrite():
            self.drop("connection lost")  # the reactor, which closes what cannot be written to, has not called

    def subscribe(self, channels: Iterable[bytes]) -> None:
        """Subscribe at the end of this turn of the reactor, in chunks, a turn each."""
        self._wanted.extend(channels)
        if not self._called:
            self._called = True
            self._call_later(0, self._subscribe_chunk)

    def _subscribe_chunk(self) -> None:
        wanted = self._wanted
        self._called = False
        if self._why is not None or not wanted:
            return
        chunk = [wanted.popleft() for _ in range(min(CHUNK, len(wanted)))]
        self.transport.write(pack((b"SUBSCRIBE", *chunk)))
        if wanted:
            self._called = True
            self._call_later(0, self._subscribe_chunk)

    def unsubscribe(self, channels: list[bytes]) -> None:
        """Unsubscribe from confirmed channels."""
        for start in range(0, len(channels), CHUNK):
            self.transport.write(pack((b"UNSUBSCRIBE", *channels[start : start + CHUNK])))

    def drop(self, why: str) -> None:
        """Cut the connection. ``why`` is reported to the node."""
        if self._why is None:
            self._why = why
            self.transport.abortConnection()

    def close(self) -> None:
        """Close the connection once all that was written is sent."""
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        self._silent = 0
        reader = self._reader
        try:
            reader.feed(data)
            while self._why is None and (reply := reader.gets()) is not _MORE:
                if type(reply) is PushNotification:
                    self._on_push(reply)
                elif type(reply) is int and self.unanswered:
                    self.unanswered_bytes -= len(self.unanswered.popleft())
                else:
                    self._on_other(reply)
        except UNREADABLE:
            self.drop(NO_RESP3)
        if reader.len() > LARGEST_REPLY:
            self.drop("its reply is too large")

    def _on_push(self, push: list[Any]) -> None:
        if len(push) == 3 and push[0] == b"message" and type(push[1]) is type(push[2]) is bytes:  # faster than match
            self._user.received(push[1], push[2])
            return
        match push:
            case [b"subscribe", bytes(channel), _]:
                self._user.subscribed(channel)

    def _on_other(self, reply: object) -> None:
        if isinstance(reply, ReplyError):
            # Whatever it refuses, subscriptions and packets are no longer sure to arrive.
            self.drop(refusal(str(reply)))
        elif self._greeted:
            self._lag, self._pinged_at = self.lag, 0.0  # the answer to a ping
        elif not isinstance(reply, dict):
            self.drop(NO_RESP3)
        else:
            self._greeted = True
            self._user.greeted(reply)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        for call in (self._timer, self._flush_call):
            if call is not None:
                call.cancel()
        self._why = self._why or failure_text(reason)
        self._user.lost(self._why)


def greeting(uri: BusUri, name: str = OWN_NAME) -> bytes:
    """What a connection begins with. ``name`` is what it calls itself, as CLIENT LIST shows it."""
    account: tuple[bytes, ...] = ()
    if uri.password is not None:
        account = (b"AUTH", (uri.username or "default").encode(), uri.password.encode())
    return pack((b"HELLO", b"3", *account, b"SETNAME", name.encode()))


def refusal(error: str) -> str:
    """The error with which a node answers, in one short line."""
    code, _, _ = error.partition(" ")
    if "unknown command" in error and "HELLO" in error:
        return NO_RESP3
    if code == "NOAUTH":
        return "it wants a password, which comes before the host: user:password@host, or :password@host"
    if code in ("NOPERM", "NOPROTO"):
        return error
    return error.partition(". ")[0].partition(", otherwise")[0]


def failure_text(reason: Failure) -> str:
    """Why a connection could not be made, or was lost, in one short line."""
    error: Any = reason.value
    errors = getattr(error, "args", ())
    if type(error).__module__.startswith("OpenSSL") and errors and errors[0]:
        return str(errors[0][0][-1])
    if isinstance(error, ConnectError) and isinstance(error.osError, int):
        return os.strerror(error.osError).lower()
    return reason.getErrorMessage().splitlines()[0].rstrip(".").lower() or type(error).__name__
