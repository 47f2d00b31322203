"""Waiting for what must happen, and beginning several things at once."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import deferLater

PATIENCE = 15.0
"""Seconds that something which must happen is waited for."""


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Returns once the condition holds; fails when it does not come to hold."""
    for _ in range(int(PATIENCE / 0.01)):
        if condition():
            return
        await deferLater(reactor, 0.01)
    raise AssertionError(f"waited {PATIENCE} s in vain for {what}")


async def at_once(calls: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Begin all of these before any has ended; their results."""
    return await gatherResults([ensureDeferred(call) for call in calls], consumeErrors=True)


def quietly(seconds: float) -> Awaitable[None]:
    return deferLater(reactor, seconds)
