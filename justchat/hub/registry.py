"""Who is connected: sessions, users and connections. One registry for every port and protocol."""

from collections.abc import Callable, Iterable

from zope.interface import implementer

from justchat.errors import LoginTimeout
from justchat.events import Frame
from justchat.interfaces import IConnection, IFarewell, IRegistry
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.user import Session

SESSION_OVER = 4440


@implementer(IFarewell, IRegistry)
class Registry:
    """Connections by session and by user. It knows of a connection only what IConnection says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
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

    def sockets_of(self, session: Session) -> int:
        """How many connections speak for this session."""
        return len(self._by_session.get(session.id, ()))

    def send(self, users: Iterable[Id], make: Callable[[], Frame]) -> None:
        """Send to every connection of these users a frame that is made once, and only if there are any."""
        by_user = self._by_user
        # A list of its own: a connection that is closed for being slow leaves its set.
        hearers = [connection for user in users for connection in by_user.get(user, ())]
        if hearers:
            frame = make()
            for connection in hearers:
                connection.send(frame)

    def session_ended(self, session: Session) -> None:
        for connection in tuple(self._by_session.get(session.id, ())):
            connection.close(SESSION_OVER, LoginTimeout.detail)

    def close_expired(self) -> None:
        """Close the connections of sessions that have run out."""
        at = self._clock()
        for connections in tuple(self._by_session.values()):
            for connection in tuple(connections):
                if connection.session.expires_at <= at:
                    connection.close(SESSION_OVER, LoginTimeout.detail)
