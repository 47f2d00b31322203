"""A queue whose owners take turns, so that who has much waiting keeps nobody waiting who has little."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

from justchat.errors import Busy

T = TypeVar("T")


class Turns(Generic[T]):
    """At most ``each`` things of an owner wait, and ``most`` of all owners together."""

    def __init__(self, *, each: int, most: int) -> None:
        self._each = each
        self._most = most
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, owner: str, thing: T) -> None:
        """Raises Busy where the owner's share, or all room, is used up."""
        own = self._waiting.get(owner)
        if self._count >= self._most or (own is not None and len(own) >= self._each):
            raise Busy
        if own is None:
            own = self._waiting[owner] = deque()
        own.append(thing)
        self._count += 1

    def put_back(self, owner: str, thing: T) -> None:
        """It was taken and is to be taken again, next of all."""
        self._waiting.setdefault(owner, deque()).appendleft(thing)
        self._waiting.move_to_end(owner, last=False)
        self._count += 1

    def take(self) -> tuple[str, T] | None:
        """The first of the owner whose turn it is; None where nothing waits."""
        if not self._waiting:
            return None
        owner, own = self._waiting.popitem(last=False)
        thing = own.popleft()
        self._count -= 1
        if own:
            self._waiting[owner] = own
        return owner, thing
