"""A queue that is fair among owners: many items, or slow ones, of one owner delay other owners little."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from justchat.errors import Busy
from justchat.limits.bounded_cache import BoundedCache

T = TypeVar("T")
HALF_LIFE = 60.0
"""Seconds in which an owner's cost decays by half."""
COSTS_KEPT = 10_000
"""Owners whose cost is kept."""


class FairQueue(Generic[T]):
    """At most ``each`` items of one owner are queued, and ``most`` of all owners together.

    The next item is of the owner with the least recent cost; of equals, the one who waits longest.
    ``evict`` keeps many owners from filling the queue together: where the queue is full, it is called with the latest
    item of the owner with the most items, which leaves the queue.
    """

    def __init__(
        self,
        *,
        each: int,
        most: int,
        evict: Callable[[T], None] | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._seconds = seconds
        self._costs: BoundedCache[str, tuple[float, float]] = BoundedCache(COSTS_KEPT)
        self._each = each
        self._most = most
        self._evict = evict
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._first: deque[tuple[str, T]] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, owner: str, item: T) -> None:
        """Add an item. Raises Busy where the owner's share, or the queue, is full."""
        own = self._waiting.get(owner)
        if own is not None and len(own) >= self._each:
            raise Busy
        if self._count >= self._most:
            self._make_room(0 if own is None else len(own))
        self._waiting.setdefault(owner, deque()).append(item)
        self._count += 1

    def _make_room(self, fewer: int) -> None:
        """Evict an item of the owner with the most, for an owner with ``fewer``. Raises Busy where nobody has more."""
        fullest = max(self._waiting.values(), key=len)
        if self._evict is None or len(fullest) <= max(fewer, 1):
            raise Busy
        self._count -= 1
        self._evict(fullest.pop())

    def put_back(self, owner: str, item: T) -> None:
        """Put an item that was taken in front of all others."""
        self._first.append((owner, item))
        self._count += 1

    def charge(self, owner: str, cost: float) -> None:
        """Add to an owner's cost, in the caller's unit."""
        self._costs.put(owner, (self._cost(owner) + cost, self._seconds()))

    def _cost(self, owner: str) -> float:
        if owner not in self._costs:
            return 0.0
        cost, at = self._costs[owner]
        return float(cost * 0.5 ** ((self._seconds() - at) / HALF_LIFE))

    def take(self) -> tuple[str, T] | None:
        """Take the next item and its owner; None where the queue is empty."""
        if self._first:
            self._count -= 1
            return self._first.popleft()
        if not self._waiting:
            return None
        owner = min(self._waiting, key=self._cost)
        own = self._waiting.pop(owner)
        item = own.popleft()
        self._count -= 1
        if own:
            self._waiting[owner] = own
        return owner, item
