"""The cache of the package: a dict that is bounded, so that no cache grows with what clients send."""

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(OrderedDict[K, V]):
    """Keeps ``max_items`` items; the least recently put or used goes first.

    Only ``put`` adds items within the bound. ``in``, ``[]`` and ``get`` are those of a dict, and do not count as use.
    """

    def __init__(self, max_items: int) -> None:
        super().__init__()
        self.max_items = max_items

    def put(self, key: K, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self.max_items:
            self.popitem(last=False)

    def use(self, key: K) -> V | None:
        """The value of a key, which is then the most recently used; None where there is none."""
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value
