"""Who is connected: sessions, users and connections. One registry for every port and protocol."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from zope.interface import implementer

from justchat.errors import LoginTimeout
from justchat.events import Frame
from justchat.interfaces import IConnection, IFarewell, IRegistry
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.user import Session

SESSION_OVER = 4440
CROWD = 500
"""Connections that are sent a frame at once; where there are more, others have a turn between."""
SLICE = 0.004
"""Seconds of sending to crowds, after which others have their turn."""


@implementer(IFarewell, IRegistry)
class Registry:
    """Connections by session and by user. It knows of a connection only what IConnection says."""

    def __init__(self, clock: Clock, reactor: Any) -> None:
        self._clock = clock
        self._reactor = reactor
        # Behind what goes to a crowd waits all else, so that everyone hears things in their order.
        self._waiting: deque[tuple[list[IConnection], list[Frame]]] = deque()
        self._by_session: dict[Id, set[IConnection]] = {}
        self._by_user: dict[Id, set[IConnection]] = {}

    def bind(self, connection: IConnection, session: Session) -> None:
        """The connection speaks for this session from now on."""
        self._by_session.setdefault(session.id, set()).add(connection)
        self._by_user.setdefault(session.user, set()).add(connection)

    def unbind(self, connection: IConnection, session: Session) -> None:
        """The connection is gone."""
        for table, key in ((self._by_session, session.id), (self._by_user, session.user)):
            connections = table.get(key)
            if connections is not None:
                connections.discard(connection)
                if not connections:
                    del table[key]
        for hearers, _ in self._waiting:
            if connection in hearers:
                hearers.remove(connection)

    def sockets_of(self, session: Session) -> int:
        """How many connections speak for this session."""
        return len(self._by_session.get(session.id, ()))

    def send(self, users: Iterable[Id], make: Callable[[], Frame]) -> None:
        """Send to every connection of these users a frame that is made once, and only if there are any."""
        by_user = self._by_user
        # A list of its own: a connection that is closed for being slow leaves its set.
        hearers = [connection for user in users for connection in by_user.get(user, ())]
        if not hearers:
            return
        frame = make()
        if len(hearers) > CROWD or self._waiting:
            self._send_later(hearers, frame)
        else:
            for connection in hearers:
                connection.send(frame)

    def _send_later(self, hearers: list[IConnection], frame: Frame) -> None:
        if not self._waiting:
            self._reactor.callLater(0, self._send_some)
        elif self._waiting[-1][0] == hearers:
            self._waiting[-1][1].append(frame)
            return
        self._waiting.append((hearers, [frame]))

    def _send_some(self) -> None:
        until = self._reactor.seconds() + SLICE
        while self._waiting and self._reactor.seconds() < until:
            # What is left of them is put back first: to those served here, later frames are no more the same way.
            hearers, frames = self._waiting.popleft()
            some, others = hearers[:CROWD], hearers[CROWD:]
            if others:
                self._waiting.appendleft((others, frames))
            for connection in some:
                for each in frames:
                    connection.send(each)
        if self._waiting:
            self._reactor.callLater(0, self._send_some)

    def session_ended(self, session: Session) -> None:
        for connection in tuple(self._by_session.get(session.id, ())):
            connection.close(SESSION_OVER, LoginTimeout.detail)

    def close_expired(self) -> None:
        """Close the connections of sessions that have run out."""
        at = self._clock()
        expired = [
            connections
            for connections in self._by_session.values()
            if next(iter(connections)).session.expires_at <= at  # they are all of one session
        ]
        for connections in expired:
            for connection in tuple(connections):
                connection.close(SESSION_OVER, LoginTimeout.detail)
