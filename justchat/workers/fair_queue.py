"""A queue whose owners take turns: who has much waiting, or what is slow, keeps nobody waiting who has little."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from justchat.errors import Busy

T = TypeVar("T")
HALF_LIFE = 60.0
"""Seconds after which half of what an owner cost is forgotten."""
REMEMBERED = 10_000
"""Owners whose cost is remembered."""


class FairQueue(Generic[T]):
    """At most ``each`` things of an owner wait, and ``most`` of all owners together.

    It is the turn of the owner who was charged least lately; of those who were charged the same, of who waits longest.
    With ``give_way`` many owners cannot keep others out together: where all room is used up, the latest thing of the
    owner who has most waiting is handed to it and waits no more.
    """

    def __init__(
        self,
        *,
        each: int,
        most: int,
        give_way: Callable[[T], None] | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._seconds = seconds
        self._costs: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._each = each
        self._most = most
        self._give_way = give_way
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._again: deque[tuple[str, T]] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, owner: str, thing: T) -> None:
        """Raises Busy where the owner's share, or all room, is used up."""
        own = self._waiting.get(owner)
        if own is not None and len(own) >= self._each:
            raise Busy
        if self._count >= self._most:
            self._make_room(0 if own is None else len(own))
        self._waiting.setdefault(owner, deque()).append(thing)
        self._count += 1

    def _make_room(self, fewer: int) -> None:
        """Let the owner who has most waiting give way to one who has ``fewer``. Raises Busy where nobody has more."""
        fullest = max(self._waiting.values(), key=len)
        if self._give_way is None or len(fullest) <= max(fewer, 1):
            raise Busy
        self._count -= 1
        self._give_way(fullest.pop())

    def put_back(self, owner: str, thing: T) -> None:
        """It was taken and is to be taken again, next of all."""
        self._again.append((owner, thing))
        self._count += 1

    def charge(self, owner: str, cost: float) -> None:
        """What was taken has cost so much, in a unit of the caller's."""
        self._costs[owner] = self._cost(owner) + cost, self._seconds()
        self._costs.move_to_end(owner)
        if len(self._costs) > REMEMBERED:
            self._costs.popitem(last=False)

    def _cost(self, owner: str) -> float:
        if owner not in self._costs:
            return 0.0
        cost, at = self._costs[owner]
        return float(cost * 0.5 ** ((self._seconds() - at) / HALF_LIFE))

    def take(self) -> tuple[str, T] | None:
        """The first of the owner whose turn it is; None where nothing waits."""
        if self._again:
            self._count -= 1
            return self._again.popleft()
        if not self._waiting:
            return None
        owner = min(self._waiting, key=self._cost)
        own = self._waiting.pop(owner)
        thing = own.popleft()
        self._count -= 1
        if own:
            self._waiting[owner] = own
        return owner, thing
