"""Work that is done at the same time."""

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import DeferredList, ensureDeferred

T = TypeVar("T")


async def all_of(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do these works at the same time. Returns their results, or raises the first error once all have ended.

    ``gatherResults`` would raise FirstError, which is no ApiError, so a call would be answered 500.
    """
    outcomes: list[tuple[bool, Any]] = await DeferredList([ensureDeferred(work) for work in works], consumeErrors=True)
    for succeeded, outcome in outcomes:
        if not succeeded:
            outcome.raiseException()
    return [outcome for _, outcome in outcomes]
