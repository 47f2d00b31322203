"""A server of publish and subscribe on a Unix socket that only its own user can open.

Each worker of ``--workers`` has one, at which the others subscribe to what it publishes (``peers``). It speaks as much
of RESP as the driver does: HELLO, PING, SUBSCRIBE, UNSUBSCRIBE and PUBLISH.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any
from typing import Protocol as Shape

from hiredis import Reader
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.bus.connection import IS_SERVING, UNREADABLE

UNREAD = 16 * 1024 * 1024
"""Bytes that may wait for a client that does not read. It is cut, as by Redis, connects anew and reads the log."""
LARGEST_COMMAND = 16 * 1024 * 1024
"""Bytes of a command that is not complete."""
CLOSE_TIMEOUT = 1.0
"""Seconds that a stop waits for clients to read what was published."""
BACKLOG = 1024
"""Connections that wait to be accepted, after all workers were told at once that there is a new one."""

_MORE = object()


class ServerUser(Shape):
    """What a server reports to the worker that it belongs to."""

    def is_serving(self) -> bool:
        """Whether packets may have been published already, which a new client has missed."""

    def called(self, name: bytes) -> None:
        """A client with this name has come."""

    def received(self, channel: bytes, payload: bytes) -> None:
        """A client has published a packet."""


@implementer(IPushProducer)
class BusClient(Protocol):
    """A connection of a worker, or of ``justchat-admin``."""

    _log = Logger()
    transport: Any

    def __init__(self, server: "BusServer") -> None:
        self._server = server
        self._reader = Reader(notEnoughData=_MORE)
        self._mark = b"*"
        """How pushes begin: ``>`` in RESP3."""
        self.name = b""
        """What it calls itself."""
        self._paused = False
        self._waiting: list[bytes] = []
        self._ended = False
        self.waiting_bytes = 0
        self.channels: set[bytes] = set()

    def connectionMade(self) -> None:
        self._server.clients.add(self)
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        reader = self._reader
        try:
            reader.feed(data)
            while not self._ended and (command := reader.gets()) is not _MORE:
                self._carry_out(command)
        except UNREADABLE:
            self.end()
        self._server.flush()
        if reader.len() > LARGEST_COMMAND:
            self.end()

    def _carry_out(self, command: object) -> None:
        match command:
            case [bytes(name), *arguments]:
                self._answer(name.upper(), [each for each in arguments if isinstance(each, bytes)])
            case _:
                self.end()

    def _answer(self, name: bytes, arguments: list[bytes]) -> None:
        match name, arguments:
            case b"PUBLISH", [_, _] if not self._server.user.is_serving():
                self.end()  # not all have subscribed; what is not answered is sent again
            case b"PUBLISH", [channel, payload]:
                self._write(b":%d\r\n" % self._server.publish(channel, payload))
                self._server.user.received(channel, payload)
            case b"PING", []:
                self._write(b"+PONG\r\n")
            case b"SUBSCRIBE", [_, *_]:
                self._subscribe(arguments)
            case b"UNSUBSCRIBE", [_, *_]:
                for channel in arguments:
                    self.channels.discard(channel)
                    self._server.unsubscribe(self, channel)
                self._confirm(b"unsubscribe", arguments)
            case b"HELLO", [b"3", *options]:
                self._greet(options)
            case b"HELLO", _:
                self._write(b"-NOPROTO unsupported protocol version\r\n")
            case _:
                self._write(b"-ERR unknown command, or wrong arguments\r\n")

    def _greet(self, options: list[bytes]) -> None:
        self._mark = b">"
        serving = int(self._server.user.is_serving())
        hello = b"%2\r\n$6\r\nserver\r\n$8\r\njustchat\r\n"
        self._write(hello + b"$%d\r\n%b\r\n:%d\r\n" % (len(IS_SERVING), IS_SERVING, serving))
        if options[-2:-1] == [b"SETNAME"]:
            self.name = options[-1]
            self._server.user.called(self.name)

    def _subscribe(self, channels: list[bytes]) -> None:
        for channel in channels:
            self.channels.add(channel)
            self._server.subscribe(self, channel)
        self._confirm(b"subscribe", channels)

    def _confirm(self, what: bytes, channels: list[bytes]) -> None:
        count = len(self.channels)
        head = self._mark + b"3\r\n$%d\r\n%b\r\n" % (len(what), what)
        self._write(b"".join(head + b"$%d\r\n%b\r\n:%d\r\n" % (len(each), each, count) for each in channels))

    def push(self, message: bytes) -> None:
        """Send a packet to this subscriber, at the next ``flush``."""
        self._write(self._mark + message)

    def flush(self) -> None:
        """Send what was written now, not in a turn of the reactor of its own."""
        if not self._paused and not self._ended and self.transport.doWrite():
            self.end()  # the reactor, which closes what cannot be written to, has not called

    def _write(self, data: bytes) -> None:
        if not self._paused:
            self.transport.write(data)
            return
        self._waiting.append(data)
        self.waiting_bytes += len(data)
        if self.waiting_bytes > UNREAD and not self._ended:
            self._log.warn("[bus] {name} reads too slowly, and is cut", name=self.name.decode("ascii", "replace"))
            self.end()

    def pauseProducing(self) -> None:
        """See IPushProducer. It comes at every write while data waits."""
        self._paused = True

    def resumeProducing(self) -> None:
        """See IPushProducer. What the transport had is sent; it gets all that has waited since."""
        waiting, self._waiting = self._waiting, []
        self._paused, self.waiting_bytes = False, 0
        self.transport.writeSequence(waiting)

    def stopProducing(self) -> None:
        """See IPushProducer."""
        self._ended = True

    def close(self) -> None:
        """Close the connection once everything is sent."""
        if not self._ended:
            self.resumeProducing()
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def end(self) -> None:
        """Cut the connection."""
        if not self._ended:
            self._ended = True
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ended = True
        self._server.forget(self)


class BusServer:
    """Channels, and who is subscribed to them."""

    def __init__(self, reactor: Any, user: ServerUser) -> None:
        self._reactor = reactor
        self._port: Any = None
        self._subscribers: dict[bytes, tuple[BusClient, ...]] = {}
        self._gone: Deferred[None] | None = None
        self._pushed: set[BusClient] = set()
        """Those that packets were pushed to since the last ``flush``."""
        self.user = user
        self.clients: set[BusClient] = set()

    def listen(self, path: Path) -> None:
        """Listen on a Unix socket, in the place of one that an earlier process left. Raises CannotListenError."""
        path.unlink(missing_ok=True)
        factory = Factory.forProtocol(lambda: BusClient(self))
        self._port = self._reactor.listenUNIX(str(path), factory, backlog=BACKLOG, mode=0o600)

    async def stop(self) -> None:
        """Returns when the socket and all connections are closed. Clients that read get what was published before."""
        if self._port is not None:
            with suppress(FileNotFoundError):  # somebody has removed the socket
                await maybeDeferred(self._port.stopListening)
        self._gone = Deferred() if self.clients else None
        for client in list(self.clients):
            client.close()
        if self._gone is not None:
            abort = self._reactor.callLater(CLOSE_TIMEOUT, self._abort)
            await self._gone
            if abort.active():
                abort.cancel()

    def _abort(self) -> None:
        for client in list(self.clients):
            client.transport.abortConnection()

    def is_heard(self, channel: bytes) -> bool:
        """Whether anybody is subscribed to a channel."""
        return channel in self._subscribers

    def publish(self, channel: bytes, payload: bytes) -> int:
        """Send a packet to all subscribers of its channel, at the next ``flush``; returns their number."""
        subscribers = self._subscribers.get(channel)
        if not subscribers:
            return 0
        message = b"3\r\n$7\r\nmessage\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(channel), channel, len(payload), payload)
        for client in subscribers:
            client.push(message)
        self._pushed.update(subscribers)
        return len(subscribers)

    def flush(self) -> None:
        """Send what was pushed."""
        pushed, self._pushed = self._pushed, set()
        for client in pushed:
            client.flush()

    @property
    def unread(self) -> int:
        """Bytes that wait for the client that has read the least."""
        return max((client.waiting_bytes for client in self.clients), default=0)

    def subscribe(self, client: BusClient, channel: bytes) -> None:
        subscribers = self._subscribers.get(channel, ())
        if client not in subscribers:
            self._subscribers[channel] = (*subscribers, client)

    def unsubscribe(self, client: BusClient, channel: bytes) -> None:
        others = tuple(each for each in self._subscribers.get(channel, ()) if each is not client)
        if others:
            self._subscribers[channel] = others
        else:
            self._subscribers.pop(channel, None)

    def forget(self, client: BusClient) -> None:
        """The connection of this client is lost."""
        for channel in client.channels:
            self.unsubscribe(client, channel)
        self._pushed.discard(client)
        self.clients.discard(client)
        if not self.clients and self._gone is not None:
            self._gone.callback(None)
            self._gone = None
