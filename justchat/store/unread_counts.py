"""A cache of unread counts: the database counts, and a count is kept until a change invalidates it."""

from collections.abc import Awaitable, Callable, Mapping

from justchat.limits.bounded_cache import BoundedCache
from justchat.model.ids import Id

Counts = Mapping[Id, int]
"""By author; authors of whom nothing is unread are left out."""
MAX_USERS = 20_000
"""Users whose counts are kept; the least recently used goes first."""
MAX_AUTHORS = 1000
"""Counts by more authors than this are not kept."""
LIFETIME = 60.0
"""Seconds that counts are kept: a write in doubt may be carried out when nobody waits for it any more."""
NOTHING: tuple[float, Counts] = (float("-inf"), {})


class UnreadCounts:
    """Unread counts by user. ``count`` asks the database. With a ``lifetime`` of 0 nothing is kept.

    ``invalidate`` must be called once a change is stored, before anybody learns of it. A count in flight at that time
    may or may not include the change, so it is not kept.
    """

    def __init__(
        self, count: Callable[[Id], Awaitable[Counts]], seconds: Callable[[], float], lifetime: float = LIFETIME
    ) -> None:
        self._count = count
        self._seconds = seconds
        self._lifetime = lifetime
        self._kept: BoundedCache[Id, tuple[float, Counts]] = BoundedCache(MAX_USERS)
        """By user, the time until which the counts are valid, and the counts."""
        self._in_flight: dict[Id, set[object]] = {}
        """By user, the counts that began after the last change."""

    async def get(self, user: Id) -> Counts:
        """Raises DatabaseAway."""
        until, counts = self._kept.get(user, NOTHING)
        began = self._seconds()
        if began < until:
            self._kept.move_to_end(user)
            return counts
        token = object()
        self._in_flight.setdefault(user, set()).add(token)
        try:
            counts = await self._count(user)
        finally:
            is_current = self._landed(user, token)
        if is_current and self._lifetime and len(counts) <= MAX_AUTHORS:
            self._kept.put(user, (began + self._lifetime, counts))
        return counts

    def invalidate(self, user: Id) -> None:
        """A message to this user was sent, read or removed."""
        self._kept.pop(user, None)
        self._in_flight.pop(user, None)

    def _landed(self, user: Id, token: object) -> bool:
        """Forget a count in flight; whether nothing has changed since it began."""
        current = self._in_flight.get(user, set())
        if token not in current:
            return False
        current.remove(token)
        if not current:
            del self._in_flight[user]
        return True
