"""What tests share for a while: daemons with their databases, and other servers.

An idle daemon asks its database ten times a second. A process that keeps all that its tests have shared is busy with
that after some minutes. So what no test has wanted for some modules ends.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
MODULES = 2
"""Modules of tests that begin until a thing ends that none of them has wanted."""
_all: list["Kept[Any]"] = []
_module, _begun = "", 0


class Kept(Generic[T]):
    """Things of a kind, by what distinguishes them. ``end`` ends one, ``modules`` after the last that wanted it."""

    def __init__(self, end: Callable[[T], None], modules: int = MODULES) -> None:
        self._end = end
        self._modules = modules
        self._things: dict[Hashable, tuple[T, int]] = {}
        _all.append(self)

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The thing of this key, which is made if there is none."""
        thing = self._things[key][0] if key in self._things else await make()
        self._things[key] = thing, _begun
        return thing

    def end_unused(self) -> None:
        for key, (thing, used) in list(self._things.items()):
            if _begun - used >= self._modules:
                del self._things[key]
                self._end(thing)


def note_module(case: object) -> None:
    """A test begins. With the first one of a module, what is not used any more ends."""
    global _module, _begun
    if type(case).__module__ != _module:
        _module = type(case).__module__
        _begun += 1
        for kept in _all:
            kept.end_unused()
