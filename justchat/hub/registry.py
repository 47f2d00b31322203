"""Who is connected: sessions, users and connections. One registry for every port and protocol."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define
from zope.interface import implementer

from justchat.errors import LoginTimeout
from justchat.interfaces.realtime import IConnection, IRegistry, ISessionListener
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent

AT_ONCE = 64
"""Connections served between two looks at the clock."""
SLICE = 0.001
"""Seconds of sending, after which others have their turn. Short, so that requests come first while more is said than
can be sent: what waits for a socket leaves joined, so who falls behind costs the less.
"""


@define(eq=False)
class _Delivery:
    """Frames of one stream on their way to connections, and to how many of these they have been sent."""

    stream: Id | None
    hearers: list[IConnection]
    burst: EncodedBatch
    number: int
    served: int = 0


@implementer(ISessionListener, IRegistry)
class Registry:
    """Connections by session and by user. It knows of a connection only what IConnection says."""

    def __init__(self, clock: Clock, reactor: Any) -> None:
        self._clock = clock
        self._reactor = reactor
        self._waiting: deque[_Delivery] = deque()
        self._last: dict[Id | None, _Delivery] = {}
        """Of each stream, the last of those that wait and may be added to."""
        self._made = 0
        self._unbound: dict[IConnection, int] = {}
        """Who is no more bound, and the last delivery that is not for them any more."""
        # Sets in the order of their coming: what lies side by side in memory is read side by side, and so comes faster.
        self._by_session: dict[Id, dict[IConnection, None]] = {}
        self._by_user: dict[Id, dict[IConnection, None]] = {}

    def bind(self, connection: IConnection, session: Session) -> None:
        """The connection speaks for this session from now on."""
        self._by_session.setdefault(session.id, {})[connection] = None
        self._by_user.setdefault(session.user, {})[connection] = None

    def unbind(self, connection: IConnection, session: Session) -> None:
        """The connection is gone."""
        for table, key in ((self._by_session, session.id), (self._by_user, session.user)):
            connections = table.get(key)
            if connections is not None:
                connections.pop(connection, None)
                if not connections:
                    del table[key]
        if self._waiting:
            self._unbound[connection] = self._made
            self._last.clear()  # it may be bound again: then it hears of what is sent after that

    def replace(self, connection: IConnection, other: IConnection, session: Session) -> None:
        """The other speaks for the session from now on. What waits for the first still goes to that."""
        for table, key in ((self._by_session, session.id), (self._by_user, session.user)):
            connections = table[key]
            del connections[connection]
            connections[other] = None

    def sockets_of(self, session: Session) -> int:
        """How many connections speak for this session."""
        return len(self._by_session.get(session.id, ()))

    def send(self, users: Iterable[Id], make: Callable[[], EncodedEvent]) -> None:
        """Send to every connection of these users a frame that is made once, and only if there are any.

        It goes out when the reactor's turn ends, or when those before it have been served, with what else its stream
        has for the same connections by then: so what waits does not grow with the number of frames.
        """
        by_user = self._by_user
        hearers = [connection for user in users for connection in by_user.get(user, ())]
        if not hearers:
            return
        frame = make()
        last = self._last.get(frame.stream)
        if last is not None and last.hearers == hearers:
            last.burst.frames.append(frame)
            return
        self._made += 1
        delivery = _Delivery(frame.stream, hearers, EncodedBatch(frame), self._made)
        if frame.stream is not None:
            self._last[frame.stream] = delivery
        if not self._waiting:
            self._reactor.callLater(0, self._deliver)
        self._waiting.append(delivery)

    def _deliver(self) -> None:
        until = self._reactor.seconds() + SLICE
        while self._waiting:
            delivery = self._waiting[0]
            if self._last.get(delivery.stream) is delivery:
                del self._last[delivery.stream]  # what has been sent to some is not added to
            if not self._serve(delivery, AT_ONCE):
                self._waiting.popleft()
            if self._reactor.seconds() >= until:
                break
        if self._waiting:
            self._reactor.callLater(0, self._deliver)
        else:
            self._unbound.clear()

    def _serve(self, delivery: "_Delivery", most: int) -> bool:
        """Send to so many of those who have not been sent it; whether there are more."""
        start, unbound = delivery.served, self._unbound
        hearers = delivery.hearers[start : start + most]
        delivery.served += most
        if unbound:
            hearers = [connection for connection in hearers if unbound.get(connection, 0) < delivery.number]
        send_batch(delivery.burst, hearers)
        return delivery.served < len(delivery.hearers)

    def session_ended(self, session: Session) -> None:
        for connection in tuple(self._by_session.get(session.id, ())):
            connection.close(CloseCode.SESSION_OVER, LoginTimeout.detail)

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
                connection.close(CloseCode.SESSION_OVER, LoginTimeout.detail)


def send_batch(burst: EncodedBatch, hearers: Iterable[IConnection]) -> None:
    """Send to each of them: past its buffer if it can, and in this loop, since a call costs a third of a send."""
    frames = burst.websocket
    length = len(frames)
    for connection in hearers:
        wire = connection.wire
        if wire is None or (send := wire.send_now) is None:
            connection.send_batch(burst)
            continue
        try:
            sent = send(frames)
        except OSError:
            sent = 0  # write() meets it again
        if sent != length:
            wire.write(frames[sent:])
