"""Waiting for what must happen, without sleeping for it, and starting several calls at once."""

import inspect
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import deferLater

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that a test waits for something that must happen."""
PAUSE, LONGEST_PAUSE = 0.01, 0.05
"""Seconds between two looks: the first ones, and those after a second. Looks are a part of the work of all tests."""


async def eventually(
    condition: Callable[[], T | Awaitable[T]], what: str | Callable[[], str], patience: float = PATIENCE
) -> T:
    """Wait until a condition, or the coroutine that it returns, is true; returns its value.

    Raises AssertionError, with ``what`` was waited for, after ``patience`` seconds. It counts pauses, not seconds: on a
    busy machine, where every look takes longer, it waits longer.
    """
    for pause in _pauses(patience):
        found = condition()
        value: T = await found if inspect.isawaitable(found) else found  # type: ignore[assignment]
        if value:
            return value
        await deferLater(reactor, pause)
    raise AssertionError(_in_vain(what, patience))


def block_until(
    condition: Callable[[], object], what: str | Callable[[], str], patience: float = PATIENCE, pause: float = PAUSE
) -> None:
    """The same in a thread, or where the reactor does not run."""
    for each in _pauses(patience, pause):
        if condition():
            return
        time.sleep(each)
    raise AssertionError(_in_vain(what, patience))


def _pauses(patience: float, first: float = PAUSE) -> Iterator[float]:
    """Pauses of ``patience`` seconds in all, or of as many more as work takes longer on this machine."""
    waited, factor = 0.0, 1.0
    while waited < patience * factor:
        pause = max(first, min(waited / 20, LONGEST_PAUSE))
        yield pause
        waited += pause
        if waited >= patience and factor == 1.0:
            factor = slowness()


def _in_vain(what: str | Callable[[], str], patience: float) -> str:
    return f"waited {patience:g} s in vain for {what() if callable(what) else what}"


async def in_time(expected: "Deferred[T]", patience: float = PATIENCE) -> T:
    """What a Deferred comes to. Cancels it after ``patience`` seconds, or as many more as work takes longer here."""

    def look() -> None:
        nonlocal timer
        timer = reactor.callLater(patience * (slowness() - 1), expected.cancel)

    timer = reactor.callLater(patience, look)
    try:
        return await expected
    finally:
        if timer.active():
            timer.cancel()


async def at_once(calls: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Start all of these before any has ended; returns their results."""
    return await gatherResults([ensureDeferred(call) for call in calls], consumeErrors=True)


def slowness() -> float:
    """How many times as long as on an idle machine work takes on this one, now or in the last minute; 1 or more."""
    burn = 0.2
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < burn:
        pass
    load, *_ = os.getloadavg()
    return max(1.0, (time.monotonic() - began) / burn, load / (os.cpu_count() or 1))


def assert_within(seconds: float, took: float) -> None:
    """Assert that something took less than ``seconds``, or as much more as work takes longer on a busy machine."""
    if took >= seconds:
        factor = slowness()
        assert took < seconds * factor, f"took {took:.1f} s, not {seconds:g}; the machine is {factor:.1f} times slower"


def quietly(seconds: float) -> Awaitable[None]:
    """Do nothing for so long: for a span that is measured, not for something that must happen."""
    return deferLater(reactor, seconds)
