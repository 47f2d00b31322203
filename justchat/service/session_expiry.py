"""The timers that end sessions.

A session ends here by a sign-out, elsewhere by an operator or another daemon, or by its age. In each case the
session's sockets are closed by the one ISessionListener: ``actions.accounts`` calls it for a sign-out, the store of
sessions for packets of the bus, and SessionExpiry for the rest. Calls do not wait for a timer: ``ISessions.get``
refuses a session that is too old.
"""

from twisted.internet.interfaces import IReactorTime

from justchat.errors import ApiError
from justchat.interfaces.realtime import ISessionListener
from justchat.interfaces.users import ISessions
from justchat.service.lifecycle import OrderedService, PeriodicService

ENDED_ELSEWHERE_EVERY = 0.5
"""Seconds between looks for sessions that another process has ended."""
EXPIRED_EVERY = 10.0
"""Seconds between looks for connections whose session is too old."""


class SessionExpiry(OrderedService):
    """Ends the sessions that another process has ended, and those that are too old."""

    name = "session expiry"

    def __init__(self, sessions: ISessions, listener: ISessionListener, reactor: IReactorTime) -> None:
        super().__init__()
        self._sessions = sessions
        self._listener = listener
        for child in (
            PeriodicService("ending sessions that ended elsewhere", ENDED_ELSEWHERE_EVERY, self._end_remote, reactor),
            PeriodicService("ending expired sessions", EXPIRED_EVERY, listener.close_expired, reactor),
        ):
            self.addService(child)

    async def _end_remote(self) -> None:
        try:
            ended = await self._sessions.ended_elsewhere(self._listener.bound_sessions)
        except ApiError:  # the database is away, which others log; the next look finds the same sessions
            return
        for session in ended:
            self._listener.session_ended(session)
