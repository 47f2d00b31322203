"""How much is unread: counted by the database, and remembered for as long as nothing changes it."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from justchat.model.ids import Id

Counts = Mapping[Id, int]
"""By author; without those of whom nothing is unread."""
USERS = 20_000
"""Users whose counts are remembered; the one not asked for longest goes first."""
AUTHORS = 1000
"""Counts by more authors than this are not remembered."""
LIFETIME = 60.0
"""Seconds that counts are remembered: a write in doubt may be carried out when nobody waits for it any more."""
NOTHING: tuple[float, Counts] = (float("-inf"), {})


class Unread:
    """Counts by user. ``count`` asks the database.

    ``changed`` must be called once a change is stored, before anybody is told of it. A count that was under way then
    may or may not have seen it, so it is not remembered.
    """

    def __init__(
        self, count: Callable[[Id], Awaitable[Counts]], seconds: Callable[[], float], lifetime: float = LIFETIME
    ) -> None:
        self._count = count
        self._seconds = seconds
        self._lifetime = lifetime
        self._known: OrderedDict[Id, tuple[float, Counts]] = OrderedDict()
        """By user, until when, and the counts."""
        self._under_way: dict[Id, set[object]] = {}
        """By user, the counts that began after the last change."""

    async def of(self, user: Id) -> Counts:
        """Raises DatabaseAway."""
        until, known = self._known.get(user, NOTHING)
        began = self._seconds()
        if began < until:
            self._known.move_to_end(user)
            return known
        mine = object()
        self._under_way.setdefault(user, set()).add(mine)
        try:
            counts = await self._count(user)
        finally:
            is_current = self._ended(user, mine)
        if is_current and self._lifetime and len(counts) <= AUTHORS:
            self._known[user] = began + self._lifetime, counts
            if len(self._known) > USERS:
                self._known.popitem(last=False)
        return counts

    def changed(self, user: Id) -> None:
        """What was sent to this user has become more, or was read, or removed."""
        self._known.pop(user, None)
        self._under_way.pop(user, None)

    def _ended(self, user: Id, count: object) -> bool:
        """Forget a count that was under way; whether nothing has changed since it began."""
        current = self._under_way.get(user, set())
        if count not in current:
            return False
        current.remove(count)
        if not current:
            del self._under_way[user]
        return True
