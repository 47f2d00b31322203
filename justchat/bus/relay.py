"""The relay: the workers of one machine use it instead of a Redis. It runs in their parent process.

A server of publish and subscribe on a Unix socket that only its own user can open. It speaks as much of RESP as the
driver does: HELLO, PING, SUBSCRIBE, UNSUBSCRIBE and PUBLISH.

A worker is woken for nothing that it can do without: an entry does not go back to the worker that published it, and
that a packet was carried is said with what comes next, or a little later.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from hiredis import Reader
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.bus.connection import UNREADABLE
from justchat.bus.packets import HEADS
from justchat.interfaces.bus import PacketKind

UNREAD = 16 * 1024 * 1024
"""Bytes that may wait for a client that does not read. It is cut, as by Redis, connects anew and reads the log."""
LARGEST_COMMAND = 16 * 1024 * 1024
"""Bytes of a command that is not complete."""

ANSWER_WITHIN = 0.02
"""Seconds in which a PUBLISH is answered. Nobody waits for the answer: what has none is sent again after an outage."""

_ENTRY = HEADS[PacketKind.ENTRY]
_MORE = object()


@implementer(IPushProducer)
class RelayClient(Protocol):
    """A connection of a worker, or of ``justchat-admin``."""

    transport: Any

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._reader = Reader(notEnoughData=_MORE)
        self._mark = b"*"
        """How pushes begin: ``>`` in RESP3."""
        self._paused = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._ended = False
        self._published: list[bytes] = []
        """The answers to PUBLISH commands that are not sent yet."""
        self._answer_call: IDelayedCall | None = None
        self.channels: set[bytes] = set()

    def connectionMade(self) -> None:
        self._relay.clients.add(self)
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        reader = self._reader
        try:
            reader.feed(data)
            while not self._ended and (command := reader.gets()) is not _MORE:
                if type(command) is list and len(command) == 3 and command[0] == b"PUBLISH":
                    self._publish(command[1], command[2])
                else:
                    self._carry_out(command)
        except UNREADABLE:
            self._end()
        self._relay.flush()
        if self._published and self._answer_call is None:
            self._answer_call = self._relay.call_later(ANSWER_WITHIN, self._answer_late)
        if reader.len() > LARGEST_COMMAND:
            self._end()

    def _publish(self, channel: object, payload: object) -> None:
        if type(channel) is bytes and type(payload) is bytes:
            self._published.append(b":%d\r\n" % self._relay.publish(channel, payload, self))
        else:
            self._end()

    def _answer_late(self) -> None:
        self._answer_call = None
        self._answer_publishing()

    def _answer_publishing(self) -> None:
        """Answer all PUBLISH commands that were carried out, in one write."""
        if self._published:
            self._write(b"".join(self._published))
            self._published.clear()

    def _carry_out(self, command: object) -> None:
        self._answer_publishing()
        match command:
            case [bytes(name), *arguments]:
                self._answer(name.upper(), [each for each in arguments if isinstance(each, bytes)])
            case _:
                self._end()

    def _answer(self, name: bytes, arguments: list[bytes]) -> None:
        match name, arguments:
            case b"PING", []:
                self._write(b"+PONG\r\n")
            case b"SUBSCRIBE", [_, *_]:
                for channel in arguments:
                    self.channels.add(channel)
                    self._relay.subscribe(self, channel)
                self._confirm(b"subscribe", arguments)
            case b"UNSUBSCRIBE", [_, *_]:
                for channel in arguments:
                    self.channels.discard(channel)
                    self._relay.unsubscribe(self, channel)
                self._confirm(b"unsubscribe", arguments)
            case b"HELLO", [b"3", *_]:
                self._mark = b">"
                self._write(b"%2\r\n$6\r\nserver\r\n$8\r\njustchat\r\n$5\r\nproto\r\n:3\r\n")
            case b"HELLO", _:
                self._write(b"-NOPROTO unsupported protocol version\r\n")
            case _:
                self._write(b"-ERR unknown command, or wrong arguments\r\n")

    def _confirm(self, what: bytes, channels: list[bytes]) -> None:
        count = len(self.channels)
        head = self._mark + b"3\r\n$%d\r\n%b\r\n" % (len(what), what)
        self._write(b"".join(head + b"$%d\r\n%b\r\n:%d\r\n" % (len(each), each, count) for each in channels))

    def push(self, message: bytes) -> None:
        """Send a packet to this subscriber, at the next ``flush``."""
        self._answer_publishing()
        self._write(self._mark + message)

    def flush(self) -> None:
        """Send what was written now, not in a turn of the reactor of its own."""
        if not self._paused and not self._ended and self.transport.doWrite():
            self._end()  # the reactor, which closes what cannot be written to, has not called

    def _write(self, data: bytes) -> None:
        if not self._paused:
            self.transport.write(data)
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > UNREAD:
            self._end()

    def pauseProducing(self) -> None:
        """See IPushProducer. It comes at every write while data waits."""
        self._paused = True

    def resumeProducing(self) -> None:
        """See IPushProducer. What the transport had is sent; it gets all that has waited since."""
        waiting, self._waiting = self._waiting, []
        self._paused, self._waiting_bytes = False, 0
        self.transport.writeSequence(waiting)

    def stopProducing(self) -> None:
        """See IPushProducer."""
        self._ended = True

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ended = True
        if self._answer_call is not None:
            self._answer_call.cancel()
            self._answer_call = None
        self._relay.forget(self)


class Relay:
    """Channels, and who is subscribed to them."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.call_later = reactor.callLater
        self._port: Any = None
        self._subscribers: dict[bytes, dict[RelayClient, None]] = {}
        self._gone: Deferred[None] | None = None
        self._pushed: set[RelayClient] = set()
        """Those that packets were pushed to since the last ``flush``."""
        self.clients: set[RelayClient] = set()

    def listen(self, path: Path) -> None:
        """Listen on a Unix socket, in the place of one that an earlier process left. Raises CannotListenError."""
        path.unlink(missing_ok=True)
        factory = Factory.forProtocol(lambda: RelayClient(self))
        self._port = self._reactor.listenUNIX(str(path), factory, mode=0o600)

    async def stop(self) -> None:
        """Returns when the socket and all connections are closed."""
        if self._port is not None:
            with suppress(FileNotFoundError):  # somebody has removed the socket
                await maybeDeferred(self._port.stopListening)
        self._gone = Deferred() if self.clients else None
        for client in list(self.clients):
            client.transport.abortConnection()
        if self._gone is not None:
            await self._gone

    def publish(self, channel: bytes, payload: bytes, publisher: RelayClient) -> int:
        """Send a packet to all subscribers of its channel, an entry to all others; returns their number."""
        subscribers = self._subscribers.get(channel)
        if not subscribers:
            return 0
        receivers = [each for each in subscribers if each is not publisher or not payload.startswith(_ENTRY)]
        if receivers:
            message = b"3\r\n$7\r\nmessage\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
                len(channel),
                channel,
                len(payload),
                payload,
            )
            for client in receivers:
                client.push(message)
            self._pushed.update(receivers)
        return len(receivers)

    def flush(self) -> None:
        """Send what was pushed."""
        for client in self._pushed:
            client.flush()
        self._pushed.clear()

    def subscribe(self, client: RelayClient, channel: bytes) -> None:
        self._subscribers.setdefault(channel, {})[client] = None

    def unsubscribe(self, client: RelayClient, channel: bytes) -> None:
        subscribers = self._subscribers.get(channel, {})
        subscribers.pop(client, None)
        if not subscribers:
            self._subscribers.pop(channel, None)

    def forget(self, client: RelayClient) -> None:
        """The connection of this client is lost."""
        for channel in client.channels:
            self.unsubscribe(client, channel)
        self.clients.discard(client)
        if not self.clients and self._gone is not None:
            self._gone.callback(None)
            self._gone = None
