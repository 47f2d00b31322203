"""TCP connections that send once a turn of the reactor, without asking epoll first.

Twisted's own transport asks epoll whether it may write, is told so in the next turn, writes, and takes the question
back: three system calls for each write. Most writes can be sent at once. So here what a connection has written in a
turn leaves at its end, joined, in one ``send``; only what the kernel does not take waits for epoll.

Where there are many connections to write to, they are served a few milliseconds at a time, in turn, so that what is
read meanwhile is not held up; what they are given until then joins what they have.
"""

from collections import deque
from typing import Any, cast

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.tcp import Port, Server
from twisted.logger import Logger

BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted, at least: all clients come back at once."""
SLICE = 0.004
"""Seconds of sending, after which what has come in meanwhile has its turn."""
LOOK_AT_CLOCK = 32
"""Connections written to between two looks at the clock."""


class Turns:
    """Connections of a reactor that have something to send when its turn ends."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._seconds = IReactorTime(reactor).seconds
        self._writers: deque[TurnServer] = deque()
        self._called = False

    def add(self, writer: "TurnServer") -> None:
        self._writers.append(writer)
        if not self._called:
            self._called = True
            self._reactor.callLater(0, self._end)

    def _end(self) -> None:
        writers = self._writers
        until = self._seconds() + SLICE
        while writers:
            for _ in range(min(LOOK_AT_CLOCK, len(writers))):
                writers.popleft().turn_ends()
            if self._seconds() > until:
                break
        self._called = bool(writers)
        if writers:
            self._reactor.callLater(0, self._end)


class TurnServer(Server):
    """An accepted connection. Of Twisted's way only the asking of epoll is changed: buffers, producers and closing
    are its own.
    """

    _log = Logger()
    turns: Turns
    _in_turn = False
    _in_epoll = False

    def startWriting(self) -> None:
        if not self._in_turn and not self._in_epoll:
            self._in_turn = True
            self.turns.add(self)

    def stopWriting(self) -> None:
        if self._in_epoll:
            self._in_epoll = False
            super().stopWriting()

    def turn_ends(self) -> None:
        """Send what has been written, and end if that was asked for."""
        if not self._in_turn:
            return
        self._in_turn = False
        if not self.connected:
            return
        try:
            ended = self.doWrite()
        except Exception:
            # As the reactor does where it is a producer's fault.
            self._log.failure("writing to a connection failed")
            ended = CONNECTION_LOST
        if ended is not None:
            cast(Any, self.reactor)._disconnectSelectable(self, ended, False)
        elif self.dataBuffer and not self._in_turn and not self._in_epoll:
            self._in_epoll = True
            super().startWriting()

    def writeSomeData(self, data: bytes) -> int | ConnectionLost:
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return CONNECTION_LOST


class TurnPort(Port):
    """A listening port whose connections are TurnServers."""

    turns: Turns

    def transport(self, *args: Any) -> TurnServer:  # type: ignore[override]
        """See Port.transport."""
        server = TurnServer(*args)
        server.turns = self.turns
        return server


class TurnReactor:
    """A reactor, for endpoints, on which TCP is listened to by TurnPorts; all else is the reactor's own."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._turns = Turns(reactor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = BACKLOG, interface: str = "") -> TurnPort:
        listening = TurnPort(port, factory, max(backlog, BACKLOG), interface, self._reactor)
        listening.turns = self._turns
        listening.startListening()
        return listening
