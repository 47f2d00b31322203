"""What actions ask of rate counters."""

from collections.abc import Callable, Sequence

from zope.interface import Interface

from justchat.model.ids import Id
from justchat.model.rate import RateCounter, RateHit

CountAction = Callable[[Id, Id], None]
"""Counts an action of a user in a room, which everybody in it gets an event about. Raises TooManyRequests."""


class IRateWindows(Interface):
    """The store of rate counters."""

    async def used(counters: Sequence[RateCounter]) -> list[float]:
        """How full each counter is, from 0 to 1. Counts nothing. Raises TooManyRequests where one is full."""

    async def take(counters: Sequence[RateCounter]) -> list[RateHit]:
        """Count one hit in each counter, before the action. Raises TooManyRequests where one is full; counts none then.

        Raises DatabaseAway where the database is not available. What it may have counted is given back later.
        """

    async def give_back(hits: Sequence[RateHit]) -> None:
        """Give back hits of an action that did not happen. Raises nothing: without the database it happens later."""

    async def forget(counter: RateCounter) -> None:
        """Reset a counter to zero."""
