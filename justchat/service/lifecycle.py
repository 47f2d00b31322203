"""Services with an order: each child waits for the one before it."""

from collections.abc import Callable, Iterable
from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

LAST_ROUND = 5.0
"""Seconds that a stop waits for a round of periodic work that is under way."""


class OrderedService(MultiService):
    """A MultiService whose children start one after another, and stop one after another in the reverse order.

    Twisted's MultiService starts and stops all its children at once. Here a child's ``startService`` may return a
    Deferred, as its ``stopService`` may, and the next child waits for it. A child that cannot start fails the start.

    A stop stops every child, also those that have not started, so a child must bear that. The children behind the one
    that is starting are stopped at once. That one and those before it are stopped when its start has ended. A child
    that cannot stop is logged, and keeps none of the others from it.
    """

    _log = Logger()

    def __init__(self) -> None:
        super().__init__()
        self._starting: IService | None = None
        self._start_ended: Deferred[None] = Deferred()

    def startService(self) -> "Deferred[None]":
        """Start the children. The Deferred fails with the error of the first that cannot start."""
        Service.startService(self)
        return Deferred.fromCoroutine(self._start_children())

    async def _start_children(self) -> None:
        try:
            for child in tuple(self):
                if not self.running:  # stopped meanwhile
                    break
                self._starting = child
                await maybeDeferred(child.startService)
        finally:
            self._start_ended.callback(None)

    def stopService(self) -> "Deferred[None]":
        """Stop the children. The Deferred fires when the first of them has stopped."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop_children())

    async def _stop_children(self) -> None:
        for child in reversed(tuple(self)):
            await self._stop_child(child)

    async def _stop_child(self, child: IService) -> None:
        if child is self._starting:
            await self._start_ended
        try:
            await maybeDeferred(child.stopService)
        except Exception:
            self._log.failure("{name} cannot be stopped in order", name=getattr(child, "name", None) or child)


class IndependentServices(OrderedService):
    """An OrderedService whose children stop all at once, since none needs another.

    Where each waits for what does not answer, as a database that is away, their stop takes as long as one of them.
    """

    def __init__(self, name: str, children: Iterable[IService]) -> None:
        super().__init__()
        self.name = name
        for child in children:
            child.setServiceParent(self)

    async def _stop_children(self) -> None:
        await gatherResults([Deferred.fromCoroutine(self._stop_child(child)) for child in tuple(self)])


class PartService(Service):
    """A part of the daemon as a service: ``start`` and ``stop`` are called with it, and may be coroutine functions."""

    def __init__(
        self, name: str, *, start: Callable[[], Any] | None = None, stop: Callable[[], Any] | None = None
    ) -> None:
        self.name = name
        self._start = start
        self._stop = stop

    def startService(self) -> "Deferred[Any] | None":
        super().startService()
        return None if self._start is None else maybeDeferred(self._start)

    def stopService(self) -> "Deferred[Any] | None":
        super().stopService()
        return None if self._stop is None else maybeDeferred(self._stop)


class PeriodicService(Service):
    """Calls ``work`` every ``interval`` seconds, for the first time one interval after the start.

    ``work`` may be a coroutine function; rounds do not overlap. One that raises is logged, and the next comes as ever.
    What the machine refused (OSError, as where descriptors or room on the disk ran out) is a line without a traceback.
    """

    _log = Logger()

    def __init__(self, name: str, interval: float, work: Callable[[], Any], reactor: IReactorTime) -> None:
        self.name = name
        self._interval = interval
        self._work = work
        self._reactor = reactor
        self._loop = LoopingCall(self._round)
        self._loop.clock = reactor
        self._last_round: Deferred[Any] | None = None

    async def _round(self) -> None:
        try:
            await maybeDeferred(self._work)
        except OSError as error:
            self._log.error(
                "{name} failed, next in {seconds:g} s: {error}", name=self.name, seconds=self._interval, error=error
            )
        except Exception:
            self._log.failure("{name} failed", name=self.name)

    def startService(self) -> Any:
        super().startService()
        self._last_round = self._loop.start(self._interval, now=False)

    def stopService(self) -> "Deferred[Any] | None":
        """The Deferred fires when the round under way has ended, or after LAST_ROUND."""
        super().stopService()
        if self._last_round is None:
            return None
        ended, self._last_round = self._last_round, None
        self._loop.stop()
        return ended.addTimeout(LAST_ROUND, self._reactor, lambda *_: None)
