"""A standstill: this process was suspended for a while, or its machine was, and users moved through other daemons.

What happened meanwhile comes in one rush afterwards: the bus has kept word of moves, and calls that waited let the logs
of some rooms be read to their ends. So the last of a user's moves may be known before the others, and stays that were
over by then could not be told any more. Their connections are closed before they are told anything. They come back, and
learn as after any other absence what they have missed, or that they have to load it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import Unavailable
from justchat.hub.broadcast import Broadcast
from justchat.hub.local_rooms import LocalRooms
from justchat.hub.registry import Registry
from justchat.interfaces.users import IUsers
from justchat.model.ids import Id
from justchat.model.moment import seconds_since_boot
from justchat.protocol.close_codes import CloseCode

STANDSTILL = 2.0
"""Seconds without a look after which this process counts as one that stood still. Users hardly move twice in less."""
LOOK_EVERY = 0.5
"""Seconds between looks."""
READ_AT_ONCE = 500
"""Users that one query reads."""
ATTEMPTS = 30
"""Attempts to read who has moved, PAUSE seconds apart. Then all connections are closed."""
PAUSE = 1.0


class Standstill:
    """Notices that this process stood still. ``look`` is to be called every LOOK_EVERY seconds."""

    _log = Logger()

    def __init__(
        self, *, registry: Registry, broadcast: Broadcast, local_rooms: LocalRooms, users: IUsers, reactor: Any
    ) -> None:
        self._by_user = registry.by_user
        self._broadcast = broadcast
        self._local_rooms = local_rooms
        self._users = users
        self._reactor = reactor
        self.seconds: Callable[[], float] = seconds_since_boot
        self._looked_at: float | None = None
        self._is_due = False
        """Whether the process stood still after the last check had begun."""
        self._is_checking = False
        broadcast.before_sending = self.look

    def look(self) -> None:
        """Look whether the process stood still since the last look. If so, send nothing until it is known who moved."""
        before, self._looked_at = self._looked_at, self.seconds()
        if before is not None and self._looked_at - before > STANDSTILL:
            self._is_due = True
        if self._is_checking:
            return
        if not self._is_due:
            self._local_rooms.forget_known_before()
            return
        self._is_checking = True
        self._broadcast.hold()
        Deferred.fromCoroutine(self._check()).addErrback(
            lambda failure: self._log.failure("it is not known who moved during a standstill", failure)
        )

    async def _check(self) -> None:
        try:
            while self._is_due:
                self._is_due = False
                await self._close_moved()
        finally:
            self._is_checking = False
            self._local_rooms.forget_known_before()
            self._broadcast.release()

    async def _close_moved(self) -> None:
        """Close the connections of the users who have moved since the look before the standstill."""
        known = {user: self._local_rooms.known_before(user) for user in self._by_user}
        connections = {user: tuple(self._by_user[user]) for user in known}
        users, moved = list(known), 0
        for start in range(0, len(users), READ_AT_ONCE):
            some = users[start : start + READ_AT_ONCE]
            orders = await self._orders_of(some)
            for user in some:
                if orders is None or orders.get(user, 0) > known[user]:
                    moved += 1
                    for connection in connections[user]:
                        connection.close(CloseCode.TRY_AGAIN_LATER, "this daemon stood still while the user moved")
        if moved:
            self._log.warn("this process stood still: the sockets of {number} users who moved are closed", number=moved)

    async def _orders_of(self, users: Sequence[Id]) -> Mapping[Id, int] | None:
        """The order of each user's latest entering; None where the database stays away."""
        for attempt in range(ATTEMPTS):
            if attempt:
                await deferLater(self._reactor, PAUSE)
            try:
                return await self._users.entered_of(users)
            except Unavailable:
                continue
        return None
