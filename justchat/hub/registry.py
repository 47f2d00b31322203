"""The registry of connections, by session and by user: one for every port and protocol. It has the tables alone."""

from collections.abc import Callable

from zope.interface import implementer

from justchat.errors import LoginTimeout, Suspended
from justchat.interfaces.realtime import IConnection, IRegistry, ISessionListener
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode


@implementer(ISessionListener, IRegistry)
class Registry:
    """Connections by session and by user. All that it knows of a connection is IConnection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._on_unbind: list[Callable[[IConnection], None]] = []
        self._on_change: list[Callable[[Id], None]] = []
        # Sets in the order of arrival: connections that lie side by side in memory are read one after another, which
        # is faster.
        self._by_session: dict[Id, dict[IConnection, None]] = {}
        self.by_user: dict[Id, dict[IConnection, None]] = {}
        """The connections of each user. Only the registry changes it."""

    def subscribe_unbind(self, on_unbind: Callable[[IConnection], None]) -> None:
        """Call ``on_unbind`` with each connection that is unbound from now on."""
        self._on_unbind.append(on_unbind)

    def subscribe_change(self, on_change: Callable[[Id], None]) -> None:
        """Call ``on_change`` with each user whose connections have changed, from now on."""
        self._on_change.append(on_change)

    def bind(self, connection: IConnection, session: Session) -> None:
        """Add the connection to those of the session and its user."""
        self._by_session.setdefault(session.id, {})[connection] = None
        self.by_user.setdefault(session.user, {})[connection] = None
        self._changed(session.user)

    def unbind(self, connection: IConnection, session: Session) -> None:
        """Remove the connection. It receives nothing more, not even events that are queued for it."""
        for table, key in ((self._by_session, session.id), (self.by_user, session.user)):
            connections = table.get(key)
            if connections is not None:
                connections.pop(connection, None)
                if not connections:
                    del table[key]
        for on_unbind in self._on_unbind:
            on_unbind(connection)
        self._changed(session.user)

    def _changed(self, user: Id) -> None:
        for on_change in self._on_change:
            on_change(user)

    def replace(self, connection: IConnection, other: IConnection, session: Session) -> None:
        """Put ``other`` in the connection's place. Events that are queued for the connection still go to it."""
        for table, key in ((self._by_session, session.id), (self.by_user, session.user)):
            connections = table[key]
            del connections[connection]
            connections[other] = None
        self._changed(session.user)

    def count_all(self) -> int:
        """The number of connections that are bound."""
        return sum(map(len, self._by_session.values()))

    def count_connections(self, session: Session) -> int:
        """The number of connections that are bound to this session."""
        return len(self._by_session.get(session.id, ()))

    def session_ended(self, session: Session) -> None:
        """Close the session's connections."""
        for connection in tuple(self._by_session.get(session.id, ())):
            if session.is_suspended:
                connection.close(CloseCode.SUSPENDED, Suspended.detail)
            else:
                connection.close(CloseCode.SESSION_OVER, LoginTimeout.detail)

    def close_expired(self) -> None:
        """Close the connections of expired sessions."""
        at = self._clock()
        for session in self.bound_sessions():
            if session.expires_at <= at:
                self.session_ended(session)

    def bound_sessions(self) -> list[Session]:
        """The sessions that have connections."""
        # All connections of one have the same session.
        return [next(iter(connections)).session for connections in self._by_session.values()]
